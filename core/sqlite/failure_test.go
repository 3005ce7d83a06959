package sqlite

import (
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func largeFact(size int) factstr.NewEvent {
	return facttest.Fact("large", `"`+strings.Repeat("x", size)+`"`)
}

// G5 G2: nothing is there of what did not fit, what fits is still written, and everybody can read.
func TestAFullDiskIsToldAndNothingIsWritten(t *testing.T) {
	path := newPath(t)
	store := openStoreWith(t, path, Options{MaxPageCount: 60})
	live := facttest.NewDeliveries(t)
	if _, err := store.StreamAll(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	full := func(err error) {
		t.Helper()
		if failure := facttest.WantError(t, err, factstr.CodeBackendFailure, "disk is full"); failure.Reason != factstr.ReasonDiskFull {
			t.Fatalf("reason %s", failure.Reason)
		}
	}
	facttest.Append(t, store, facttest.Batch(2, "small")...)
	for range 3 {
		_, err := store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("small", `1`), largeFact(1 << 20), facttest.Fact("small", `2`)})
		full(err)
		_, err = store.AppendIf(t.Context(), []factstr.NewEvent{largeFact(1 << 20)}, factstr.OfTypes("large"), nil)
		full(err)
	}
	if got := facttest.Append(t, store, facttest.Batch(1, "small")...); got.FirstSequenceNumber != 3 {
		t.Fatalf("%+v", got)
	}
	count := uint64(3)
	for {
		result, err := store.Append(t.Context(), []factstr.NewEvent{largeFact(1000)})
		if err != nil {
			full(err)
			break
		}
		if count++; result.LastSequenceNumber != count {
			t.Fatalf("%+v after %d", result, count-1)
		}
	}
	if got := uint64(len(facttest.All(t, store))); got != count {
		t.Fatalf("%d facts, appended %d", got, count)
	}
	// The bound is this store's; with room the same file goes on.
	other := openStore(t, path)
	if got := facttest.Append(t, other, largeFact(1<<20)); got.FirstSequenceNumber != count+1 {
		t.Fatalf("%+v", got)
	}
	for next := uint64(1); next <= count+1; {
		for _, number := range live.Next() {
			if number != next {
				t.Fatalf("delivered %d, want %d", number, next)
			}
			next++
		}
	}
}

// G5: only the request of a group that does not fit fails.
func TestARequestThatDoesNotFitFailsOnlyItself(t *testing.T) {
	store := openStoreWith(t, newPath(t), Options{MaxPageCount: 100})
	var wait sync.WaitGroup
	for n := range 64 {
		wait.Go(func() {
			event := facttest.Fact("small", "1")
			if n%8 == 0 {
				event = largeFact(1 << 20)
			}
			_, err := store.Append(t.Context(), []factstr.NewEvent{event})
			if large := n%8 == 0; large != (factstr.CodeOf(err) == factstr.CodeBackendFailure) || !large && err != nil {
				t.Errorf("request %d: %v", n, err)
			}
		})
	}
	wait.Wait()
	facttest.WantGapless(t, store, 56)
}
