package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

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
		stuck, release := held()
		healthy := newRecorder()
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
		stream, err := store.StreamAll(t.Context(), newRecorder(),
			factstr.WithOnEnd(func(error) { panic("on purpose") }))
		if err != nil {
			t.Fatal(err)
		}
		end(t, stream)
		stream, err = store.StreamAll(t.Context(), newRecorder(), factstr.WithOnReady(func() { panic("on purpose") }))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "the end", stream.Done())
		facttest.WantError(t, stream.Err(), factstr.CodeInternal)
		wantStillWorks(t, store, 0)
	}},
	{"streams that come and go leave nothing behind", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() {
				for j := range 25 {
					r := newRecorder()
					stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: fmt.Sprint(i)}, r,
						r.onEnd())
					if err != nil {
						t.Error(err)
						return
					}
					if j%2 == 0 {
						if _, err := store.Append(t.Context(), facttest.BatchOf("a")); err != nil {
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
