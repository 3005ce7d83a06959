package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var commitFaultTests = tests{
	{"a failure before COMMIT writes nothing, keeps its code, and the store goes on", func(t *testing.T, log Log) { // G2 G5
		store, c := openChaos(t, log, factstr.Options{})
		r := newRecorder()
		live(t, store, factstr.AllEvents(), r)
		facttest.Append(t, store, facttest.Fact("a", `1`))
		for code, failure := range map[factstr.Code]error{
			factstr.CodeBackendFailure: factstr.BackendFailure(factstr.ReasonDiskFull, "on purpose"),
			factstr.CodeBusy:           factstr.NewError(factstr.CodeBusy, "on purpose"),
			factstr.CodeInternal:       errOnPurpose,
		} {
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
				return errors.Join(c.decideOnly(ctx, group), failure)
			}})
			_, err := store.Append(t.Context(), facttest.BatchOf("a", "a"))
			facttest.WantError(t, err, code)
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), factstr.Version(1))
			facttest.WantError(t, err, code)
		}
		// A conflict with committed facts rests on nothing that failed.
		_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), nil)
		wantConflict(t, err, nil, factstr.Version(1))
		c.clear()
		wantStillWorks(t, store, 1)
		r.want(t, []uint64{1}, []uint64{2})
	}},
	{"an error of COMMIT is CommitUnknown, publishes nothing, and refuses appends from then on", func(t *testing.T, log Log) { // G5
		for _, committed := range []bool{false, true} {
			store, c := openChaos(t, log, factstr.Options{})
			head := uint64(len(facttest.Query(t, store, factstr.AllEvents()).EventRecords))
			c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, next func() error) error {
				if committed {
					return errors.Join(next(), errOnPurpose)
				}
				err := c.decideOnly(ctx, group)
				group.EnterCommit()
				return errors.Join(err, errOnPurpose)
			}})
			_, err := store.Append(t.Context(), facttest.BatchOf("unknown", "unknown"))
			facttest.WantError(t, err, factstr.CodeCommitUnknown)
			c.clear()
			_, err = store.Append(t.Context(), facttest.BatchOf("a"))
			facttest.WantError(t, err, factstr.CodeInvalidState)
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), nil)
			facttest.WantError(t, err, factstr.CodeInvalidState)
			refused := store.AppendAsync(t.Context(), facttest.BatchOf("a"),
				func(factstr.AppendResult, error) { t.Error("done was called for what was refused") })
			facttest.WantError(t, refused, factstr.CodeInvalidState)
			// What is there can still be read, and it shows the outcome of the batch.
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
	{"a panic before COMMIT is Internal and one after it CommitUnknown", func(t *testing.T, log Log) { // G5
		store, c := openChaos(t, log, factstr.Options{})
		c.set(hooks{commit: func(context.Context, *factstr.Group, func() error) error { panic("on purpose") }})
		_, err := store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeInternal)
		c.set(hooks{commit: func(ctx context.Context, group *factstr.Group, _ func() error) error {
			_ = c.decideOnly(ctx, group)
			panic("on purpose")
		}})
		_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), nil)
		facttest.WantError(t, err, factstr.CodeInternal)
		c.clear()
		wantStillWorks(t, store, 0)
		c.set(hooks{commit: func(_ context.Context, _ *factstr.Group, next func() error) error {
			_ = next()
			panic("on purpose")
		}})
		_, err = store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeCommitUnknown)
		c.clear()
		_, err = store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeInvalidState)
		wantHead(t, store, 2)
	}},
	{"a group that fails is carried out one by one, and only what fails alone is answered so", func(t *testing.T, log Log) { // G5 G11
		store, c := openChaos(t, log, factstr.Options{})
		bad := facttest.BatchOf("bad")
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
			conditional{facttest.BatchOf("a", "a"), factstr.OfTypes("a"), nil},
			conditional{bad, factstr.OfTypes("bad"), nil},
			conditional{facttest.BatchOf("b"), factstr.OfTypes("bad"),
				nil}, // a conflict with a fact of the group, which then fails
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil}, // a conflict that stays one
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(3)},
		)
		if answers[0].err != nil || answers[0].result.FirstSequenceNumber != 2 {
			t.Fatalf("the first: %+v", answers[0])
		}
		facttest.WantError(t, answers[1].err, factstr.CodeBackendFailure)
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
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("a"), factstr.OfTypes("first"), nil}, // conflicts with a committed fact
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"),
				nil}, // conflicts with a fact that may not be there
		)
		facttest.WantError(t, answers[0].err, factstr.CodeCommitUnknown)
		wantConflict(t, answers[1].err, nil, factstr.Version(1))
		facttest.WantError(t, answers[2].err, factstr.CodeInvalidState)
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
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("b"), factstr.OfTypes("b"), nil},
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"),
				nil}, // its conflict with the first one's fact holds no more
		)
		for _, a := range answers {
			facttest.WantError(t, a.err, factstr.CodeBusy)
		}
		if n := transactions.Load(); n != 1 {
			t.Fatalf("%d transactions, want 1", n)
		}
		c.clear()
		wantStillWorks(t, store, 1)
	}},
}
