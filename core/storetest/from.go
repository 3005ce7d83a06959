package storetest

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// from registers a stream from a number, and waits for its replay. It returns the error of either.
func from(
	t testing.TB, store *factstr.Store, after uint64, query factstr.EventQuery, r *recorder,
	options ...factstr.StreamOption,
) (*factstr.EventStream, error) {
	t.Helper()
	stream, err := store.StreamFrom(t.Context(), after, query, r, append(options, r.onEnd())...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
	defer cancel()
	return stream, stream.WaitReady(ctx)
}

// positions makes a handler that sends the position of each delivery.
func positions(to chan uint64) func(context.Context, []factstr.EventRecord) error {
	return func(ctx context.Context, _ []factstr.EventRecord) error {
		to <- factstr.DeliveryPosition(ctx)
		return nil
	}
}

// positionsOfMany is a handler of several batches that sends the position of each.
type positionsOfMany chan uint64

func (p positionsOfMany) HandleBatches(
	_ context.Context, batches []factstr.Delivery, _ func(int) bool,
) (handled int, err error) {
	for i := range batches {
		p <- batches[i].Position
	}
	return len(batches), nil
}

func (p positionsOfMany) HandleStream(context.Context, []factstr.EventRecord) error {
	panic("HandleBatches takes its place")
}

func ofType(eventType string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{eventType}}}}
}

var fromTests = tests{
	{"a stream from a number replays what is above it, batch by batch, and goes on live", func(t *testing.T, log Log) { // G15 G19
		store := open(t, log)
		appendTypes(t, store, "a", "a")
		appendTypes(t, store, "b", "a", "b")
		appendTypes(t, store, "b")
		r := newRecorder()
		r.handle = positions(make(chan uint64, 10))
		stream, err := from(t, store, 2, ofType("a"), r)
		if err != nil {
			t.Fatal(err)
		}
		if p := stream.Progress(); !p.Ready || p.ReplayTarget != 6 || p.StoredCursor != 2 {
			t.Fatalf("progress %+v", p)
		}
		appendTypes(t, store, "a")
		r.want(t, []uint64{4}, []uint64{7})
		end(t, stream)
		r.wantEnd(t, "")
		r.wantNoMore(t)
	}},
	{"a number within a batch begins with the rest of the batch", func(t *testing.T, log Log) { // G19
		store := open(t, log)
		appendTypes(t, store, "a", "a", "a")
		r := newRecorder()
		if _, err := from(t, store, 1, factstr.AllEvents(), r); err != nil {
			t.Fatal(err)
		}
		r.want(t, []uint64{2, 3})
	}},
	{"0 begins with the first fact, and the head with the next", func(t *testing.T, log Log) { // G19
		store := open(t, log)
		all := newRecorder()
		if _, err := from(t, store, 0, factstr.AllEvents(), all); err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		next := newRecorder()
		if _, err := from(t, store, 1, factstr.AllEvents(), next); err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		all.want(t, []uint64{1}, []uint64{2})
		next.want(t, []uint64{2})
	}},
	{"a number above the head is refused, since facts that were handled are gone", func(t *testing.T, log Log) { // G24
		store := open(t, log)
		appendTypes(t, store, "a")
		_, err := from(t, store, 2, factstr.AllEvents(), newRecorder())
		facttest.WantError(t, err, factstr.CodeLogTruncated, "2", "1")
		_, err = from(t, store, math.MaxInt64, factstr.AllEvents(), newRecorder())
		facttest.WantError(t, err, factstr.CodeLogTruncated)
		_, err = from(t, store, math.MaxInt64+1, factstr.AllEvents(), newRecorder())
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "after")
		wantStillWorks(t, store, 1)
	}},
	{"each delivery of every stream has its batch's last number as its position", func(t *testing.T, log Log) { // G15
		store := open(t, log)
		var got []chan uint64
		recorded := func() *recorder {
			r := newRecorder()
			got = append(got, make(chan uint64, 10))
			r.handle = positions(got[len(got)-1])
			return r
		}
		live(t, store, ofType("a"), recorded())
		durableTo(t, store, "model", ofType("a"), recorded())
		if _, err := from(t, store, 0, ofType("a"), recorded()); err != nil {
			t.Fatal(err)
		}
		pulled, err := store.StreamTo(t.Context(), ofType("a"), nil)
		if err != nil {
			t.Fatal(err)
		}
		several := make(positionsOfMany, 10)
		if _, err := store.StreamTo(t.Context(), ofType("a"), several); err != nil {
			t.Fatal(err)
		}
		got = append(got, several)
		appendTypes(t, store, "a", "b", "b")
		appendTypes(t, store, "b", "a")
		for _, positions := range got {
			for _, want := range []uint64{3, 5} {
				if position := within(t, "a delivery", positions); position != want {
					t.Fatalf("position %d, want %d", position, want)
				}
			}
		}
		first := pullNext(t, pulled, 1)
		first.Ack()
		second := pullNext(t, pulled, 5)
		second.Ack() // else closing the store waits for it
		if first.Position != 3 || second.Position != 5 {
			t.Fatalf("pulled at %d and %d, want 3 and 5", first.Position, second.Position)
		}
		if position := factstr.DeliveryPosition(t.Context()); position != 0 {
			t.Fatalf("position %d outside of a handler", position)
		}
	}},
	{"a failed delivery ends it, and the retry of its options delivers it again", func(t *testing.T, log Log) { // G20 G21
		store := open(t, log)
		for range 3 {
			appendTypes(t, store, "a")
		}
		r := newRecorder()
		r.handle = failAt(2)
		stream, err := from(t, store, 0, factstr.AllEvents(), r)
		facttest.WantError(t, err, factstr.CodeHandlerFailed, "position stays before it")
		r.wantEnd(t, factstr.CodeHandlerFailed)
		r.want(t, []uint64{1}, []uint64{2})
		r.wantNoMore(t)
		if p := stream.Progress(); p.Position != 1 {
			t.Fatalf("progress %+v", p)
		}
		again := newRecorder()
		failed := 0
		again.handle = func(_ context.Context, batch []factstr.EventRecord) error {
			if batch[0].SequenceNumber == 2 && failed < 2 {
				failed++
				return errOnPurpose
			}
			return nil
		}
		retry := factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 2, Delay: 1})
		if _, err := from(t, store, 1, factstr.AllEvents(), again, retry); err != nil {
			t.Fatal(err)
		}
		again.want(t, []uint64{2}, []uint64{2}, []uint64{2}, []uint64{3})
	}},
	{"a program that keeps the position with its state handles each batch exactly once", func(t *testing.T, log Log) { // G19 G21
		store := open(t, log)
		var kept struct { // stands for the program's own transaction
			sync.Mutex
			position uint64
			numbers  []uint64
		}
		for attempt := 0; ; attempt++ {
			r := newRecorder()
			handled := 0
			r.handle = func(ctx context.Context, batch []factstr.EventRecord) error {
				if handled++; attempt < 12 && handled > 4 {
					return errOnPurpose // before the transaction
				}
				kept.Lock()
				defer kept.Unlock()
				kept.position = factstr.DeliveryPosition(ctx)
				kept.numbers = append(kept.numbers, facttest.Numbers(batch)...)
				if attempt < 12 && handled == 4 && attempt%2 == 0 {
					return errOnPurpose // behind it: the answer is lost, as in a crash
				}
				return nil
			}
			for range 5 {
				appendTypes(t, store, "a", "b", "a")
			}
			kept.Lock()
			after := kept.position
			kept.Unlock()
			stream, err := from(t, store, after, ofType("a"), r)
			if attempt < 12 {
				if err == nil {
					err = facttest.WaitEnd(t, stream)
				}
				facttest.WantError(t, err, factstr.CodeHandlerFailed)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			end(t, stream)
			break
		}
		var want []uint64
		for last := uint64(3); last <= 13*5*3; last += 3 {
			want = append(want, last-2, last)
		}
		if !slices.Equal(kept.numbers, want) {
			t.Fatalf("handled %v, want each once: %v", kept.numbers, want)
		}
	}},
	{"any number of streams begin at any number, and none leaves a cursor", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		for range 2 {
			for after := range uint64(3) {
				r := newRecorder()
				if _, err := from(t, store, after, factstr.AllEvents(), r); err != nil {
					t.Fatal(err)
				}
				for number := after + 1; number <= 2; number++ {
					r.want(t, []uint64{number})
				}
			}
		}
	}},
	{"closing the store ends it, and leaves the rest to the number that its caller keeps", func(t *testing.T, log Log) { // G17 G20
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		r := newRecorder()
		begun := make(chan struct{})
		r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
			close(begun)
			<-ctx.Done()
			return nil
		}
		stream, err := store.StreamFrom(t.Context(), 0, factstr.AllEvents(), r, r.onEnd())
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		facttest.Close(t, store)
		r.wantEnd(t, factstr.CodeStoreClosed)
		r.want(t, []uint64{1})
		r.wantNoMore(t)
		if p := stream.Progress(); p.Position != 1 {
			t.Fatalf("progress %+v", p)
		}
	}},
}
