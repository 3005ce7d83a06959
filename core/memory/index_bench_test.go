package memory

import (
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/storetest"
)

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
	storetest.Fill(t, store, facts)
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

func BenchmarkSize(b *testing.B) {
	storetest.BenchmarkSize(b, func(facts int) *factstr.Store {
		store, log := filled(b, facts)
		log.settled()
		return store
	})
}

// BenchmarkAppend measures what the index costs an append.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			store, _ := filled(b, 1000)
			batch := make([]factstr.NewEvent, size)
			for i := range batch {
				batch[i] = storetest.Transfer(i)
			}
			for b.Loop() {
				if _, err := store.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
