package storetest

import (
	"context"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// marker appends a batch of the type "marker", which proves by its delivery that nothing else was
// delivered before.
func marker(t testing.TB, store *factstr.Store) []uint64 {
	t.Helper()
	return []uint64{appendTypes(t, store, "marker").FirstSequenceNumber}
}

var liveTests = tests{
	{"a live stream sees what is committed after its registration and nothing older", func(t *testing.T, log Log) { // G16
		store := open(t, log)
		for i := range uint64(20) {
			appendTypes(t, store, "before")
			r := newRecorder()
			stream := live(t, store, factstr.AllEvents(), r)
			appendTypes(t, store, "after", "after")
			r.want(t, []uint64{3*i + 2, 3*i + 3})
			end(t, stream)
			r.wantNoMore(t)
		}
	}},
	{"registrations amid appends start at a batch and miss none after it", func(t *testing.T, log Log) { // G15 G16
		store := open(t, log)
		appendTypes(t, store, "a", "b", "a")
		stop, stopped := make(chan struct{}), make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					stopped <- nil
					return
				default:
				}
				if _, err := store.Append(t.Context(), facttest.BatchOf("a", "b", "a")); err != nil {
					stopped <- err
					return
				}
			}
		}()
		for range 20 {
			before := *facttest.Query(t, store, factstr.AllEvents().AtMost(0)).CurrentContextVersion
			r := newRecorder()
			stream := live(t, store, factstr.OfTypes("a"), r)
			after := *facttest.Query(t, store, factstr.AllEvents().AtMost(0)).CurrentContextVersion
			first := r.next(t)
			// The first batch is whole, newer than what was committed before the call, and not
			// newer than the next after it returned.
			if len(first) != 2 || first[0]%3 != 1 || first[0] <= before || first[0] > after+1 {
				t.Fatalf("the first delivery is %v; the head was %d before and %d after", first, before, after)
			}
			for next := first[0] + 3; next < first[0]+30; next += 3 {
				r.want(t, []uint64{next, next + 2})
			}
			end(t, stream)
		}
		close(stop)
		if err := within(t, "the end of appending", stopped); err != nil {
			t.Fatal(err)
		}
	}},
	{"every batch of many appenders is delivered once, whole and in commit order", func(t *testing.T, log Log) { // G15
		store := open(t, log)
		all, some := newRecorder(), newRecorder()
		live(t, store, factstr.AllEvents(), all)
		live(t, store, factstr.OfTypes("odd"), some)
		const appenders, each = 8, 60
		var running sync.WaitGroup
		for appender := range appenders {
			running.Go(func() {
				for i := range each {
					types := slices.Repeat([]string{[]string{"even", "odd"}[i%2]}, 1+(appender+i)%4)
					if _, err := store.Append(t.Context(), facttest.BatchOf(types...)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		var odd [][]uint64
		next := uint64(1)
		for range appenders * each {
			delivered := within(t, "a delivery", all.deliveries)
			for _, record := range delivered {
				if record.SequenceNumber != next {
					t.Fatalf("delivered %v, want %d next", facttest.Numbers(delivered), next)
				}
				next++
			}
			if delivered[0].EventType == "odd" {
				odd = append(odd, facttest.Numbers(delivered))
			}
		}
		if head := uint64(len(facttest.Query(t, store, factstr.AllEvents()).EventRecords)); head != next-1 {
			t.Fatalf("delivered up to %d of %d", next-1, head)
		}
		some.want(t, odd...)
	}},
	{"a filtered stream gets the matching facts of a mixed batch in one delivery", func(t *testing.T, log Log) { // G12 G15
		store := open(t, log)
		r := newRecorder()
		query := factstr.OfTypes("a").Or(factstr.EventFilter{PayloadPredicates: facttest.JSONTexts(`{"at":3}`)}).After(1000).AtMost(1).NewestFirst()
		stream := live(t, store, query, r)
		appendTypes(t, store, "b", "a", "b", "b", "b", "a") // 2, 4 (at 3), 6
		appendTypes(t, store, "b", "b")
		appendTypes(t, store, "b")
		appendTypes(t, store, "a") // 10
		r.want(t, []uint64{2, 4, 6}, []uint64{10})
		end(t, stream)
		r.wantNoMore(t)
	}},
	{"a stream whose query matches nothing delivers nothing and ends like others", func(t *testing.T, log Log) { // G12 G17
		store := open(t, log)
		nothing, all := newRecorder(), newRecorder()
		stream := live(t, store, factstr.OfTypes(), nothing)
		live(t, store, factstr.AllEvents(), all)
		appendTypes(t, store, "a")
		all.want(t, []uint64{1}, marker(t, store))
		end(t, stream)
		nothing.wantEnd(t, "")
		nothing.wantNoMore(t)
	}},
	{"a conflict delivers nothing", func(t *testing.T, log Log) { // G15
		store := open(t, log)
		r := newRecorder()
		stream := live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		for range 5 {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), nil)
			wantConflict(t, err, nil, factstr.Version(1))
		}
		r.want(t, []uint64{1}, marker(t, store))
		end(t, stream)
		r.wantNoMore(t)
	}},
	{"a live stream is ready at once and reports where it stands", func(t *testing.T, log Log) { // G16
		store := open(t, log)
		appendTypes(t, store, "a", "a")
		r := newRecorder()
		readied := make(chan struct{}, 10)
		stream, err := store.StreamAll(t.Context(), r, r.onEnd(), factstr.WithOnReady(func() { readied <- struct{}{} }))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "ready", readied)
		if err := stream.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p := stream.Progress(); !p.Ready || p.Ended || p.Position != 2 || p.ReplayTarget != 2 {
			t.Fatalf("progress %+v", p)
		}
		appendTypes(t, store, "a")
		r.want(t, []uint64{3})
		end(t, stream)
		if p := stream.Progress(); !p.Ended || p.Position != 3 || len(readied) > 0 {
			t.Fatalf("progress %+v, %d more ready", p, len(readied))
		}
	}},
	{"a batch that a live stream's handler gave up at the end does not count as handled", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		entered := make(chan struct{})
		stream, err := store.StreamAll(t.Context(), factstr.HandleFunc(func(ctx context.Context, _ []factstr.EventRecord) error {
			close(entered)
			<-ctx.Done()
			return ctx.Err()
		}))
		if err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		within(t, "the handler", entered)
		end(t, stream)
		if p := stream.Progress(); !p.Ended || p.Position != 0 {
			t.Fatalf("progress %+v", p)
		}
	}},
	{"several streams observe the same batches", func(t *testing.T, log Log) { // G15
		store := open(t, log)
		var recorders []*recorder
		for range 20 {
			r := newRecorder()
			live(t, store, factstr.AllEvents(), r)
			recorders = append(recorders, r)
		}
		appendTypes(t, store, "a", "b")
		appendTypes(t, store, "a")
		for _, r := range recorders {
			r.want(t, []uint64{1, 2}, []uint64{3})
		}
	}},
	{"handlers may append, query and register streams", func(t *testing.T, log Log) { // G15 G18
		store := open(t, log)
		inner := newRecorder()
		failed := make(chan error, 1)
		outer := newRecorder()
		outer.handle = func(ctx context.Context, batch []factstr.EventRecord) error {
			if batch[0].EventType != "ask" {
				return nil
			}
			failed <- func() error {
				if _, err := store.StreamTo(ctx, factstr.OfTypes("answer"), inner); err != nil {
					return err
				}
				if _, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "inside"}, newRecorder()); err != nil {
					return err
				}
				result, err := store.Query(ctx, factstr.OfTypes("ask"))
				if err != nil {
					return err
				}
				_, err = store.AppendIf(ctx, []factstr.NewEvent{facttest.Fact("answer", `{}`)}, factstr.OfTypes("ask"),
					result.CurrentContextVersion)
				return err
			}()
			return nil
		}
		live(t, store, factstr.AllEvents(), outer)
		appendTypes(t, store, "ask")
		if err := within(t, "the handler's work", failed); err != nil {
			t.Fatal(err)
		}
		inner.want(t, []uint64{2})
		outer.want(t, []uint64{1}, []uint64{2})
	}},
}
