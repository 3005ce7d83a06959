package storetest

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// failScans makes the next scans fail, as many as times says, and sends to failed for each.
func (c *chaos) failScans(times int64, failure error) (failed chan struct{}) {
	failed = make(chan struct{}, 1000)
	var left atomic.Int64
	left.Store(times)
	c.set(hooks{scan: func(_ context.Context, next func() error) error {
		if left.Add(-1) >= 0 {
			failed <- struct{}{}
			return failure
		}
		return next()
	}})
	return failed
}

// noTail makes streams and queries read from the backend.
var noTail = factstr.Options{TailEvents: -1}

var readFaultTests = tests{
	{"rows of a log that is replaced while a query reads it are not returned", func(t *testing.T, log Log) { // G7 G24
		c := &chaos{}
		c.set(hooks{})
		far := &farChaos{chaos: c}
		store := openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend {
			c.wrap(inner)
			return far
		})
		appendTypes(t, store, "a")
		appendTypes(t, store, "b")
		for at, moved := range []uint64{0, 1, 0, 1} {
			query := facttest.Query
			if at >= 2 {
				query = facttest.QueryInto
			}
			far.rows = 0
			c.set(hooks{head: func(next func() (factstr.Head, error)) (factstr.Head, error) {
				head, err := next()
				head.OccurredAt = fmt.Sprintf("2020-01-0%dT00:00:00.000000Z", at+1)
				head.SequenceNumber -= moved
				return head, err
			}})
			result := query(t, store, factstr.AllEvents())
			if far.rows == 0 {
				t.Fatal("nothing was read of the log before it was replaced")
			}
			for i, record := range result.EventRecords {
				if want := string(rune('a' + i)); record.EventType != want {
					t.Errorf("row %d is a fact of the type %q, want %q", i, record.EventType, want)
				}
			}
			if got := len(result.EventRecords); got != int(2-moved) {
				t.Errorf("%d rows of a log of %d facts", got, 2-moved)
			}
		}
		c.clear()
		wantStillWorks(t, store, 2)
	}},
	{"streams resume where they were after reads failed for a while", func(t *testing.T, log Log) { // G19 G21
		store, c := openChaos(t, log, noTail)
		lives, durables := newRecorder(), newRecorder()
		live(t, store, factstr.AllEvents(), lives)
		durable(t, store, "model", durables)
		appendTypes(t, store, "a", "a")
		lives.want(t, []uint64{1, 2})
		durables.want(t, []uint64{1, 2})
		failed := c.failScans(3, factstr.BackendFailure(factstr.ReasonConnection, "on purpose"))
		appendTypes(t, store, "a", "a")
		within(t, "a failed read", failed)
		appendTypes(t, store, "a")
		for _, r := range []*recorder{lives, durables} {
			r.want(t, []uint64{3, 4}, []uint64{5})
		}
	}},
	{"progress reports why a stream cannot read, and for how long", func(t *testing.T, log Log) { // G20 G21
		store, c := openChaos(t, log, noTail)
		r := newRecorder()
		stream := durable(t, store, "model", r)
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		if failure := stream.Progress().Failure; failure != nil {
			t.Fatalf("a stream that reads says %v", failure)
		}
		failed := c.failScans(math.MaxInt64, factstr.BackendFailure(factstr.ReasonConnection, "on purpose"))
		appendTypes(t, store, "a")
		within(t, "a failed read", failed)
		within(t, "another one", failed)
		facttest.WantError(t, stream.Progress().Failure, factstr.CodeBackendFailure)
		c.clear()
		r.want(t, []uint64{2})
		facttest.Eventually(t, "a stream that reads again tells no failure", func() bool {
			return stream.Progress().Failure == nil
		})
	}},
	{"progress reports no failed read once a later one succeeded", func(t *testing.T, log Log) { // G20 G21
		store, c := openChaos(t, log, noTail)
		for range 2 {
			appendTypes(t, store, "a")
		}
		failed := c.failScans(1, factstr.BackendFailure(factstr.ReasonConnection, "on purpose"))
		r, release := held()
		stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: "model"}, factstr.AllEvents(), r)
		if err != nil {
			t.Fatal(err)
		}
		within(t, "a failed read", failed)
		r.want(t, []uint64{1})
		failure := stream.Progress().Failure
		close(release)
		if failure != nil {
			t.Errorf("a stream that delivers says %v", failure)
		}
		r.want(t, []uint64{2})
		end(t, stream)
	}},
	{"progress reports no failure of streams that have ended", func(t *testing.T, log Log) { // G20
		c, told := &chaos{}, make(toldWatcher)
		c.set(hooks{})
		store := openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend {
			c.wrap(inner)
			return watchingChaos{c, told}
		})
		stream := live(t, store, factstr.AllEvents(), newRecorder())
		failed := make(chan struct{}, 1000)
		c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) {
			failed <- struct{}{}
			return factstr.Head{}, factstr.BackendFailure(factstr.ReasonConnection, "on purpose")
		}})
		told <- struct{}{}
		within(t, "a failed look at the head", failed)
		within(t, "another one", failed)
		facttest.WantError(t, stream.Progress().Failure, factstr.CodeBackendFailure)
		end(t, stream)
		c.clear()
		again := live(t, store, factstr.AllEvents(), newRecorder())
		if failure := again.Progress().Failure; failure != nil {
			t.Errorf("a new stream of a log that can be read says %v", failure)
		}
		end(t, again)
	}},
	{"a replay continues after reads failed for a while", func(t *testing.T, log Log) { // G20 G21
		store, c := openChaos(t, log, noTail)
		for range 5 {
			appendTypes(t, store, "a")
		}
		failed := c.failScans(2, factstr.BackendFailure(factstr.ReasonIO, "on purpose"))
		r := newRecorder()
		end(t, durable(t, store, "model", r))
		if len(failed) != 2 {
			t.Fatalf("%d reads failed", len(failed))
		}
		r.want(t, []uint64{1}, []uint64{2}, []uint64{3}, []uint64{4}, []uint64{5})
		r.wantNoMore(t)
	}},
	{"a damaged log ends a stream with its reason and nothing is skipped", func(t *testing.T, log Log) { // G21 G24
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a")
		c.failScans(1000, factstr.NewError(factstr.CodeCorrupt, "on purpose"))
		r := newRecorder()
		_, err := register(t, store, "model", factstr.AllEvents(), r)
		facttest.WantError(t, err, factstr.CodeCorrupt)
		r.wantEnd(t, factstr.CodeCorrupt)
		c.clear()
		end(t, durable(t, store, "model", r))
		r.want(t, []uint64{1})
		r.wantNoMore(t)
	}},
	{"a panic while reading ends that stream only", func(t *testing.T, log Log) { // G16
		store, c := openChaos(t, log, noTail)
		r := newRecorder()
		live(t, store, factstr.AllEvents(), r)
		c.set(hooks{scan: func(context.Context, func() error) error { panic("on purpose") }})
		appendTypes(t, store, "a")
		r.wantEnd(t, factstr.CodeInternal)
		c.clear()
		again := newRecorder()
		live(t, store, factstr.AllEvents(), again)
		wantStillWorks(t, store, 1)
		again.want(t, []uint64{2})
	}},
	{"a failed query keeps its code and the store goes on", func(t *testing.T, log Log) { // G8
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a")
		failure := factstr.BackendFailure(factstr.ReasonIO, "on purpose")
		c.failScans(1, failure)
		_, err := store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeBackendFailure)
		c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) { return factstr.Head{}, failure }})
		_, err = store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeBackendFailure)
		_, err = store.StreamAll(t.Context(), newRecorder())
		facttest.WantError(t, err, factstr.CodeBackendFailure)
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, newRecorder())
		facttest.WantError(t, err, factstr.CodeBackendFailure)
		c.clear()
		end(t, durable(t, store, "model", newRecorder())) // the failed registration freed the name
		wantStillWorks(t, store, 1)
	}},
	{"a failed read inside a conditional append writes nothing", func(t *testing.T, log Log) { // G5 G10
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a", "b")
		c.failScans(1000, factstr.BackendFailure(factstr.ReasonIO, "on purpose"))
		_, err := store.AppendIf(t.Context(), facttest.BatchOf("c"), facttest.PayloadQuery(`{"at":0}`),
			factstr.Version(2))
		if code := factstr.CodeOf(err); code != factstr.CodeBackendFailure && code != factstr.CodeConditionalAppendConflict {
			t.Fatalf("answered %v", err)
		}
		c.clear()
		_, err = store.AppendIf(t.Context(), facttest.BatchOf("c"), facttest.PayloadQuery(`{"at":0}`),
			factstr.Version(2))
		wantConflict(t, err, factstr.Version(2), factstr.Version(1))
		wantStillWorks(t, store, 2)
	}},
	{"a store whose head cannot be read does not open", func(t *testing.T, log Log) {
		c := &chaos{}
		closed := false
		c.set(hooks{
			head: func(func() (factstr.Head, error)) (factstr.Head, error) {
				return factstr.Head{}, factstr.BackendFailure(factstr.ReasonPermission, "on purpose")
			},
			close: func(next func() error) error { closed = true; return next() },
		})
		_, err := log.Open(t.Context(), factstr.Options{}, c.wrap)
		facttest.WantError(t, err, factstr.CodeBackendFailure)
		if !closed {
			t.Fatal("the backend was left open")
		}
	}},
}
