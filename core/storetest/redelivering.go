package storetest

import (
	"context"
	"errors"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// givingBack is a handler that fails, then gives what it gets back once, and then handles it.
type givingBack struct{ calls chan uint64 }

func (g givingBack) HandleBatches(
	_ context.Context, batches []factstr.Delivery, _ func(int) bool,
) (handled int, err error) {
	g.calls <- batches[0].Position
	switch len(g.calls) {
	case 1, 2:
		return 0, errors.New("poison")
	case 3:
		return 0, nil
	}
	return 1, nil
}

func (g givingBack) HandleStream(context.Context, []factstr.EventRecord) error {
	panic("HandleBatches takes its place")
}

var redeliveryTests = tests{
	{"a redelivered batch that is given back is neither handled nor failed, and comes again", func(t *testing.T, log Log) { // G21 G23
		store := open(t, log)
		appendTypes(t, store, "a")
		g := givingBack{make(chan uint64, deliveriesMax)}
		register := func() {
			stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, g, parks)
			wantChanged(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
			defer cancel()
			wantChanged(t, stream.WaitReady(ctx))
			end(t, stream)
		}
		register()
		wantParked(t, store, "model", "1-1 2")
		wantFound(t, 1)(store.RedeliverAllParked(t.Context(), "model"))
		register()
		if len(g.calls) != 4 {
			t.Fatalf("the batch came %d times, want 4", len(g.calls))
		}
		wantParked(t, store, "model")
	}},
	{"a redelivery that nobody takes from a stream that drains is still to come", func(t *testing.T, log Log) { // G17 G21
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "pulled", poison(1).recorder, parks))
		wantFound(t, 1)(store.RedeliverAllParked(t.Context(), "pulled"))
		stream := pullStream(t, store)
		stream.Drain()
		within(t, "the end of the stream", stream.Done())
		wantChanged(t, stream.Err())
		wantParked(t, store, "pulled", "1-1 2")
		stream = pullStream(t, store)
		pullNext(t, stream, 1).Ack()
		appendTypes(t, store, "a")
		pullNext(t, stream, 2).Ack()
		end(t, stream)
		wantParked(t, store, "pulled")
	}},
	{"a cursor that is reset into a parked batch leaves it parked, and delivers its rest", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a", "a", "a")
		r := poison(2, 4)
		end(t, durable(t, store, "model", r.recorder, parks))
		r.want(t, []uint64{1}, []uint64{2, 3, 4}, []uint64{2, 3, 4})
		wantParked(t, store, "model", "2-4 2")
		wantChanged(t, store.CursorReset(t.Context(), "model", 3))
		wantParked(t, store, "model", "2-4 2")
		end(t, durable(t, store, "model", r.recorder, parks))
		r.want(t, []uint64{4}, []uint64{4})
		wantParked(t, store, "model", "2-4 2") // the rest failed, too, and has no row of its own
		wantFound(t, 1)(store.RedeliverAllParked(t.Context(), "model"))
		r.cured.Store(true)
		end(t, durable(t, store, "model", r.recorder, parks))
		r.want(t, []uint64{2, 3, 4})
		wantParked(t, store, "model")
	}},
}
