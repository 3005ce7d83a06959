package storetest

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// watchCursors lets the test see every cursor write that succeeded.
func (c *chaos) watchCursors() (writes chan factstr.CursorWrite) {
	writes = make(chan factstr.CursorWrite, deliveriesMax)
	c.set(hooks{writeCursors: func(group []factstr.CursorWrite, next func() error) error {
		err := next()
		if err == nil {
			for _, write := range group {
				writes <- write
			}
		}
		return err
	}})
	return writes
}

// awaitCursor waits until a name's cursor is stored at a number or above.
func awaitCursor(t testing.TB, writes <-chan factstr.CursorWrite, name string, number uint64) {
	t.Helper()
	for {
		if write := within(t, "a cursor write", writes); write.Name == name && write.SequenceNumber >= number {
			return
		}
	}
}

// seldom stores cursors only where the contract demands it.
var seldom = factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1 << 30, Time: 1 << 60})

var cursorTests = tests{
	{"the stored cursor follows handled batches by itself", func(t *testing.T, log Log) { // G23
		store, c := openChaos(t, log, factstr.Options{})
		writes := c.watchCursors()
		r := newRecorder()
		durable(t, store, "model", r)
		for i := range uint64(5) {
			appendTypes(t, store, "a")
			awaitCursor(t, writes, "model", i+1)
		}
	}},
	{"the stored cursor passes batches that do not match", func(t *testing.T, log Log) { // G21 G23
		store, c := openChaos(t, log, factstr.Options{})
		writes := c.watchCursors()
		r := newRecorder()
		stream := durableTo(t, store, "model", factstr.OfTypes("rare"), r)
		appendTypes(t, store, "a", "a")
		awaitCursor(t, writes, "model", 2)
		appendTypes(t, store, "rare", "a", "a")
		awaitCursor(t, writes, "model", 5)
		end(t, stream)
		r.want(t, []uint64{3})
		r.wantNoMore(t)
		if cursor := cursorOf(t, store, "model", factstr.OfTypes("rare")); cursor != 5 {
			t.Fatalf("the cursor is %d, want 5", cursor)
		}
	}},
	{"the cursor never passes a batch that is still being handled", func(t *testing.T, log Log) { // G21
		store, c := openChaos(t, log, factstr.Options{})
		writes := c.watchCursors()
		r := newRecorder()
		release := make(chan struct{})
		r.handle = func(_ context.Context, batch []factstr.EventRecord) error {
			if batch[0].SequenceNumber == 3 {
				<-release
			}
			return nil
		}
		durable(t, store, "slow", r, factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1, Time: 1}))
		beside := newRecorder()
		durable(t, store, "beside", beside, factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1, Time: 1}))
		for range 6 {
			appendTypes(t, store, "a")
		}
		for stored := uint64(0); stored < 6; {
			write := within(t, "a cursor write", writes)
			if write.Name == "slow" && write.SequenceNumber > 2 {
				t.Fatalf("the cursor was stored at %d while 3 is being handled", write.SequenceNumber)
			}
			if write.Name == "beside" {
				stored = write.SequenceNumber
			}
		}
		close(release)
		awaitCursor(t, writes, "slow", 6)
	}},
	{"cursor_every bounds how many handled batches a cursor lags", func(t *testing.T, log Log) { // G23
		store, c := openChaos(t, log, factstr.Options{})
		writes := c.watchCursors()
		durable(t, store, "model", newRecorder(), factstr.WithCursorEvery(factstr.CursorEvery{Batches: 4,
			Time: time.Hour}))
		for range 4 {
			appendTypes(t, store, "a")
		}
		awaitCursor(t, writes, "model", 4)
		for range 4 {
			appendTypes(t, store, "a")
		}
		awaitCursor(t, writes, "model", 8)
	}},
	{"cursor_every bounds the lag also when more was handled during a write than it allows", func(t *testing.T, log Log) { // G23
		store, c := openChaos(t, log, factstr.Options{})
		begun, goOn, stored := make(chan struct{}, deliveriesMax), make(chan struct{}), make(chan uint64, deliveriesMax)
		c.set(hooks{writeCursors: func(writes []factstr.CursorWrite, next func() error) error {
			begun <- struct{}{}
			<-goOn
			err := next()
			stored <- writes[0].SequenceNumber
			return err
		}})
		r := newRecorder()
		durable(t, store, "model", r, factstr.WithCursorEvery(factstr.CursorEvery{Batches: 2, Time: time.Hour}))
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		within(t, "a cursor write", begun)
		for range 5 {
			appendTypes(t, store, "a")
		}
		for number := range uint64(7) {
			r.want(t, []uint64{number + 1})
		}
		close(goOn)
		// The seventh batch was delivered, so the sixth was handled.
		for within(t, "a cursor write", stored) < 6 {
		}
	}},
	{"a stream that stores its cursor seldom does not delay another one's", func(t *testing.T, log Log) { // G23
		store, c := openChaos(t, log, factstr.Options{})
		writes := c.watchCursors()
		lazy := newRecorder()
		durable(t, store, "seldom", lazy, seldom)
		appendTypes(t, store, "a")
		lazy.want(t, []uint64{1})
		// The batch of the lazy stream is handled by now or soon; its time runs.
		appendTypes(t, store, "a")
		lazy.want(t, []uint64{2})
		durable(t, store, "often", newRecorder())
		appendTypes(t, store, "a")
		awaitCursor(t, writes, "often", 3)
	}},
	{"the cursor is stored before unsubscribe, failure and close are reported", func(t *testing.T, log Log) { // G23
		store := open(t, log)
		handled := newRecorder()
		stream := durable(t, store, "closed", handled, seldom)
		failing := newRecorder()
		failing.handle = failAt(3)
		durable(t, store, "failing", failing, seldom)
		for range 3 {
			appendTypes(t, store, "a")
		}
		failing.wantEnd(t, factstr.CodeHandlerFailed)
		if cursor := cursorOf(t, store, "failing", factstr.AllEvents()); cursor != 2 {
			t.Fatalf("the cursor is %d after the failure, want 2", cursor)
		}
		handled.want(t, []uint64{1}, []uint64{2}, []uint64{3})
		end(t, stream)
		if p := stream.Progress(); p.StoredCursor != p.Position || p.StoredCursor != 3 {
			t.Fatalf("progress %+v after the end", p)
		}
		if cursor := cursorOf(t, store, "closed", factstr.AllEvents()); cursor != 3 {
			t.Fatalf("the cursor is %d after the end, want 3", cursor)
		}
		if !log.Persistent {
			return
		}
		open := newRecorder()
		durable(t, store, "open", open, seldom)
		appendTypes(t, store, "a")
		open.want(t, []uint64{1}, []uint64{2}, []uint64{3}, []uint64{4})
		store = reopen(t, log, store)
		if cursor := cursorOf(t, store, "open", factstr.AllEvents()); cursor != 4 {
			t.Fatalf("the cursor is %d after closing the store, want 4", cursor)
		}
	}},
	{"a cursor that cannot be stored for a while delays nothing and is stored later", func(t *testing.T, log Log) { // G21 G23
		store, c := openChaos(t, log, factstr.Options{})
		refused := make(chan struct{}, 1000)
		r := newRecorder()
		stream := durable(t, store, "model", r, factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1, Time: 1}))
		c.set(hooks{writeCursors: func([]factstr.CursorWrite, func() error) error {
			refused <- struct{}{}
			return factstr.BackendFailure(factstr.ReasonIO, "on purpose")
		}})
		appendTypes(t, store, "a")
		within(t, "a refused cursor write", refused)
		appendTypes(t, store, "a")
		r.want(t, []uint64{1}, []uint64{2})
		writes := c.watchCursors()
		awaitCursor(t, writes, "model", 2)
		end(t, stream)
		r.wantEnd(t, "")
	}},
	{"a cursor above the head refuses the registration, again and again", func(t *testing.T, log Log) { // G24
		store, c := openChaos(t, log, factstr.Options{})
		appendTypes(t, store, "a", "a")
		end(t, durable(t, store, "model", newRecorder()))
		c.set(hooks{claim: func(next func() (factstr.StreamClaim, error)) (factstr.StreamClaim, error) {
			claim, err := next()
			claim.Cursor += 10
			return claim, err
		}})
		for range 3 {
			_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, newRecorder())
			facttest.WantError(t, err, factstr.CodeLogTruncated)
		}
		c.clear()
		end(t, durable(t, store, "model", newRecorder()))
		wantStillWorks(t, store, 2)
	}},
	{"a head that went backwards or is another one ends running streams", func(t *testing.T, log Log) { // G24
		store, c := openChaos(t, log, factstr.Options{})
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		for name, restored := range map[string]func(factstr.Head) factstr.Head{
			"backwards": func(h factstr.Head) factstr.Head {
				return factstr.Head{SequenceNumber: h.SequenceNumber - 1, OccurredAt: "2020-01-01T00:00:00.000000Z"}
			},
			"another": func(h factstr.Head) factstr.Head {
				return factstr.Head{SequenceNumber: h.SequenceNumber, OccurredAt: "2020-01-01T00:00:00.000000Z"}
			},
		} {
			lives, durables, froms := newRecorder(), newRecorder(), newRecorder()
			live(t, store, factstr.AllEvents(), lives)
			if _, err := from(t, store, 1, factstr.AllEvents(), froms); err != nil {
				t.Fatal(err)
			}
			durable(t, store, name, durables)
			c.set(hooks{head: func(next func() (factstr.Head, error)) (factstr.Head, error) {
				head, err := next()
				return restored(head), err
			}})
			if _, err := store.Query(t.Context(), factstr.AllEvents().AtMost(0)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lives.wantEnd(t, factstr.CodeLogTruncated)
			durables.wantEnd(t, factstr.CodeLogTruncated)
			froms.wantEnd(t, factstr.CodeLogTruncated)
			c.clear()
		}
		again := newRecorder()
		end(t, durable(t, store, "backwards", again))
		again.wantNoMore(t)
		wantStillWorks(t, store, 2)
	}},
}
