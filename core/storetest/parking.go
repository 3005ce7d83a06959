package storetest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var parks = factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 1, Delay: 1, GiveUp: factstr.GiveUpPark})

// poisonous fails the batches that begin with one of the numbers, until it is cured.
type poisonous struct {
	*recorder
	cured atomic.Bool
}

func poison(numbers ...uint64) *poisonous {
	p := &poisonous{recorder: newRecorder()}
	p.handle = func(_ context.Context, batch []factstr.EventRecord) error {
		if !p.cured.Load() && slices.Contains(numbers, batch[0].SequenceNumber) {
			return errors.New("poison")
		}
		return nil
	}
	return p
}

// wantParked checks the parked batches of a name, each as "first-position attempts".
func wantParked(t testing.TB, store *factstr.Store, name string, want ...string) {
	t.Helper()
	parked, err := store.Parked(t.Context(), name)
	wantChanged(t, err)
	var got []string
	for _, batch := range parked {
		got = append(got, fmt.Sprintf("%d-%d %d", batch.First, batch.Position, batch.Attempts))
		if !strings.Contains(batch.Error, "poison") || batch.ParkedAt == "" {
			t.Fatalf("parked %+v", batch)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("parked %q, want %q", got, want)
	}
}

func wantFound(t testing.TB, want int) func(found int, err error) {
	t.Helper()
	return func(found int, err error) {
		t.Helper()
		if err != nil || found != want {
			t.Fatalf("found %d, want %d: %v", found, want, err)
		}
	}
}

var parkingTests = tests{
	{"a batch that fails is parked with its error, and the stream goes on", func(t *testing.T, log Log) { // G21 G23
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		appendTypes(t, store, "a")
		appendTypes(t, store, "b", "a", "a", "b")
		appendTypes(t, store, "a")
		r := poison(3)
		stream := durableTo(t, store, "model", ofType("a"), r.recorder, parks)
		r.want(t, []uint64{1}, []uint64{3, 4}, []uint64{3, 4}, []uint64{6})
		wantParked(t, store, "model", "3-5 2")
		wantParked(t, store, "unknown")
		told(t, records.Await(t, factstr.LogBatchParked, 1)[0], slog.LevelWarn, "stream", "durable_name",
			"error", "first", "last", "attempt")
		all := cursors(t, store)
		if all[0].Cursor != 6 || all[0].Parked != 1 {
			t.Fatalf("%+v", all[0])
		}
		statistics, err := store.Statistics(t.Context())
		wantChanged(t, err)
		if statistics.Streams[0].Parked != 1 {
			t.Fatalf("%+v", statistics.Streams[0])
		}
		end(t, stream)
		r.wantNoMore(t)
		// It stays parked, and is not delivered again by itself.
		again := newRecorder()
		stream = durableTo(t, elsewhere(t, log, store), "model", ofType("a"), again)
		appendTypes(t, store, "a")
		again.want(t, []uint64{7})
		wantParked(t, store, "model", "3-5 2")
		end(t, stream)
	}},
	{"the failures of a parked batch are told with it, and not at the end of its stream", func(t *testing.T, log Log) { // G21
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		appendTypes(t, store, "a")
		end(t, durableTo(t, store, "model", ofType("a"), poison(1).recorder, factstr.WithRetry(factstr.RetryPolicy{
			MaxAttempts: 5, Delay: time.Millisecond, GiveUp: factstr.GiveUpPark})))
		if err := store.Close(t.Context()); err != nil { // behind it nothing is told any more
			t.Fatal(err)
		}
		parked := records.Of(factstr.LogBatchParked)
		if len(parked) != 1 || fmt.Sprint(parked[0].Attributes["attempt"]) != "6" {
			t.Fatalf("told as %+v", parked)
		}
		for _, record := range records.Of(factstr.LogHandlerFailed) {
			if _, one := record.Attributes["first"]; !one {
				t.Errorf("told once more: %q", record.Message)
			}
		}
	}},
	{"parked batches are delivered again when that is asked for, in their order", func(t *testing.T, log Log) { // G21 G23
		store := open(t, log)
		for range 4 {
			appendTypes(t, store, "a")
		}
		r := poison(1, 2, 3)
		stream := durable(t, store, "model", r.recorder, parks)
		r.want(t, []uint64{1}, []uint64{1}, []uint64{2}, []uint64{2}, []uint64{3}, []uint64{3}, []uint64{4})
		wantFound(t, 0)(store.RedeliverParked(t.Context(), "model", nil))
		wantFound(t, 1)(store.RedeliverParked(t.Context(), "model", []uint64{2, 9}))
		r.want(t, []uint64{2})
		// It has failed again, and is not cured in the midst of it.
		facttest.Eventually(t, "the new failure of fact 2 is stored", func() bool {
			parked, err := store.Parked(t.Context(), "model")
			wantChanged(t, err)
			return len(parked) == 3 && parked[1].Attempts == 3 && !parked[1].Redelivering
		})
		wantFound(t, 0)(store.RedeliverParked(t.Context(), "model", []uint64{4}))
		r.cured.Store(true)
		wantFound(t, 3)(elsewhere(t, log, store).RedeliverAllParked(t.Context(), "model"))
		r.want(t, []uint64{1}, []uint64{2}, []uint64{3})
		appendTypes(t, store, "a")
		r.want(t, []uint64{5})
		if err := stream.WaitFor(t.Context(), 5); err != nil {
			t.Fatal(err)
		}
		wantParked(t, store, "model")
		wantCursors(t, store, "model 5+0")
		end(t, stream)
		r.wantNoMore(t)
	}},
	{"what is marked while nobody holds the name comes first at the next registration", func(t *testing.T, log Log) { // G20 G23
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		r := poison(1)
		end(t, durable(t, store, "model", r.recorder, parks))
		wantParked(t, store, "model", "1-1 2")
		wantFound(t, 1)(store.RedeliverAllParked(t.Context(), "model"))
		appendTypes(t, store, "a")
		next := poison(1)
		end(t, durable(t, elsewhere(t, log, store), "model", next.recorder))
		next.want(t, []uint64{1}, []uint64{3})
		wantParked(t, store, "model", "1-1 3") // it failed again, and keeps no mark
		last := newRecorder()
		end(t, durable(t, store, "model", last))
		last.wantNoMore(t)
		if log.Persistent {
			wantParked(t, reopen(t, log, store), "model", "1-1 3")
		}
	}},
	{"discarded batches are gone, and that is told", func(t *testing.T, log Log) {
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		for range 3 {
			appendTypes(t, store, "a")
		}
		end(t, durable(t, store, "model", poison(1, 2, 3).recorder, parks))
		wantFound(t, 0)(store.DiscardParked(t.Context(), "model", nil)) // a list that turned out empty is not all
		wantFound(t, 1)(store.DiscardParked(t.Context(), "model", []uint64{2, 2, 7}))
		wantParked(t, store, "model", "1-1 2", "3-3 2")
		wantFound(t, 2)(store.DiscardAllParked(t.Context(), "model"))
		wantFound(t, 0)(store.DiscardAllParked(t.Context(), "model"))
		wantParked(t, store, "model")
		told(t, records.Await(t, factstr.LogParkedDiscarded, 2)[0], slog.LevelWarn, "durable_name", "batches")
		for _, err := range []error{
			second(store.DiscardAllParked(t.Context(), "unknown")),
			second(store.RedeliverAllParked(t.Context(), "unknown")),
			second(store.RedeliverParked(t.Context(), "", nil)),
			second(store.DiscardParked(t.Context(), "model", []uint64{1 << 63})),
		} {
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
		}
	}},
	{"a change of the cursor keeps each batch handled, parked or to come", func(t *testing.T, log Log) { // G21 G22
		store := open(t, log)
		for range 3 {
			appendTypes(t, store, "a")
		}
		end(t, durable(t, store, "model", poison(1, 3).recorder, parks))
		facttest.WantError(t, store.CursorDelete(t.Context(), "model"), factstr.CodeInvalidState, "parked")
		wantChanged(t, store.CursorCopy(t.Context(), "model", "copy"))
		wantParked(t, store, "copy", "1-1 2", "3-3 2")
		wantChanged(t, store.CursorReset(t.Context(), "model", 1))
		wantParked(t, store, "model", "1-1 2")
		wantParked(t, store, "copy", "1-1 2", "3-3 2")
		r := newRecorder()
		end(t, durable(t, store, "model", r))
		r.want(t, []uint64{2}, []uint64{3})
		wantFound(t, 1)(store.DiscardAllParked(t.Context(), "model"))
		wantChanged(t, store.CursorDelete(t.Context(), "model"))
		wantCursors(t, store, "copy 3+0")
	}},
	{"a name has room for so many parked batches, and then the stream ends before the next", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", poison(1).recorder, parks))
		full := openWith(t, log, factstr.Options{}, nil)
		if !log.Persistent {
			full = store
		}
		batches := make([]factstr.NewEvent, 0, factstr.ParkedMax)
		for range factstr.ParkedMax {
			batches = append(batches, facttest.BatchOf("a")...)
		}
		for _, one := range batches {
			facttest.Append(t, full, one)
		}
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error { return errors.New("poison") }
		_, err := register(t, full, "model", factstr.AllEvents(), r, factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
		facttest.WantError(t, err, factstr.CodeHandlerFailed, "poison", "parked batches")
		wantCursors(t, full, fmt.Sprintf("model %d+1", factstr.ParkedMax))
	}},
	{"only durable streams park, and by a policy that is known", func(t *testing.T, log Log) {
		store := open(t, log)
		_, err := store.StreamFrom(t.Context(), 0, factstr.AllEvents(), newRecorder(), parks)
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "give_up")
		_, err = store.StreamAll(t.Context(), newRecorder(), parks)
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "give_up")
		_, err = register(t, store, "model", factstr.AllEvents(), newRecorder(), factstr.WithRetry(factstr.RetryPolicy{GiveUp: "skip"}))
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "give_up", "skip")
	}},
}

func second(_ int, err error) error { return err }
