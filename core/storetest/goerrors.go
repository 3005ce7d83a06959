package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// endedContexts are ended when they are made.
func endedContexts(t *testing.T) map[error]context.Context {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	t.Cleanup(cancel)
	return map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: expired}
}

var goErrorTests = tests{
	{"errors of an ended context wrap it, with the code of that", func(t *testing.T, log Log) {
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a")
		r, begun, release := blockedRecorder()
		stuck, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "stuck"}, r)
		if err != nil {
			t.Fatal(err)
		}
		within(t, "the delivery", begun)
		pulled, err := store.StreamAll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.set(hooks{scan: func(ctx context.Context, next func() error) error { return errors.Join(ctx.Err(), next()) }})
		for cause, ctx := range endedContexts(t) {
			code := factstr.CodeCancelled
			if cause == context.DeadlineExceeded {
				code = factstr.CodeTimeout
			}
			_, appended := store.Append(ctx, facttest.BatchOf("a"))
			_, conditional := store.AppendIf(ctx, facttest.BatchOf("a"), factstr.OfTypes("b"), nil)
			_, queried := store.Query(ctx, factstr.OfTypes("a"))
			_, next := pulled.Next(ctx)
			_, measured := store.Statistics(ctx)
			_, registered := store.StreamAll(ctx, newRecorder())
			_, durably := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "another"}, newRecorder())
			for call, err := range map[string]error{
				"StreamAll": registered, "StreamAllDurable": durably, "Append": appended, "AppendIf": conditional, "Query": queried, "Next": next, "WaitReady": stuck.WaitReady(ctx), "Statistics": measured, "EventStream.Close": stuck.Close(ctx),
			} {
				if !errors.Is(err, cause) || !errors.Is(err, code) {
					t.Errorf("%s with a context that ended by %v: %v", call, cause, err)
				}
			}
		}
		c.clear()
		for cause, ctx := range endedContexts(t) {
			if err := store.Close(ctx); !errors.Is(err, cause) {
				t.Errorf("Close with a context that ended by %v: %v", cause, err)
			}
		}
		close(release)
	}},
	{"who stops waiting for a commit gets CommitUnknown, which wraps why", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		held := c.holdCommits()
		ctx, cancel := context.WithCancel(t.Context())
		answered := make(chan error, 1)
		go func() {
			_, err := store.Append(ctx, facttest.BatchOf("a"))
			answered <- err
		}()
		within(t, "the commit", held.arrived)
		cancel()
		err := within(t, "the answer", answered)
		facttest.WantError(t, err, factstr.CodeCommitUnknown)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v does not wrap the context's error", err)
		}
		held.open()
	}},
	{"an alternative never narrows a query, and shares nothing with others", func(t *testing.T, log Log) { // G12
		store := open(t, log)
		appendTypes(t, store, "a", "b", "c")
		count := func(query factstr.EventQuery, want int) {
			t.Helper()
			if got := len(facttest.Query(t, store, query).EventRecords); got != want {
				t.Errorf("%d facts, want %d", got, want)
			}
		}
		a, b := factstr.EventFilter{EventTypes: []string{"a"}}, factstr.EventFilter{EventTypes: []string{"b"}}
		count(factstr.AllEvents().Or(a), 3)
		count(factstr.AllEvents().AtMost(2).Or(a), 2)
		count(factstr.AllEvents().After(1).Or(a).Or(b), 2)
		count(factstr.EventQuery{Filters: []factstr.EventFilter{}}.Or(a), 3)
		count(factstr.OfTypes().Or(a), 1)
		count(factstr.OfTypes("a").Or(factstr.EventFilter{}), 3)
		count(factstr.OfTypes("a").Or(factstr.EventFilter{EventTypes: []string{}}), 1)
		base := factstr.OfTypes("a")
		both, third := base.Or(b), base.Or(factstr.EventFilter{EventTypes: []string{"c"}})
		b.EventTypes[0] = "nothing"
		count(both, 2)
		count(third, 2)
		count(base, 1)
	}},
	{"a batch must be answered before the next is asked for", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		stream, err := store.StreamAll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		first := pullNext(t, stream, 1)
		_, err = stream.Next(t.Context())
		facttest.WantError(t, err, factstr.CodeInvalidState)
		first.Ack()
		second := pullNext(t, stream, 2)
		stream.Unsubscribe()
		within(t, "the end", stream.Done())
		if batch, err := stream.Next(t.Context()); batch != nil || err != nil {
			t.Errorf("after the end: %v, %v", batch, err)
		}
		second.Ack()
	}},
}
