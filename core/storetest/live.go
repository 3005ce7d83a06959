package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
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
				if _, err := store.Append(t.Context(), batch("a", "b", "a")); err != nil {
					stopped <- err
					return
				}
			}
		}()
		for range 20 {
			before := *mustQuery(t, store, factstr.AllEvents().AtMost(0)).CurrentContextVersion
			r := newRecorder()
			stream := live(t, store, factstr.OfTypes("a"), r)
			after := *mustQuery(t, store, factstr.AllEvents().AtMost(0)).CurrentContextVersion
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
					if _, err := store.Append(t.Context(), batch(types...)); err != nil {
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
					t.Fatalf("delivered %v, want %d next", numbers(delivered), next)
				}
				next++
			}
			if delivered[0].EventType == "odd" {
				odd = append(odd, numbers(delivered))
			}
		}
		if head := uint64(len(mustQuery(t, store, factstr.AllEvents()).EventRecords)); head != next-1 {
			t.Fatalf("delivered up to %d of %d", next-1, head)
		}
		some.want(t, odd...)
	}},
	{"a filtered stream gets the matching facts of a mixed batch in one delivery", func(t *testing.T, log Log) { // G12 G15
		store := open(t, log)
		r := newRecorder()
		query := factstr.OfTypes("a").Or(factstr.EventFilter{PayloadPredicates: texts([]string{`{"at":3}`})}).After(1000).AtMost(1)
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
			_, err := store.AppendIf(t.Context(), batch("a"), factstr.AllEvents(), nil)
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
				_, err = store.AppendIf(ctx, []factstr.NewEvent{event("answer", `{}`)}, factstr.OfTypes("ask"), result.CurrentContextVersion)
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

var isolationTests = tests{
	{"a failing handler affects neither the append nor others nor its later batches", func(t *testing.T, log Log) { // G16
		store := open(t, log)
		failing, panicking, healthy := newRecorder(), newRecorder(), newRecorder()
		failing.handle = func(context.Context, []factstr.EventRecord) error { return errors.New("on purpose") }
		panicking.handle = func(context.Context, []factstr.EventRecord) error { panic("on purpose") }
		var streams []*factstr.EventStream
		for _, r := range []*recorder{failing, panicking, healthy} {
			streams = append(streams, live(t, store, factstr.AllEvents(), r))
		}
		for range 5 {
			appendTypes(t, store, "a")
		}
		for i, r := range []*recorder{failing, panicking, healthy} {
			r.want(t, []uint64{1}, []uint64{2}, []uint64{3}, []uint64{4}, []uint64{5})
			end(t, streams[i])
			r.wantEnd(t, "")
			r.wantNoMore(t)
		}
		wantStillWorks(t, store, 5)
	}},
	{"a handler that does not return delays neither appends nor other streams", func(t *testing.T, log Log) { // G16 G18
		store := open(t, log)
		stuck, healthy := newRecorder(), newRecorder()
		release := make(chan struct{})
		stuck.handle = func(context.Context, []factstr.EventRecord) error {
			<-release
			return nil
		}
		stream := live(t, store, factstr.AllEvents(), stuck)
		live(t, store, factstr.AllEvents(), healthy)
		const batches = 300
		for i := range uint64(batches) {
			appendTypes(t, store, "a")
			healthy.want(t, []uint64{i + 1})
		}
		if n := len(stuck.deliveries); n > 1 {
			t.Fatalf("%d deliveries began while the first one runs", n)
		}
		close(release)
		for i := range uint64(batches) {
			stuck.want(t, []uint64{i + 1})
		}
		end(t, stream)
	}},
	{"deliveries of a stream run one at a time, each after the one before", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		// The handlers share plain variables, so that the race detector sees a missing
		// happens-before.
		inside, handled := 0, 0
		done := make(chan int, 200)
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error {
			inside++
			if inside != 1 {
				t.Error("two deliveries run at once")
			}
			handled++
			done <- handled
			inside--
			return nil
		}
		live(t, store, factstr.AllEvents(), r)
		for range 200 {
			appendTypes(t, store, "a")
		}
		for i := range 200 {
			if got := within(t, "a delivery", done); got != i+1 {
				t.Fatalf("delivery %d handled as %d", i+1, got)
			}
		}
	}},
	{"after unsubscribe returned no delivery starts and the end is reported once, last", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		others := newRecorder()
		live(t, store, factstr.AllEvents(), others)
		for i := range 20 {
			r := newRecorder()
			stream := live(t, store, factstr.AllEvents(), r)
			want := []uint64{appendTypes(t, store, "a").FirstSequenceNumber}
			r.want(t, want)
			others.want(t, want)
			stream.Unsubscribe()
			if i%2 == 0 {
				stream.Unsubscribe()
			}
			others.want(t, marker(t, store))
			r.wantEnd(t, "")
			within(t, "done", stream.Done())
			if stream.Err() != nil || len(r.ended) > 0 {
				t.Fatalf("ended with %v, %d more ends", stream.Err(), len(r.ended))
			}
			r.wantNoMore(t)
			stream.Unsubscribe()
		}
	}},
	{"unsubscribe does not wait for the running handler, which the end follows", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		r := newRecorder()
		release := make(chan struct{})
		r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
			<-ctx.Done() // the handler is told
			<-release
			return nil
		}
		stream := live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		stream.Unsubscribe()
		if len(r.ended) > 0 {
			t.Fatal("the end was reported while the handler runs")
		}
		select {
		case <-stream.Done():
			t.Fatal("the stream is done while the handler runs")
		default:
		}
		close(release)
		r.wantEnd(t, "")
		r.wantNoMore(t)
	}},
	{"a handler may unsubscribe and close its own stream", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		for _, how := range []func(ctx context.Context, s *factstr.EventStream) error{
			func(_ context.Context, s *factstr.EventStream) error { s.Unsubscribe(); return nil },
			func(ctx context.Context, s *factstr.EventStream) error { return s.Close(ctx) },
		} {
			r := newRecorder()
			registered := make(chan *factstr.EventStream, 1)
			failed := make(chan error, 1)
			r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
				failed <- how(ctx, <-registered)
				return nil
			}
			registered <- live(t, store, factstr.AllEvents(), r)
			first := appendTypes(t, store, "a").FirstSequenceNumber
			appendTypes(t, store, "a")
			r.want(t, []uint64{first})
			if err := within(t, "the close inside the handler", failed); err != nil {
				t.Fatal(err)
			}
			r.wantEnd(t, "")
			r.wantNoMore(t)
		}
	}},
	{"a panic in the callbacks of ready and end takes nothing down", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		stream, err := store.StreamAll(t.Context(), newRecorder(), factstr.WithOnEnd(func(error) { panic("on purpose") }))
		if err != nil {
			t.Fatal(err)
		}
		end(t, stream)
		stream, err = store.StreamAll(t.Context(), newRecorder(), factstr.WithOnReady(func() { panic("on purpose") }))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "the end", stream.Done())
		wantCode(t, stream.Err(), factstr.CodeInternal)
		wantStillWorks(t, store, 0)
	}},
	{"streams that come and go leave nothing behind", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() {
				for j := range 25 {
					r := newRecorder()
					stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: fmt.Sprint(i)}, r, r.onEnd())
					if err != nil {
						t.Error(err)
						return
					}
					if j%2 == 0 {
						if _, err := store.Append(t.Context(), batch("a")); err != nil {
							t.Error(err)
						}
					}
					stream.Unsubscribe()
					within(t, "done", stream.Done())
				}
			})
		}
		running.Wait()
		wantStillWorks(t, store, 8*13)
	}},
}
