package storetest

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var cancellingTests = tests{
	{"a context that has ended before the call writes nothing", func(t *testing.T, log Log) { // G5
		store := open(t, log)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
		defer cancelLate()
		_, err := store.Append(ended, facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeCancelled)
		_, err = store.AppendIf(ended, facttest.BatchOf("a"), factstr.OfTypes("a"), nil)
		facttest.WantError(t, err, factstr.CodeCancelled)
		_, err = store.Append(late, facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeTimeout)
		wantStillWorks(t, store, 0)
	}},
	{"cancelling before the group took the request writes nothing", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		held, first := c.holdFirst(t, store)
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan error, 3)
		done := func(_ factstr.AppendResult, err error) { answers <- err }
		if err := store.AppendAsync(ctx, facttest.BatchOf("cancelled"), done); err != nil {
			t.Fatal(err)
		}
		if err := store.AppendIfAsync(ctx, facttest.BatchOf("cancelled"), factstr.AllEvents(), nil, done); err != nil {
			t.Fatal(err)
		}
		go func() {
			_, err := store.Append(ctx, facttest.BatchOf("cancelled"))
			answers <- err
		}()
		cancel()
		for range 3 {
			facttest.WantError(t, within(t, "the answer", answers), factstr.CodeCancelled)
		}
		held.open()
		if err := within(t, "the first append", first); err != nil {
			t.Fatal(err)
		}
		wantStillWorks(t, store, 1)
	}},
	{"a caller that stops waiting after the group took the request gets CommitUnknown", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		held, first := c.holdFirst(t, store)
		// The next two queue together; the first in line leads their group, so that the other one's
		// caller only waits.
		second := make(chan error, 1)
		if err := store.AppendAsync(context.Background(), facttest.BatchOf("second"), func(_ factstr.AppendResult, err error) { second <- err }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waiting := observedContext{ctx, make(chan struct{}, 100)}
		abandoned := make(chan error, 1)
		go func() {
			_, err := store.Append(waiting, facttest.BatchOf("abandoned"))
			abandoned <- err
		}()
		within(t, "the wait for the group", waiting.asked)
		held.release <- struct{}{}
		within(t, "the group's commit", held.arrived)
		cancel()
		facttest.WantError(t, within(t, "the abandoned append's answer", abandoned), factstr.CodeCommitUnknown)
		held.open()
		for _, done := range []chan error{first, second} {
			if err := within(t, "an append", done); err != nil {
				t.Fatal(err)
			}
		}
		wantStillWorks(t, store, 3) // here it was committed
	}},
	{"cancelling one caller does not touch the others of its group", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		others := make(chan error, 10)
		cancelled := make(chan error, 1)
		answers := heldGroupThen(t, store, c, func() {
			if err := store.AppendAsync(ctx, facttest.BatchOf("cancelled"), func(_ factstr.AppendResult, err error) { cancelled <- err }); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if err := store.AppendAsync(context.Background(), facttest.BatchOf("other"), func(_ factstr.AppendResult, err error) { others <- err }); err != nil {
					t.Fatal(err)
				}
			}
			cancel()
			facttest.WantError(t, within(t, "the cancelled append", cancelled), factstr.CodeCancelled)
			c.clear()
		}, conditional{facttest.BatchOf("before"), factstr.OfTypes("before"), nil})
		if answers[0].err != nil {
			t.Fatal(answers[0].err)
		}
		for range 10 {
			if err := within(t, "another append", others); err != nil {
				t.Fatal(err)
			}
		}
		wantHead(t, store, 12)
	}},
	{"cancelling a running query leaves the store working", func(t *testing.T, log Log) {
		store, c := openChaos(t, log, factstr.Options{TailEvents: 1, TailBytes: 1})
		for range 5 {
			appendTypes(t, store, "a", "a")
		}
		ctx, cancel := context.WithCancel(t.Context())
		scanning := make(chan struct{}, 10)
		c.set(hooks{scan: func(reading context.Context, _ func() error) error {
			scanning <- struct{}{}
			<-reading.Done()
			return reading.Err()
		}})
		answers := make(chan error, 1)
		go func() {
			_, err := store.Query(ctx, factstr.AllEvents())
			answers <- err
		}()
		within(t, "the scan", scanning)
		cancel()
		facttest.WantError(t, within(t, "the answer", answers), factstr.CodeCancelled)
		c.clear()
		wantStillWorks(t, store, 10)
	}},
	{"a full queue is Busy after the queue's time limit, and cancelling ends the wait", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{QueueTimeout: time.Millisecond})
		held := c.holdCommits()
		const boundMax = 100_000
		answers := make(chan error, boundMax)
		done := func(_ factstr.AppendResult, err error) { answers <- err }
		if err := store.AppendAsync(context.Background(), facttest.BatchOf("first"), done); err != nil {
			t.Fatal(err)
		}
		within(t, "the first commit", held.arrived)
		impatient, giveUp := context.WithCancel(t.Context())
		events := facttest.BatchOf("queued")
		queued := 0
		for {
			err := store.AppendAsync(impatient, events, done)
			if err != nil {
				facttest.WantError(t, err, factstr.CodeBusy)
				break
			}
			if queued++; queued == boundMax {
				t.Fatal("the queue has no bound")
			}
		}
		_, err := store.Append(t.Context(), events)
		facttest.WantError(t, err, factstr.CodeBusy)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = store.Append(ended, events)
		facttest.WantError(t, err, factstr.CodeCancelled)
		giveUp()
		for range queued {
			facttest.WantError(t, within(t, "a queued append", answers), factstr.CodeCancelled)
		}
		held.open()
		if err := within(t, "the first append", answers); err != nil {
			t.Fatal(err)
		}
		wantStillWorks(t, store, 1)
	}},
}

// observedContext reports when a caller begins to wait for its end, which is after the append was
// queued.
type observedContext struct {
	context.Context
	asked chan struct{}
}

func (c observedContext) Done() <-chan struct{} {
	c.asked <- struct{}{}
	return c.Context.Done()
}
