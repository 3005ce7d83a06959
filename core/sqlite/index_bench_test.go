package sqlite

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/storetest"
)

func BenchmarkSize(b *testing.B) {
	storetest.BenchmarkSize(b, func(facts int) *factstr.Store {
		path := newPath(b)
		store := openStore(b, path)
		storetest.Fill(b, store, facts)
		facttest.Close(b, store)
		store = openWithoutTail(b, path)
		if facts > int(sizesOfIndex.lag) {
			awaitIndex(b, store)
		}
		return store
	})
}

// BenchmarkAppendBesideTheIndex measures what building the index costs appends.
func BenchmarkAppendBesideTheIndex(b *testing.B) {
	usual := sizesOfIndex
	defer func() { sizesOfIndex = usual }()
	for _, size := range []int{1, 100, 1000} {
		for _, indexed := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/indexed=%t", size, indexed), func(b *testing.B) {
				sizesOfIndex = usual
				if !indexed {
					sizesOfIndex.lag = math.MaxInt64
				}
				store := openStore(b, newPath(b))
				batch := make([]factstr.NewEvent, size)
				for i := range batch {
					batch[i] = storetest.Transfer(i)
				}
				for b.Loop() {
					facttest.Append(b, store, batch...)
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkTypesWithoutAnIndex measures a query for a type of few facts while the index does not
// reach: the log is read.
func BenchmarkTypesWithoutAnIndex(b *testing.B) {
	const facts = 200_000
	path := newPath(b)
	store := openStore(b, path)
	storetest.Fill(b, store, facts)
	facttest.Close(b, store)
	usual := sizesOfIndex
	sizesOfIndex.rangeMin, sizesOfIndex.lag = 1<<62, 1<<62
	defer func() { sizesOfIndex = usual }()
	store = openWithoutTail(b, path)
	for b.Loop() {
		facttest.Query(b, store, factstr.OfTypes("no fact has this"))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/facts, "ns/fact")
}

// BenchmarkOpen measures an opening with its first query for a payload: at first, without an index,
// and later.
func BenchmarkOpen(b *testing.B) {
	for _, facts := range []int{1_000, 100_000} {
		path := newPath(b)
		store := openStore(b, path)
		storetest.Fill(b, store, facts)
		awaitIndex(b, store)
		facttest.Close(b, store)
		for _, first := range []bool{false, true} { // the first ones leave no whole index behind
			b.Run(fmt.Sprintf("facts=%d/first=%t", facts, first), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					if first {
						if err := os.RemoveAll(path + "-index"); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
					store := openWithoutTail(b, path)
					facttest.Query(b, store, facttest.PayloadQuery(`{"no":"fact has this"}`))
					b.StopTimer()
					facttest.Close(b, store)
					b.StartTimer()
				}
			})
		}
	}
}

// BenchmarkShortLived measures what openings, first queries and closings cost in a log that grows
// by stores that are opened one after the other, append some facts and close.
func BenchmarkShortLived(b *testing.B) {
	for _, facts := range []int{500, 1_000, 2_000, 5_000, 20_000} {
		b.Run(fmt.Sprintf("facts=%d", facts), func(b *testing.B) {
			path, n := newPath(b), 0
			var opening, closing time.Duration
			batch := make([]factstr.NewEvent, 100)
			for b.Loop() {
				begun := time.Now()
				store := openWithoutTail(b, path)
				facttest.Query(b, store, facttest.PayloadQuery(`{"no":"fact has this"}`))
				opening += time.Since(begun)
				for range facts / len(batch) {
					for i := range batch {
						batch[i] = storetest.Transfer(n)
						n++
					}
					facttest.Append(b, store, batch...)
				}
				begun = time.Now()
				facttest.Close(b, store)
				closing += time.Since(begun)
			}
			b.ReportMetric(float64(opening.Microseconds())/float64(b.N), "us/open")
			b.ReportMetric(float64(closing.Microseconds())/float64(b.N), "us/close")
		})
	}
}
