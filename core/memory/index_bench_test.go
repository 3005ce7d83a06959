package memory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// transfer is a fact of 256 bytes with seven terms, of which three are near-unique.
func transfer(n int) factstr.NewEvent {
	text := fmt.Sprintf(`{"account":"a-%07d","reference":"RF-%09d","hash":"%016x","currency":"%s","kind":%d,"tags":["%s"],"note":"`,
		n/10, n, uint64(n)*0x9e3779b97f4a7c15, []string{"EUR", "USD", "CHF"}[n%3], n%10, []string{"vip", "eu"}[n%2])
	return facttest.Fact(fmt.Sprint("type", n%10), text+strings.Repeat("x", 256-len(text)-2)+`"}`)
}

// openBackend opens a store over a backend whose index the test may have changed.
func openBackend(t testing.TB, b *backend) *factstr.Store {
	t.Helper()
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	return facttest.Opened(t, store, err)
}

// filled returns a store of a number of transfers.
func filled(t testing.TB, facts int) (*factstr.Store, *backend) {
	t.Helper()
	b := newBackend(nil)
	store := openBackend(t, b)
	batch := make([]factstr.NewEvent, 1000)
	for at := 0; at < facts; at += len(batch) {
		for i := range batch {
			batch[i] = transfer(at + i)
		}
		facttest.Append(t, store, batch...)
	}
	return store, b
}

// settled waits until all facts are indexed.
func (b *backend) settled() {
	for b.index.known.Load() < b.lastNumber() || len(b.index.full) > 0 {
		signal(b.index.more)
		b.index.ask()
		time.Sleep(time.Millisecond)
	}
}

func selective(account int) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts(fmt.Sprintf(`{"account":"a-%07d"}`, account))}}}
}

// BenchmarkSize measures what should not depend on the size of the log, and a query that does.
func BenchmarkSize(b *testing.B) {
	for _, facts := range []int{1_000, 100_000, 1_000_000} {
		store, log := filled(b, facts)
		log.settled()
		n := 0
		next := func() int { n++; return n * 7919 % (facts / 10) }
		b.Run(fmt.Sprintf("selective query/%d", facts), func(b *testing.B) {
			for b.Loop() {
				if result := facttest.Query(b, store, selective(next())); len(result.EventRecords) != 10 {
					b.Fatal(len(result.EventRecords))
				}
			}
		})
		b.Run(fmt.Sprintf("query of a tenth/%d", facts), func(b *testing.B) {
			for b.Loop() {
				facttest.Query(b, store, factstr.OfTypes("type3"))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(facts/10), "ns/row")
		})
		b.Run(fmt.Sprintf("conditional append/%d", facts), func(b *testing.B) {
			for b.Loop() {
				account := next()
				expected := facttest.Query(b, store, selective(account)).CurrentContextVersion
				if _, err := store.AppendIf(b.Context(), []factstr.NewEvent{facttest.Fact("other", `{}`)}, selective(account), expected); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppend measures what the index costs an append.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			store, _ := filled(b, 1000)
			batch := make([]factstr.NewEvent, size)
			for i := range batch {
				batch[i] = transfer(i)
			}
			for b.Loop() {
				if _, err := store.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
