package storetest

import (
	"context"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// deliveriesMax is how many deliveries may wait for the test to look at them.
const deliveriesMax = 10_000

// recorder is a handler that keeps its deliveries for the test to compare.
type recorder struct {
	deliveries chan []factstr.EventRecord
	ended      chan error
	// handle decides how a delivery ends; nil handles all.
	handle func(ctx context.Context, batch []factstr.EventRecord) error
}

const endsMax = 10

func newRecorder() *recorder {
	return &recorder{deliveries: make(chan []factstr.EventRecord, deliveriesMax), ended: make(chan error, endsMax)}
}

// held returns a recorder whose handler does not return before release is closed.
func held() (r *recorder, release chan struct{}) {
	r, release = newRecorder(), make(chan struct{})
	r.handle = func(context.Context, []factstr.EventRecord) error {
		<-release
		return nil
	}
	return r, release
}

func (r *recorder) HandleStream(ctx context.Context, batch []factstr.EventRecord) error {
	r.deliveries <- batch
	if r.handle != nil {
		return r.handle(ctx, batch)
	}
	return nil
}

// onEnd is the option that lets the recorder see the end.
func (r *recorder) onEnd() factstr.StreamOption {
	return factstr.WithOnEnd(func(reason error) {
		select {
		case r.ended <- reason:
		default: // of a test that opens many streams with one recorder and awaits none
		}
	})
}

// next returns the numbers of the next delivery.
func (r *recorder) next(t testing.TB) []uint64 {
	t.Helper()
	return facttest.Numbers(within(t, "a delivery", r.deliveries))
}

// want checks the next deliveries: these, in this order.
func (r *recorder) want(t testing.TB, batches ...[]uint64) {
	t.Helper()
	for _, want := range batches {
		if got := r.next(t); !slices.Equal(got, want) {
			t.Fatalf("delivered %v, want %v", got, want)
		}
	}
}

// wantNoMore checks, after the end, that there was no other delivery.
func (r *recorder) wantNoMore(t testing.TB) {
	t.Helper()
	if len(r.deliveries) > 0 {
		t.Fatalf("delivered %v beyond what was wanted", facttest.Numbers(<-r.deliveries))
	}
}

// wantEnd checks the reason of the end; "" is none.
func (r *recorder) wantEnd(t testing.TB, code factstr.Code) {
	t.Helper()
	if reason := within(t, "the end of the stream", r.ended); code == "" && reason != nil || code != "" && factstr.CodeOf(reason) != code {
		t.Fatalf("the stream ended with %v, want %q", reason, code)
	}
}

// live registers a live stream.
func live(t testing.TB, store *factstr.Store, query factstr.EventQuery, r *recorder) *factstr.EventStream {
	t.Helper()
	stream, err := store.StreamTo(t.Context(), query, r, r.onEnd())
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	return stream
}

// durable registers a durable stream of all facts, and waits for its replay.
func durable(t testing.TB, store *factstr.Store, name string, r *recorder, options ...factstr.StreamOption) *factstr.EventStream {
	t.Helper()
	return durableTo(t, store, name, factstr.AllEvents(), r, options...)
}

func durableTo(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery, r *recorder, options ...factstr.StreamOption) *factstr.EventStream {
	t.Helper()
	stream, err := register(t, store, name, query, r, options...)
	if err != nil {
		t.Fatalf("durable stream %q: %v", name, err)
	}
	return stream
}

// register registers a durable stream and waits for its replay. It returns the error of either.
func register(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery, r *recorder, options ...factstr.StreamOption) (*factstr.EventStream, error) {
	t.Helper()
	stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: name}, query, r,
		append(options, r.onEnd())...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
	defer cancel()
	return stream, stream.WaitReady(ctx)
}

// end unsubscribes and waits for the end.
func end(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
	defer cancel()
	if err := stream.Close(ctx); err != nil {
		t.Fatalf("closing a stream: %v", err)
	}
}

// cursorOf returns where a durable name stands, by registering it without handling anything.
func cursorOf(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery) uint64 {
	t.Helper()
	stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: name}, query, nil)
	if err != nil {
		t.Fatalf("durable stream %q: %v", name, err)
	}
	cursor := stream.Progress().StoredCursor
	end(t, stream)
	return cursor
}
