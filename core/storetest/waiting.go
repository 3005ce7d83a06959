package storetest

import (
	"context"
	"math"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// waits begins to wait, and returns how that ends.
func waits(wait func(ctx context.Context) error) <-chan error {
	ended := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), facttest.WaitMax)
		defer cancel()
		ended <- wait(ctx)
	}()
	return ended
}

// over returns a context that has ended: a wait then says whether it would have to wait.
func over(t testing.TB) context.Context {
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return ctx
}

var waitingTests = tests{
	{"a wait for a number ends when the stream has handled everything up to it", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		r, release := held()
		stream := live(t, store, factstr.AllEvents(), r)
		appended := appendTypes(t, store, "a", "a")
		r.want(t, []uint64{1, 2}) // its handler is running
		facttest.WantError(t, stream.WaitFor(over(t), appended.LastSequenceNumber), factstr.CodeTimeout)
		waiting := waits(func(ctx context.Context) error { return stream.WaitFor(ctx, appended.LastSequenceNumber) })
		release <- struct{}{}
		if err := within(t, "the wait", waiting); err != nil {
			t.Fatal(err)
		}
		if err := stream.WaitFor(over(t), 1); err != nil {
			t.Fatalf("what is handled needs no wait: %v", err)
		}
		close(release)
	}},
	{"facts that do not match are waited for, too", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		stream := durableTo(t, store, "model", ofType("wanted"), newRecorder())
		for range 50 {
			for _, eventType := range []string{"other", "wanted", "other"} {
				// The wait begins before the append, or at the same time.
				number := stream.Progress().Position + 1
				waiting := waits(func(ctx context.Context) error { return stream.WaitFor(ctx, number) })
				appendTypes(t, store, eventType)
				if err := within(t, "the wait", waiting); err != nil {
					t.Fatalf("waiting for %d: %v", number, err)
				}
			}
		}
	}},
	{"a wait ends with the stream, and tells why", func(t *testing.T, log Log) { // G17 G21
		store := open(t, log)
		stream := durable(t, store, "model", newRecorder())
		waiting := waits(func(ctx context.Context) error { return stream.WaitFor(ctx, 1) })
		stream.Unsubscribe()
		facttest.WantError(t, within(t, "the wait", waiting), factstr.CodeCancelled)

		failing := newRecorder()
		failing.handle = failAt(1)
		stream = durable(t, store, "model", failing)
		waiting = waits(func(ctx context.Context) error { return stream.WaitFor(ctx, 1) })
		appendTypes(t, store, "a")
		facttest.WantError(t, within(t, "the wait", waiting), factstr.CodeHandlerFailed)
		facttest.WantError(t, stream.WaitFor(t.Context(), 1), factstr.CodeHandlerFailed)

		stream = live(t, store, factstr.AllEvents(), newRecorder())
		waiting = waits(func(ctx context.Context) error { return stream.WaitFor(ctx, 2) })
		facttest.Close(t, store)
		facttest.WantError(t, within(t, "the wait", waiting), factstr.CodeStoreClosed)
		if err := stream.WaitFor(t.Context(), 1); err != nil {
			t.Fatalf("what was handled before the end: %v", err)
		}
	}},
	{"a caller gives a wait up by its context", func(t *testing.T, log Log) {
		store := open(t, log)
		stream := live(t, store, factstr.AllEvents(), newRecorder())
		ctx, cancel := context.WithCancel(t.Context())
		waiting := waits(func(context.Context) error { return stream.WaitFor(ctx, 1) })
		cursor := waits(func(context.Context) error { return store.WaitForCursor(ctx, "model", 1) })
		cancel()
		facttest.WantError(t, within(t, "the wait", waiting), factstr.CodeCancelled)
		facttest.WantError(t, within(t, "the wait for the cursor", cursor), factstr.CodeCancelled)
		facttest.WantError(t, store.WaitForCursor(over(t), "model", 1), factstr.CodeTimeout, "model")
		facttest.WantError(t, store.WaitForCursor(t.Context(), "", 1), factstr.CodeInvalidArgument, "name")
		facttest.WantError(t, store.WaitForCursor(t.Context(), "model", math.MaxInt64+1), factstr.CodeInvalidArgument)
	}},
	{"a handler that waits for its own stream is refused, and one of another stream is not", func(t *testing.T, log Log) {
		store := open(t, log)
		other := durable(t, store, "other", newRecorder())
		got := make(chan error, 3)
		var stream *factstr.EventStream
		opened := make(chan struct{})
		r := newRecorder()
		r.handle = func(ctx context.Context, batch []factstr.EventRecord) error {
			<-opened
			got <- stream.WaitFor(ctx, batch[0].SequenceNumber)
			got <- store.WaitForCursor(ctx, "model", batch[0].SequenceNumber)
			got <- other.WaitFor(ctx, batch[0].SequenceNumber)
			return nil
		}
		stream = durable(t, store, "model", r)
		close(opened)
		appendTypes(t, store, "a")
		facttest.WantError(t, within(t, "an answer", got), factstr.CodeInvalidState)
		facttest.WantError(t, within(t, "an answer", got), factstr.CodeInvalidState)
		if err := within(t, "an answer", got); err != nil {
			t.Fatal(err)
		}
	}},
	{"the cursor of a name is waited for, wherever the stream runs", func(t *testing.T, log Log) { // G23
		store := open(t, log)
		others := store
		if log.Persistent {
			others = open(t, log)
		}
		waiting := waits(func(ctx context.Context) error { return store.WaitForCursor(ctx, "model", 2) })
		stream := durable(t, others, "model", newRecorder())
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		if err := within(t, "the wait", waiting); err != nil {
			t.Fatal(err)
		}
		end(t, stream)
		if err := store.WaitForCursor(t.Context(), "model", 2); err != nil {
			t.Fatalf("nobody has the name: %v", err)
		}
		waiting = waits(func(ctx context.Context) error { return store.WaitForCursor(ctx, "model", 3) })
		appendTypes(t, store, "a")
		durable(t, store, "model", newRecorder())
		if err := within(t, "the wait", waiting); err != nil {
			t.Fatal(err)
		}
	}},
	{"a wait for a cursor ends when the store is closed", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		waiting := waits(func(ctx context.Context) error { return store.WaitForCursor(ctx, "model", 1) })
		facttest.Close(t, store)
		facttest.WantError(t, within(t, "the wait", waiting), factstr.CodeStoreClosed)
	}},
}
