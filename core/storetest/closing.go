package storetest

import (
	"context"
	"runtime"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var closingTests = tests{
	{"every call after close returns StoreClosed", func(t *testing.T, log Log) {
		store := open(t, log)
		stream := durable(t, store, "model", newRecorder())
		appendTypes(t, store, "a")
		for range 3 {
			if err := store.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		within(t, "the release of the store", store.Closed())
		never := func(factstr.AppendResult, error) { t.Error("done was called for what was refused") }
		_, err := store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(1))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		facttest.WantError(t, store.AppendAsync(t.Context(), facttest.BatchOf("a"), never), factstr.CodeStoreClosed)
		facttest.WantError(t, store.AppendIfAsync(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), nil, never),
			factstr.CodeStoreClosed)
		_, err = store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		_, err = store.StreamAll(t.Context(), newRecorder())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "other"}, newRecorder())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		stream.Unsubscribe()
		end(t, stream)
		if log.Persistent {
			wantStillWorks(t, open(t, log), 1)
		}
	}},
	{"the running group finishes and is answered, queued appends get StoreClosed", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		held := c.holdCommits()
		running := make(chan error, 1)
		go func() {
			_, err := store.Append(context.Background(), facttest.BatchOf("running"))
			running <- err
		}()
		within(t, "the commit", held.arrived)
		queued := make(chan error, 20)
		for i := range 20 {
			done := func(_ factstr.AppendResult, err error) { queued <- err }
			var err error
			if i%2 == 0 {
				err = store.AppendAsync(context.Background(), facttest.BatchOf("queued"), done)
			} else {
				err = store.AppendIfAsync(context.Background(), facttest.BatchOf("queued"), factstr.AllEvents(), nil,
					done)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		closed := make(chan error, 1)
		go func() { closed <- store.Close(context.Background()) }()
		for range 20 {
			facttest.WantError(t, within(t, "the answer of a queued append", queued), factstr.CodeStoreClosed)
		}
		select {
		case err := <-running:
			t.Fatalf("the held append was answered %v", err)
		case err := <-closed:
			t.Fatalf("close returned %v while a group runs", err)
		default:
		}
		held.open()
		if err := within(t, "the running append", running); err != nil {
			t.Fatal(err)
		}
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if log.Persistent {
			wantHead(t, open(t, log), 1)
		}
	}},
	{"close ends every stream once, with StoreClosed", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		var recorders []*recorder
		var streams []*factstr.EventStream
		for _, name := range []string{"", "a", "b"} {
			r := newRecorder()
			recorders = append(recorders, r)
			if name == "" {
				streams = append(streams, live(t, store, factstr.AllEvents(), r))
			} else {
				streams = append(streams, durable(t, store, name, r))
			}
		}
		appendTypes(t, store, "a")
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, r := range recorders {
			// Its cursor is stored and its name free by now. The end itself is reported by its own
			// goroutine, which close does not wait for: it may be what closes.
			within(t, "the end of a stream", streams[i].Done())
			facttest.WantError(t, streams[i].Err(), factstr.CodeStoreClosed)
			r.wantEnd(t, factstr.CodeStoreClosed)
			if len(r.ended) > 0 {
				t.Fatal("the end was reported twice")
			}
		}
	}},
	{"close waits for a running handler, whose success counts", func(t *testing.T, log Log) { // G21 G23
		store := open(t, log)
		r := newRecorder()
		release := make(chan struct{})
		r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
			<-ctx.Done()
			<-release
			return nil
		}
		stream := durable(t, store, "model", r)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		closed := make(chan error, 1)
		go func() { closed <- store.Close(context.Background()) }()
		close(release)
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
		if p := stream.Progress(); p.StoredCursor != 1 {
			t.Fatalf("progress %+v", p)
		}
		if log.Persistent {
			if cursor := cursorOf(t, open(t, log), "model", factstr.AllEvents()); cursor != 1 {
				t.Fatalf("the cursor is %d, want 1", cursor)
			}
		}
	}},
	{"a handler that does not return makes close answer Timeout, and the release follow", func(t *testing.T, log Log) {
		store := openWith(t, log, factstr.Options{CloseTimeout: time.Millisecond}, nil)
		r, release := held()
		live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		facttest.WantError(t, store.Close(t.Context()), factstr.CodeTimeout)
		_, err := store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		close(release)
		within(t, "the release of the store", store.Closed())
		r.wantEnd(t, factstr.CodeStoreClosed)
	}},
	{"close inside a handler does not wait for that handler", func(t *testing.T, log Log) {
		store := open(t, log)
		closed := make(chan error, 1)
		r := newRecorder()
		r.handle = func(ctx context.Context, _ []factstr.EventRecord) error {
			closed <- store.Close(ctx)
			return nil
		}
		durable(t, store, "model", r)
		appendTypes(t, store, "a")
		if err := within(t, "close inside the handler", closed); err != nil {
			t.Fatal(err)
		}
		r.wantEnd(t, factstr.CodeStoreClosed)
		within(t, "the release of the store", store.Closed())
	}},
	{"close beside appends, queries and registrations loses no answered append", func(t *testing.T, log Log) { // G5
		store := open(t, log)
		const callers = 8
		answered := make(chan uint64, callers)
		started := make(chan struct{}, callers)
		for i := range callers {
			go func() {
				var facts uint64
				for round := 0; ; round++ {
					_, err := store.Append(context.Background(), facttest.BatchOf("a", "b"))
					if err == nil {
						facts += 2
						_, err = store.Query(context.Background(), factstr.AllEvents().AtMost(1))
					}
					if err == nil && i == 0 {
						_, err = store.StreamAll(context.Background(), newRecorder())
					}
					if err != nil {
						if factstr.CodeOf(err) != factstr.CodeStoreClosed {
							t.Errorf("answered %v", err)
						}
						answered <- facts
						return
					}
					if round == 3 {
						started <- struct{}{}
					}
				}
			}()
		}
		for range callers {
			within(t, "an appender's start", started)
		}
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var facts uint64
		for range callers {
			facts += within(t, "an appender's end", answered)
		}
		if log.Persistent {
			wantHead(t, open(t, log), facts)
		}
	}},
	{"a panic while the head is read at close ends streams and releases the backend all the same", func(t *testing.T, log Log) { // G17 G24
		c := &chaos{}
		c.set(hooks{})
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			c.wrap(inner)
			return watchingChaos{c, make(toldWatcher)}
		})
		r := newRecorder()
		live(t, store, factstr.AllEvents(), r)
		released := make(chan struct{})
		c.set(hooks{
			head: func(func() (factstr.Head, error)) (factstr.Head, error) { panic("on purpose") },
			close: func(next func() error) error {
				close(released)
				return next()
			},
		})
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, "the backend's release", released)
		r.wantEnd(t, factstr.CodeStoreClosed)
	}},
	{"a function that takes an append's answer and panics or ends its goroutine costs nobody else theirs", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		const appends = 30
		answers := make(chan error, 3*appends)
		submit := func(how int) {
			t.Helper()
			done := func(_ factstr.AppendResult, err error) {
				answers <- err
				switch how {
				case 0:
					panic("on purpose")
				case 1:
					runtime.Goexit()
				}
			}
			if err := store.AppendIfAsync(context.Background(), facttest.BatchOf("a"), factstr.OfTypes("b"), nil, done); err != nil {
				t.Fatal(err)
			}
		}
		held := c.holdCommits()
		for i := range appends {
			submit(i % 3)
		}
		held.open()
		for range appends {
			if err := within(t, "an answer", answers); err != nil {
				t.Fatal(err)
			}
		}
		c.clear()
		wantStillWorks(t, store, appends)
		held = c.holdCommits()
		submit(2)
		within(t, "the commit", held.arrived)
		for i := range appends {
			submit(i % 3)
		}
		closed := closing(store)
		for range appends {
			facttest.WantError(t, within(t, "an answer at close", answers), factstr.CodeStoreClosed)
		}
		held.open()
		if err := within(t, "close", closed); err != nil {
			t.Fatal(err)
		}
	}},
	{"a backend's failure to close is reported, and a panic in it too", func(t *testing.T, log Log) {
		c := &chaos{}
		c.set(hooks{close: func(next func() error) error {
			_ = next()
			return factstr.BackendFailure(factstr.ReasonIO, "on purpose")
		}})
		store, err := log.Open(t.Context(), factstr.Options{}, c.wrap)
		if err != nil {
			t.Fatal(err)
		}
		facttest.WantError(t, store.Close(t.Context()), factstr.CodeBackendFailure)
		if !log.Persistent {
			return
		}
		c.set(hooks{close: func(next func() error) error {
			_ = next()
			panic("on purpose")
		}})
		if store, err = log.Open(t.Context(), factstr.Options{}, c.wrap); err != nil {
			t.Fatal(err)
		}
		facttest.WantError(t, store.Close(t.Context()), factstr.CodeInternal)
	}},
}
