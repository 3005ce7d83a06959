package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

var commitFaultTests = tests{
	{"a failure before COMMIT writes nothing, keeps its code, and the store goes on", func(t *testing.T, log Log) { // G2 G5
		store, c := openChaos(t, log, factstr.Options{})
		r := newRecorder()
		live(t, store, factstr.AllEvents(), r)
		mustAppend(t, store, event("a", `1`))
		for code, failure := range map[factstr.Code]error{
			factstr.CodeBackendFailure: factstr.BackendFailure(factstr.ReasonDiskFull, "on purpose"),
			factstr.CodeBusy:           factstr.NewError(factstr.CodeBusy, "on purpose"),
			factstr.CodeInternal:       errOnPurpose,
		} {
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
				return errors.Join(c.decideOnly(ctx, group), failure)
			}})
			_, err := store.Append(t.Context(), batch("a", "a"))
			wantCode(t, err, code)
			_, err = store.AppendIf(t.Context(), batch("a"), factstr.AllEvents(), factstr.Version(1))
			wantCode(t, err, code)
		}
		// A conflict with committed facts rests on nothing that failed.
		_, err := store.AppendIf(t.Context(), batch("a"), factstr.AllEvents(), nil)
		wantConflict(t, err, nil, factstr.Version(1))
		c.clear()
		wantStillWorks(t, store, 1)
		r.want(t, []uint64{1}, []uint64{2})
	}},
	{"an error of COMMIT answers CommitUnknown, publishes nothing, and refuses appends from then on", func(t *testing.T, log Log) { // G5
		for _, committed := range []bool{false, true} {
			store, c := openChaos(t, log, factstr.Options{})
			head := uint64(len(mustQuery(t, store, factstr.AllEvents()).EventRecords))
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, next func() error) error {
				if committed {
					return errors.Join(next(), errOnPurpose)
				}
				err := c.decideOnly(ctx, group)
				group.EnterCommit()
				return errors.Join(err, errOnPurpose)
			}})
			_, err := store.Append(t.Context(), batch("unknown", "unknown"))
			wantCode(t, err, factstr.CodeCommitUnknown)
			c.clear()
			_, err = store.Append(t.Context(), batch("a"))
			wantCode(t, err, factstr.CodeInvalidState)
			_, err = store.AppendIf(t.Context(), batch("a"), factstr.AllEvents(), nil)
			wantCode(t, err, factstr.CodeInvalidState)
			refused := store.AppendAsync(t.Context(), batch("a"), func(factstr.AppendResult, error) { t.Error("done was called for what was refused") })
			wantCode(t, refused, factstr.CodeInvalidState)
			// What is there can still be read, and it says what became of the batch.
			if committed {
				head += 2
			}
			wantHead(t, store, head)
			if !log.Persistent {
				return
			}
			wantStillWorks(t, reopen(t, log, store), head)
		}
	}},
	{"a panic before COMMIT answers Internal and one after it CommitUnknown", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		c.set(hooks{commit: func(context.Context, *factstr.Group, func() error) error { panic("on purpose") }})
		_, err := store.Append(t.Context(), batch("a"))
		wantCode(t, err, factstr.CodeInternal)
		c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
			_ = c.decideOnly(ctx, group)
			panic("on purpose")
		}})
		_, err = store.AppendIf(t.Context(), batch("a"), factstr.AllEvents(), nil)
		wantCode(t, err, factstr.CodeInternal)
		c.clear()
		wantStillWorks(t, store, 0)
		c.set(hooks{commit: func(_ context.Context, _ *factstr.Group, next func() error) error {
			_ = next()
			panic("on purpose")
		}})
		_, err = store.Append(t.Context(), batch("a"))
		wantCode(t, err, factstr.CodeCommitUnknown)
		c.clear()
		_, err = store.Append(t.Context(), batch("a"))
		wantCode(t, err, factstr.CodeInvalidState)
		wantHead(t, store, 2)
	}},
	{"a group that fails is carried out one by one, and only what fails alone is answered so", func(t *testing.T, log Log) { // G5 G11
		store, c := openChaos(t, log, factstr.Options{})
		bad := batch("bad")
		var transactions atomic.Int64
		answers := heldGroupThen(t, store, c, func() {
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, next func() error) error {
				transactions.Add(1)
				head, err := c.Backend.Head(ctx)
				if err != nil {
					return err
				}
				write, err := group.Decide(ctx, head, c.Backend)
				if err != nil {
					return err
				}
				for i := range write.Records {
					if write.Records[i].EventType == "bad" {
						return factstr.BackendFailure(factstr.ReasonOther, "on purpose")
					}
				}
				return next()
			}})
		},
			conditional{batch("a", "a"), factstr.OfTypes("a"), nil},
			conditional{bad, factstr.OfTypes("bad"), nil},
			conditional{batch("b"), factstr.OfTypes("bad"), nil}, // a conflict with a fact of the group, which then fails
			conditional{batch("a"), factstr.OfTypes("a"), nil},   // a conflict that stays one
			conditional{batch("a"), factstr.OfTypes("a"), factstr.Version(3)},
		)
		if answers[0].err != nil || answers[0].result.FirstSequenceNumber != 2 {
			t.Fatalf("the first: %+v", answers[0])
		}
		wantCode(t, answers[1].err, factstr.CodeBackendFailure)
		if answers[2].err != nil || answers[2].result.FirstSequenceNumber != 4 {
			t.Fatalf("the one that only conflicted with the failed fact: %+v", answers[2])
		}
		wantConflict(t, answers[3].err, nil, factstr.Version(3))
		if answers[4].err != nil || answers[4].result.FirstSequenceNumber != 5 {
			t.Fatalf("the last: %+v", answers[4])
		}
		if n := transactions.Load(); n != 6 {
			t.Fatalf("%d transactions, want that of the group and one for each append", n)
		}
		c.clear()
		wantStillWorks(t, store, 5)
	}},
	{"of a group in an unknown state conflicts with committed facts stand, the rest is not known to hold", func(t *testing.T, log Log) { // G5 G11
		store, c := openChaos(t, log, factstr.Options{})
		answers := heldGroupThen(t, store, c, func() {
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
				err := c.decideOnly(ctx, group)
				group.EnterCommit()
				return errors.Join(err, errOnPurpose)
			}})
		},
			conditional{batch("a"), factstr.OfTypes("a"), nil},
			conditional{batch("a"), factstr.OfTypes("first"), nil}, // conflicts with a committed fact
			conditional{batch("a"), factstr.OfTypes("a"), nil},     // conflicts with a fact that may not be there
		)
		wantCode(t, answers[0].err, factstr.CodeCommitUnknown)
		wantConflict(t, answers[1].err, nil, factstr.Version(1))
		wantCode(t, answers[2].err, factstr.CodeInvalidState)
		c.clear()
		wantHead(t, store, 1)
	}},
	{"a group that everybody failed with is not run again one by one", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		var transactions atomic.Int64
		answers := heldGroupThen(t, store, c, func() {
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
				transactions.Add(1)
				return errors.Join(c.decideOnly(ctx, group), factstr.NewError(factstr.CodeBusy, "on purpose"))
			}})
		},
			conditional{batch("a"), factstr.OfTypes("a"), nil},
			conditional{batch("b"), factstr.OfTypes("b"), nil},
			conditional{batch("a"), factstr.OfTypes("a"), nil}, // its conflict with the first one's fact holds no more
		)
		for _, a := range answers {
			wantCode(t, a.err, factstr.CodeBusy)
		}
		if n := transactions.Load(); n != 1 {
			t.Fatalf("%d transactions, want 1", n)
		}
		c.clear()
		wantStillWorks(t, store, 1)
	}},
}

// failScans makes the next scans fail so many times, and tells of each.
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
		for _, moved := range []uint64{0, 1} {
			far.rows = 0
			c.set(hooks{head: func(next func() (factstr.Head, error)) (factstr.Head, error) {
				head, err := next()
				head.OccurredAt = fmt.Sprintf("2020-01-0%dT00:00:00.000000Z", moved+1)
				head.SequenceNumber -= moved
				return head, err
			}})
			result := mustQuery(t, store, factstr.AllEvents())
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
	{"progress says why a stream cannot read, and for how long", func(t *testing.T, log Log) { // G20 G21
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
		wantCode(t, stream.Progress().Failure, factstr.CodeBackendFailure)
		c.clear()
		r.want(t, []uint64{2})
		for begun := time.Now(); stream.Progress().Failure != nil; time.Sleep(time.Millisecond) {
			if time.Since(begun) > waitMax {
				t.Fatalf("a stream that reads again says %v", stream.Progress().Failure)
			}
		}
	}},
	{"progress says nothing of a failed read as soon as a later one did not fail", func(t *testing.T, log Log) { // G20 G21
		store, c := openChaos(t, log, noTail)
		for range 2 {
			appendTypes(t, store, "a")
		}
		failed := c.failScans(1, factstr.BackendFailure(factstr.ReasonConnection, "on purpose"))
		r, release := newRecorder(), make(chan struct{})
		r.handle = func(context.Context, []factstr.EventRecord) error {
			<-release
			return nil
		}
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
	{"progress says nothing of what failed for streams that are gone", func(t *testing.T, log Log) { // G20
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
		wantCode(t, stream.Progress().Failure, factstr.CodeBackendFailure)
		end(t, stream)
		c.clear()
		again := live(t, store, factstr.AllEvents(), newRecorder())
		if failure := again.Progress().Failure; failure != nil {
			t.Errorf("a new stream of a log that can be read says %v", failure)
		}
		end(t, again)
	}},
	{"a replay goes on after reads failed for a while", func(t *testing.T, log Log) { // G20 G21
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
		wantCode(t, err, factstr.CodeCorrupt)
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
		wantCode(t, err, factstr.CodeBackendFailure)
		c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) { return factstr.Head{}, failure }})
		_, err = store.Query(t.Context(), factstr.AllEvents())
		wantCode(t, err, factstr.CodeBackendFailure)
		_, err = store.StreamAll(t.Context(), newRecorder())
		wantCode(t, err, factstr.CodeBackendFailure)
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, newRecorder())
		wantCode(t, err, factstr.CodeBackendFailure)
		c.clear()
		end(t, durable(t, store, "model", newRecorder())) // the failed registration freed the name
		wantStillWorks(t, store, 1)
	}},
	{"a failed read inside a conditional append writes nothing", func(t *testing.T, log Log) { // G5 G10
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a", "b")
		c.failScans(1000, factstr.BackendFailure(factstr.ReasonIO, "on purpose"))
		_, err := store.AppendIf(t.Context(), batch("c"), payloadQuery(`{"at":0}`), factstr.Version(2))
		if code := factstr.CodeOf(err); code != factstr.CodeBackendFailure && code != factstr.CodeConditionalAppendConflict {
			t.Fatalf("answered %v", err)
		}
		c.clear()
		_, err = store.AppendIf(t.Context(), batch("c"), payloadQuery(`{"at":0}`), factstr.Version(2))
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
		wantCode(t, err, factstr.CodeBackendFailure)
		if !closed {
			t.Fatal("the backend was left open")
		}
	}},
}
