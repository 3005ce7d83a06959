package storetest

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// blockedRecorder is one whose first delivery waits for release; begun is closed when it came.
func blockedRecorder() (r *recorder, begun, release chan struct{}) {
	r, begun, release = newRecorder(), make(chan struct{}), make(chan struct{})
	first := true
	r.handle = func(context.Context, []factstr.EventRecord) error {
		if first {
			first = false
			close(begun)
			<-release
		}
		return nil
	}
	return r, begun, release
}

func closing(store *factstr.Store) chan error {
	closed := make(chan error, 1)
	go func() { closed <- store.Close(context.Background()) }()
	return closed
}

var drainingTests = tests{
	{"what was committed before close is delivered to live streams, then their end", func(t *testing.T, log Log) { // G16 G17
		store := open(t, log)
		r, begun, release := blockedRecorder()
		live(t, store, factstr.OfTypes("a"), r)
		for range 10 {
			appendTypes(t, store, "a", "b")
		}
		within(t, "the first delivery", begun)
		closed := closing(store)
		// Close has begun when calls are refused.
		for {
			if _, err := store.Query(t.Context(), factstr.AllEvents().AtMost(1)); factstr.CodeOf(err) == factstr.CodeStoreClosed {
				break
			}
		}
		close(release)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if n := len(r.deliveries); n != 10 {
			t.Fatalf("%d of 10 committed batches were delivered before close returned", n)
		}
		r.wantEnd(t, factstr.CodeStoreClosed)
	}},
	{"what another store committed before close is delivered too", func(t *testing.T, log Log) { // G16 G17
		if !log.Persistent {
			t.Skip("nobody else can append to this log")
		}
		store, other := open(t, log), open(t, log)
		r, begun, release := blockedRecorder()
		live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		within(t, "the first delivery", begun)
		for range 5 {
			appendTypes(t, other, "a")
		}
		closed := closing(store)
		close(release)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if n := len(r.deliveries); n != 6 {
			t.Fatalf("%d of 6 committed batches were delivered", n)
		}
	}},
	{"a durable stream leaves the rest to its cursor", func(t *testing.T, log Log) { // G17 G19 G21
		store := open(t, log)
		r, begun, release := blockedRecorder()
		stream := durable(t, store, "rest", r)
		for range 5 {
			appendTypes(t, store, "a")
		}
		within(t, "the first delivery", begun)
		closed := closing(store)
		close(release)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if handled := uint64(len(r.deliveries)); stream.Progress().StoredCursor != handled {
			t.Errorf("the cursor is at %d after %d deliveries", stream.Progress().StoredCursor, handled)
		}
	}},
	{"unsubscribe ends a stream at once while its store drains", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		r, begun, release := blockedRecorder()
		stream := live(t, store, factstr.AllEvents(), r)
		for range 5 {
			appendTypes(t, store, "a")
		}
		within(t, "the first delivery", begun)
		closed := closing(store)
		stream.Unsubscribe()
		close(release)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		r.want(t, []uint64{1})
		r.wantNoMore(t)
	}},
	{"a store that is closed in a handler delivers the rest after it", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		r := newRecorder()
		filled, closed := make(chan struct{}), make(chan error, 1)
		first := true
		r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
			if first {
				first = false
				<-filled
				closed <- store.Close(ctx)
			}
			return nil
		}
		live(t, store, factstr.AllEvents(), r)
		for range 5 {
			appendTypes(t, store, "a")
		}
		close(filled)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		r.want(t, []uint64{1}, []uint64{2}, []uint64{3}, []uint64{4}, []uint64{5})
		r.wantEnd(t, factstr.CodeStoreClosed)
	}},
	{"facts that cannot be delivered within the close timeout are logged", func(t *testing.T, log Log) { // G17 G24
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{CloseTimeout: 20 * time.Millisecond, Logger: logger}, nil)
		r, begun, release := blockedRecorder()
		live(t, store, factstr.AllEvents(), r)
		for range 5 {
			appendTypes(t, store, "a")
		}
		within(t, "the first delivery", begun)
		facttest.WantError(t, store.Close(t.Context()), factstr.CodeTimeout)
		cut := records.Await(t, factstr.LogDeliveriesCut, 1)[0]
		if cut.Attributes["position"] != uint64(0) || cut.Attributes["through"] != uint64(5) {
			t.Errorf("told %v", cut.Attributes)
		}
		close(release)
		r.wantEnd(t, factstr.CodeStoreClosed)
		r.want(t, []uint64{1})
		r.wantNoMore(t)
		within(t, "the release of the store", store.Closed())
	}},
	{"batches are taken to the last one while the store closes, and a stream that nobody takes from holds up nothing", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		taken, err := store.StreamAll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.StreamAll(t.Context(), nil); err != nil { // nobody takes from this one
			t.Fatal(err)
		}
		got := make(chan int, 1)
		began, goOn := make(chan struct{}), make(chan struct{})
		go func() {
			count := 0
			for _, err := range taken.Batches(context.Background()) {
				if err != nil {
					if factstr.CodeOf(err) != factstr.CodeStoreClosed {
						t.Errorf("the loop ended with %v", err)
					}
					break
				}
				if count++; count == 1 {
					close(began)
					<-goOn
				}
			}
			got <- count
		}()
		for range 5 {
			appendTypes(t, store, "a")
		}
		within(t, "the first batch", began)
		closed := closing(store)
		close(goOn)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if count := within(t, "the end of the loop", got); count != 5 {
			t.Errorf("%d of 5 batches were taken", count)
		}
	}},
	{"a stream that drains during its replay is ready before it ends", func(t *testing.T, log Log) { // G20
		store := open(t, log)
		for range 3 {
			appendTypes(t, store, "a")
		}
		r, begun, release := blockedRecorder()
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "once"}, r)
		if err != nil {
			t.Fatal(err)
		}
		within(t, "the first delivery", begun)
		stream.Drain()
		close(release)
		if err := stream.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, "the end", stream.Done())
		if p := stream.Progress(); p.StoredCursor != 3 || len(r.deliveries) != 3 || stream.Err() != nil {
			t.Errorf("ended with %v at %+v after %d deliveries", stream.Err(), p, len(r.deliveries))
		}
	}},
	{"a stream that drains ends after what was committed before the call", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		r, begun, release := blockedRecorder()
		stream := live(t, store, factstr.AllEvents(), r)
		idle := live(t, store, factstr.AllEvents(), newRecorder())
		kept := newRecorder()
		held := durable(t, store, "drains", kept)
		for range 3 {
			appendTypes(t, store, "a")
		}
		within(t, "the first delivery", begun)
		for _, each := range []*factstr.EventStream{stream, idle, held} {
			each.Drain()
			each.Drain()
		}
		within(t, "the end of a stream that waits", idle.Done())
		within(t, "the end of a durable stream", held.Done())
		if p := held.Progress(); p.StoredCursor != 3 || held.Err() != nil || len(kept.deliveries) != 3 {
			t.Errorf("ended with %v at %+v", held.Err(), p)
		}
		close(release)
		within(t, "the end", stream.Done())
		r.want(t, []uint64{1}, []uint64{2}, []uint64{3})
		r.wantEnd(t, "")
		appendTypes(t, store, "a")
		r.wantNoMore(t)
	}},
}
