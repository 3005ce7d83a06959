package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var errOnPurpose = errors.New("on purpose")

// failAt makes a handler that fails at batches that start with these numbers.
func failAt(failing ...uint64) func(context.Context, []factstr.EventRecord) error {
	return func(_ context.Context, batch []factstr.EventRecord) error {
		for _, number := range failing {
			if batch[0].SequenceNumber == number {
				return errOnPurpose
			}
		}
		return nil
	}
}

var durableFailureTests = tests{
	{"a failure in replay fails the registration, keeps the cursor and frees the name", func(t *testing.T, log Log) { // G20 G21
		store := open(t, log)
		for range 4 {
			appendTypes(t, store, "a", "a")
		}
		r := newRecorder()
		r.handle = failAt(5)
		stream, err := register(t, store, "model", factstr.AllEvents(), r)
		facttest.WantError(t, err, factstr.CodeHandlerFailed)
		var reason *factstr.StreamHandlerError
		if !errors.Is(err, errOnPurpose) || !errors.As(err, &reason) {
			t.Fatalf("%v does not carry the handler's error", err)
		}
		r.want(t, []uint64{1, 2}, []uint64{3, 4}, []uint64{5, 6})
		r.wantEnd(t, factstr.CodeHandlerFailed)
		r.wantNoMore(t)
		facttest.WantError(t, stream.Err(), factstr.CodeHandlerFailed)
		if p := stream.Progress(); p.Ready || !p.Ended || p.Position != 4 || p.StoredCursor != 4 {
			t.Fatalf("progress %+v", p)
		}
		again := newRecorder()
		end(t, durable(t, store, "model", again))
		again.want(t, []uint64{5, 6}, []uint64{7, 8})
		again.wantNoMore(t)
	}},
	{"a failed live delivery ends the stream at once, with nothing behind it delivered", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		others := newRecorder()
		live(t, store, factstr.AllEvents(), others)
		r := newRecorder()
		release := make(chan struct{})
		r.handle = func(ctx context.Context, batch []factstr.EventRecord) error {
			<-release // until all is appended, so that batches wait behind the failing one
			return failAt(2)(ctx, batch)
		}
		stream := durable(t, store, "model", r)
		for range 5 {
			appendTypes(t, store, "a")
		}
		close(release)
		r.want(t, []uint64{1}, []uint64{2})
		r.wantEnd(t, factstr.CodeHandlerFailed)
		within(t, "done", stream.Done())
		others.want(t, []uint64{1}, []uint64{2}, []uint64{3}, []uint64{4}, []uint64{5}, marker(t, store))
		r.wantNoMore(t)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 1 {
			t.Fatalf("the cursor is %d, want 1", cursor)
		}
		again := newRecorder()
		end(t, durable(t, store, "model", again))
		again.want(t, []uint64{2}, []uint64{3}, []uint64{4}, []uint64{5}, []uint64{6})
	}},
	{"the name is free before the end is reported", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		r := newRecorder()
		r.handle = failAt(1)
		again := newRecorder()
		registered := make(chan error, 1)
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, r, factstr.WithOnEnd(func(error) {
			_, err := store.StreamAllDurable(context.Background(), factstr.DurableStream{Name: "model"}, again)
			registered <- err
		}))
		if err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		if err := within(t, "the registration in the end's callback", registered); err != nil {
			t.Fatal(err)
		}
		again.want(t, []uint64{1})
		within(t, "done", stream.Done())
	}},
	{"a panicking handler has failed", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error { panic("on purpose") }
		durable(t, store, "model", r)
		appendTypes(t, store, "a")
		r.wantEnd(t, factstr.CodeHandlerFailed)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 0 {
			t.Fatalf("the cursor is %d, want 0", cursor)
		}
		wantStillWorks(t, store, 1)
	}},
	{"retry redelivers the same batch and goes on after it", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		appendTypes(t, store, "a", "a")
		failures := 0
		r := newRecorder()
		r.handle = func(_ context.Context, batch []factstr.EventRecord) error {
			if failures < 3 {
				failures++
				return errOnPurpose
			}
			return nil
		}
		stream := durable(t, store, "model", r, factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 3, Delay: 1,
			DelayMax: 2}))
		appendTypes(t, store, "a")
		r.want(t, []uint64{1, 2}, []uint64{1, 2}, []uint64{1, 2}, []uint64{1, 2}, []uint64{3})
		end(t, stream)
		r.wantEnd(t, "")
		r.wantNoMore(t)
	}},
	{"retry gives up after its attempts and never skips", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		r := newRecorder()
		r.handle = failAt(2)
		durable(t, store, "model", r, factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 2, Delay: 1, DelayMax: 1}))
		for range 3 {
			appendTypes(t, store, "a")
		}
		r.want(t, []uint64{1}, []uint64{2}, []uint64{2}, []uint64{2})
		r.wantEnd(t, factstr.CodeHandlerFailed)
		r.wantNoMore(t)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 1 {
			t.Fatalf("the cursor is %d, want 1", cursor)
		}
	}},
	{"unsubscribe does not wait for a retry's delay", func(t *testing.T, log Log) { // G17 G21
		store := open(t, log)
		r := newRecorder()
		r.handle = failAt(1)
		stream := durable(t, store, "model", r, factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 5, Delay: time.Hour,
			DelayMax: time.Hour}))
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		stream.Unsubscribe()
		r.wantEnd(t, "")
		r.wantNoMore(t)
		again := newRecorder()
		end(t, durable(t, store, "model", again))
		again.want(t, []uint64{1})
	}},
	{"a failure at every batch of a replay in turn never loses or skips one", func(t *testing.T, log Log) { // G20 G21
		store := open(t, log)
		const batches = 8
		for range batches {
			appendTypes(t, store, "a")
		}
		for attempt := uint64(1); attempt <= batches; attempt++ {
			r := newRecorder()
			r.handle = failAt(attempt)
			_, err := register(t, store, "model", factstr.AllEvents(), r)
			facttest.WantError(t, err, factstr.CodeHandlerFailed)
			if attempt > 1 {
				r.want(t, []uint64{attempt - 1})
			}
			r.want(t, []uint64{attempt})
			r.wantEnd(t, factstr.CodeHandlerFailed)
			r.wantNoMore(t)
		}
	}},
	{"the failure of one durable stream leaves the others alone", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		failing := newRecorder()
		failing.handle = failAt(1)
		durable(t, store, "failing", failing)
		var healthy []*recorder
		for i := range 3 {
			r := newRecorder()
			durable(t, store, fmt.Sprint("healthy ", i), r)
			healthy = append(healthy, r)
		}
		appendTypes(t, store, "a")
		failing.wantEnd(t, factstr.CodeHandlerFailed)
		appendTypes(t, store, "a")
		for _, r := range healthy {
			r.want(t, []uint64{1}, []uint64{2})
		}
	}},
}
