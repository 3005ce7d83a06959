package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// background appends batches of three on another goroutine, as many as more asks for; stop waits
// for the last one.
func background(t testing.TB, store *factstr.Store) (more func(batches int), stop func()) {
	asked, stopped := make(chan struct{}, deliveriesMax), make(chan error, 1)
	go func() {
		for range asked {
			if _, err := store.Append(context.Background(), facttest.BatchOf("a", "b", "a")); err != nil {
				stopped <- err
				return
			}
		}
		stopped <- nil
	}()
	more = func(batches int) {
		for range batches {
			asked <- struct{}{}
		}
	}
	return more, func() {
		t.Helper()
		close(asked)
		if err := within(t, "the last append", stopped); err != nil {
			t.Fatal(err)
		}
	}
}

var durableTests = tests{
	{"the first registration replays everything, batch by batch, and goes on live", func(t *testing.T, log Log) { // G3 G19 G20
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a", "b", "a")
		appendTypes(t, store, "b")
		r := newRecorder()
		stream := durable(t, store, "model", r)
		if n := len(r.deliveries); n != 3 {
			t.Fatalf("%d batches were delivered before ready, want 3", n)
		}
		appendTypes(t, store, "c", "c")
		r.want(t, []uint64{1}, []uint64{2, 3, 4}, []uint64{5}, []uint64{6, 7})
		end(t, stream)
		r.wantEnd(t, "")
		r.wantNoMore(t)
	}},
	{"a later registration starts strictly after the last handled batch", func(t *testing.T, log Log) { // G19 G23
		store := open(t, log)
		query := factstr.OfTypes("a")
		next := uint64(1)
		for round := range 5 {
			if log.Persistent && round > 2 {
				store = reopen(t, log, store)
			}
			appendTypes(t, store, "a", "b")
			appendTypes(t, store, "b")
			r := newRecorder()
			stream := durableTo(t, store, "model", query, r)
			appendTypes(t, store, "a")
			r.want(t, []uint64{next}, []uint64{next + 3})
			end(t, stream)
			r.wantNoMore(t)
			if cursor := cursorOf(t, store, "model", query); cursor != next+3 {
				t.Fatalf("the cursor is %d, want %d", cursor, next+3)
			}
			next += 4
		}
	}},
	{"a filtered replay delivers the matching facts of each batch", func(t *testing.T, log Log) { // G12 G15 G19
		store := open(t, log)
		mixed(t, store)
		r := newRecorder()
		// The query's cursor and limit are no part of it.
		stream := durableTo(t, store, "model", factstr.OfTypes("a").After(4).AtMost(1).NewestFirst(), r)
		r.want(t, []uint64{1}, []uint64{3}, []uint64{5, 7, 9})
		end(t, stream)
		again := newRecorder()
		stream = durableTo(t, store, "model", factstr.OfTypes("a"), again)
		marker := appendTypes(t, store, "a").FirstSequenceNumber
		again.want(t, []uint64{marker})
		end(t, stream)
	}},
	{"registrations amid appends join replay and live without duplicate or gap", func(t *testing.T, log Log) { // G15 G19
		store := open(t, log)
		more, stop := background(t, store)
		next := uint64(1)
		for round := range proctest.Rounds(50) {
			more(10)
			if round%5 == 4 {
				wholeReplay(t, store, fmt.Sprint("whole ", round))
			}
			r := newRecorder()
			stream := durable(t, store, "resumed", r)
			more(3) // these are committed after the registration, so that it goes on live
			for range 5 {
				r.want(t, []uint64{next, next + 1, next + 2})
				next += 3
			}
			end(t, stream)
			for len(r.deliveries) > 0 {
				r.want(t, []uint64{next, next + 1, next + 2})
				next += 3
			}
			if cursor := stream.Progress().StoredCursor; cursor != next-1 {
				t.Fatalf("the cursor is %d after deliveries up to %d", cursor, next-1)
			}
		}
		stop()
	}},
	{"a long replay from a small tail is complete and in order", func(t *testing.T, log Log) { // G18 G19
		store := openWith(t, log, factstr.Options{TailEvents: 10}, nil)
		var want [][]uint64
		next := uint64(1)
		for i := range 30 {
			// Batches larger than what a stream reads ahead, too.
			size := []int{1, 700, 2, 1500}[i%4]
			types := slices.Repeat([]string{"a", "b"}, size)[:size]
			appendTypes(t, store, types...)
			var batch []uint64
			for at := range size {
				if types[at] == "a" {
					batch = append(batch, next+uint64(at))
				}
			}
			want = append(want, batch)
			next += uint64(size)
		}
		r := newRecorder()
		end(t, durableTo(t, store, "model", factstr.OfTypes("a"), r))
		r.want(t, want...)
		r.wantNoMore(t)
	}},
	{"ready is reported once, after replay, with the cursor stored", func(t *testing.T, log Log) { // G20 G23
		store := open(t, log)
		for range 5 {
			appendTypes(t, store, "a", "a")
		}
		handled := 0
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error { handled++; return nil }
		type seen struct{ handled int }
		readied := make(chan seen, 10)
		never := factstr.CursorEvery{Batches: 1 << 30, Time: 1 << 60}
		stream := durable(t, store, "model", r, factstr.WithCursorEvery(never),
			factstr.WithOnReady(func() { readied <- seen{handled} }))
		if p := stream.Progress(); !p.Ready || p.Ended || p.ReplayTarget != 10 || p.Position != 10 || p.StoredCursor != 10 {
			t.Fatalf("progress %+v", p)
		}
		if at := within(t, "ready", readied); at.handled != 5 {
			t.Fatalf("ready was reported after %d batches", at.handled)
		}
		appendTypes(t, store, "a")
		end(t, stream)
		if len(readied) > 0 {
			t.Fatal("ready was reported again")
		}
	}},
	{"a replay can be watched and given up meanwhile", func(t *testing.T, log Log) { // G20 G22
		store := open(t, log)
		for range 5 {
			appendTypes(t, store, "a", "a")
		}
		r := newRecorder()
		r.handle = func(ctx context.Context, batch []factstr.EventRecord) error {
			if batch[0].SequenceNumber < 5 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, r, r.onEnd())
		if err != nil {
			t.Fatal(err)
		}
		r.want(t, []uint64{1, 2}, []uint64{3, 4}, []uint64{5, 6})
		if p := stream.Progress(); p.Ready || p.Ended || p.Position != 4 || p.ReplayTarget != 10 {
			t.Fatalf("progress %+v", p)
		}
		impatient, cancel := context.WithCancel(t.Context())
		cancel()
		if err := stream.WaitReady(impatient); err == nil {
			t.Fatal("ready during the replay")
		}
		stream.Unsubscribe()
		facttest.WantError(t, stream.WaitReady(t.Context()), factstr.CodeCancelled)
		r.wantEnd(t, "")
		r.wantNoMore(t)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 4 {
			t.Fatalf("the cursor is %d, want 4", cursor)
		}
	}},
	{"several durable names each have their own cursor", func(t *testing.T, log Log) { // G19 G23
		store := open(t, log)
		names := []string{"a", "A", "a ", "ä", "'; --", fmt.Sprintf("%01000d", 0)}
		for i, name := range names {
			appendTypes(t, store, "a")
			r := newRecorder()
			end(t, durable(t, store, name, r))
			for n := range i + 1 {
				r.want(t, []uint64{uint64(n + 1)})
			}
			r.wantNoMore(t)
		}
		for i, name := range names {
			if cursor := cursorOf(t, store, name, factstr.AllEvents()); cursor != uint64(i+1) {
				t.Fatalf("the cursor of %.10q is %d, want %d", name, cursor, i+1)
			}
		}
	}},
}

// wholeReplay registers a new name amid appends and checks that its replay delivers every batch
// from the first on.
func wholeReplay(t *testing.T, store *factstr.Store, name string) {
	t.Helper()
	r := newRecorder()
	stream := durableTo(t, store, name, factstr.OfTypes("b"), r)
	target := stream.Progress().ReplayTarget
	for next := uint64(2); next <= target; next += 3 {
		r.want(t, []uint64{next})
	}
	end(t, stream)
}
