package sqlite

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func largeFact(size int) factstr.NewEvent {
	return facttest.Fact("large", `"`+strings.Repeat("x", size)+`"`)
}

// G5 G2: nothing of what did not fit is there, what fits is still written, and everybody reads on.
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

// G5: of a group, only the request that does not fit fails.
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

// G5: a lock of another program that is not of this library, and so does not come through the
// turnstile.
func TestADatabaseLockedByAnotherProgramIsBusyAfterTheTimeout(t *testing.T) {
	const timeout = 100 * time.Millisecond
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: timeout})
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	raw := openRaw(t, path)
	raw.exec("BEGIN IMMEDIATE")
	for range 2 {
		started := time.Now()
		_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy, "try again")
		if waited := time.Since(started); waited < timeout/2 || waited > 20*timeout {
			t.Errorf("waited %v", waited)
		}
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, facttest.NewDeliveries(t))
		facttest.WantError(t, err, factstr.CodeBusy, "try again")
	}
	if got := len(facttest.All(t, store)); got != 2 {
		t.Errorf("%d facts", got)
	}
	// Opening needs the lock only where something is missing.
	facttest.Close(t, openStoreWith(t, path, Options{BusyTimeout: timeout}))
	raw.exec("ROLLBACK")
	if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != 3 {
		t.Errorf("%+v", got)
	}
	// The refused registrations did not keep the name.
	facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))

	raw.exec("DROP INDEX idx_events_type")
	raw.exec("BEGIN IMMEDIATE")
	refusedOpen(t, path, factstr.CodeBusy)
	raw.exec("ROLLBACK")
	facttest.Close(t, openStore(t, path))
}

// One that gave up must not keep the place that it had in the queue of processes.
func TestAfterAStoreWasBusyNobodyIsKeptOut(t *testing.T) {
	path := newPath(t)
	patient := openStore(t, path)
	hasty := openStoreWith(t, path, Options{BusyTimeout: 20 * time.Millisecond})
	for range 5 {
		locker := proctest.Start(t, "locker", path)
		locker.Expect("locked")
		_, err := hasty.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy)
		locker.Finish()
		for range 3 {
			facttest.Append(t, patient, facttest.Batch(1, "a")...)
		}
	}
	facttest.WantGapless(t, patient, 15)
}

// G24: a log that lost its newest facts, or has others in their place, is noticed; nobody goes on
// as if nothing had happened.
func TestALogThatWentBackwardsOrIsAnotherOneEndsStreams(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		head   uint64
	}{
		"shorter":                    {"DELETE FROM events WHERE sequence_number > 7", 7},
		"empty":                      {"DELETE FROM events", 0},
		"as long, with another time": {"UPDATE events SET occurred_at = '2020-01-01T00:00:00.000000Z'", 10},
		"longer, with other facts":   {"UPDATE events SET occurred_at = '2020-01-01T00:00:00.000000Z'; INSERT INTO events VALUES (11, '2020-01-01T00:00:00.000000Z', 'b', '{}')", 11},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			for range 10 {
				facttest.Append(t, store, facttest.Batch(1, "a")...)
			}
			got := facttest.NewDeliveries(t)
			live, err := store.StreamAll(t.Context(), got)
			if err != nil {
				t.Fatal(err)
			}
			durable := facttest.DurableStream(t, store, "projection", factstr.AllEvents(), got)
			facttest.WaitReady(t, durable)
			raw := openRaw(t, path)
			for statement := range strings.SplitSeq(c.change, "; ") {
				raw.exec(statement)
			}
			for _, stream := range []*factstr.EventStream{live, durable} {
				facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated)
			}
			if c.head < 10 {
				_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, got)
				facttest.WantError(t, err, factstr.CodeLogTruncated, "10", fmt.Sprint(c.head))
			}
			if got := uint64(len(facttest.All(t, store))); got != c.head {
				t.Errorf("%d facts, want %d", got, c.head)
			}
			conflict := factstr.Version(10_000)
			_, err = store.AppendIf(t.Context(), facttest.Batch(1, "a"), factstr.AllEvents(), conflict)
			facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
			if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != c.head+1 {
				t.Errorf("appended at %d, the log ended at %d", got.FirstSequenceNumber, c.head)
			}
			if again, err := store.StreamAll(t.Context(), facttest.NewDeliveries(t)); err != nil {
				t.Errorf("a new stream: %v", err)
			} else {
				again.Unsubscribe()
			}
		})
	}
}

// G24: noticed by the append itself, where no stream watches.
func TestAppendsGoOnFromTheRealHead(t *testing.T) { // G2
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(10, "a")...)
	raw := openRaw(t, path)
	raw.exec("DELETE FROM events WHERE sequence_number > 4")
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "b"), factstr.OfTypes("a"), factstr.Version(4)); err != nil {
		t.Fatalf("append_if at the real head: %v", err)
	}
	raw.exec("DELETE FROM events")
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "b"), factstr.OfTypes("a", "b"), nil); err != nil {
		t.Fatalf("append_if to an empty log: %v", err)
	}
	if got := fmt.Sprint(facttest.Numbers(facttest.All(t, store))); got != "[1]" {
		t.Errorf("%s", got)
	}
}
