package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// sharingTests open one log by several stores, which stand for processes: they share nothing but
// what the backend stores.
var sharingTests = tests{
	{"each store reads at once what another one appended", func(t *testing.T, log Log) { // G2 G5 G7
		if !log.Persistent {
			return
		}
		var appended []uint64 // all facts
		for _, options := range []factstr.Options{{}, {TailEvents: 3}, noTail} {
			one, other := openWith(t, log, options, nil), openWith(t, log, options, nil)
			for range 20 {
				next := uint64(len(appended)) + 1
				if result := appendTypes(t, one, "a"); result.FirstSequenceNumber != next {
					t.Fatalf("got %+v", result)
				}
				appended = append(appended, next)
				wantResult(t, other, factstr.AllEvents().AtMost(0), nil, factstr.Version(next))
				wantResult(t, other, factstr.AllEvents(), appended, factstr.Version(next))
				if result := appendTypes(t, other, "b"); result.FirstSequenceNumber != next+1 {
					t.Fatalf("got %+v", result)
				}
				appended = append(appended, next+1)
				wantResult(t, one, factstr.AllEvents().After(2), appended[2:], factstr.Version(next+1))
				wantResult(t, one, factstr.OfTypes("a").AtMost(1), []uint64{1}, factstr.Version(next))
				_, err := one.AppendIf(t.Context(), facttest.BatchOf("b"), factstr.OfTypes("b"), nil)
				wantConflict(t, err, nil, factstr.Version(next+1))
			}
		}
	}},
	{"of stores that race one context exactly one wins", func(t *testing.T, log Log) { // G2 G11
		one, other := twice(t, log)
		if other == nil {
			return
		}
		var version *uint64
		for range rounds / 4 {
			winner := race(t, func(racer int) (factstr.AppendResult, error) {
				store := []*factstr.Store{one, other}[racer%2]
				return store.AppendIf(t.Context(), []factstr.NewEvent{facttest.Fact("a", fmt.Sprint(racer))},
					factstr.OfTypes("a"), version)
			}, version)
			version = &winner.LastSequenceNumber
		}
		wantHead(t, one, rounds/4)
	}},
	{"streams deliver what every store appends, in commit order, once", func(t *testing.T, log Log) { // G15 G16 G19
		one, other := twice(t, log)
		if other == nil {
			return
		}
		lives, durables := newRecorder(), newRecorder()
		live(t, one, factstr.AllEvents(), lives)
		durable(t, one, "model", durables)
		var running sync.WaitGroup
		for i, store := range []*factstr.Store{one, other, other, one} {
			running.Go(func() {
				for range 40 {
					if _, err := store.Append(t.Context(), facttest.BatchOf(slices.Repeat([]string{"a"}, 1+i)...)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		for _, r := range []*recorder{lives, durables} {
			next := uint64(1)
			for range 160 {
				for _, number := range r.next(t) {
					if number != next {
						t.Fatalf("delivered %d, want %d", number, next)
					}
					next++
				}
			}
		}
	}},
	{"a live stream starts at the real head, not at what its store knew", func(t *testing.T, log Log) { // G16
		one, other := twice(t, log)
		if other == nil {
			return
		}
		for i := range uint64(20) {
			appendTypes(t, other, "before", "before")
			r := newRecorder()
			stream := live(t, one, factstr.AllEvents(), r)
			appendTypes(t, other, "after")
			r.want(t, []uint64{3*i + 3})
			end(t, stream)
			r.wantNoMore(t)
		}
	}},
	{"a durable name is active once among stores, and moves between them with its cursor", func(t *testing.T, log Log) { // G19 G22 G23
		one, other := twice(t, log)
		if other == nil {
			return
		}
		stores := []*factstr.Store{one, other}
		for i := range 6 {
			holder, refused := stores[i%2], stores[1-i%2]
			r := newRecorder()
			stream := durable(t, holder, "model", r)
			_, err := register(t, refused, "model", factstr.AllEvents(), newRecorder())
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
			_, err = register(t, refused, "model", factstr.OfTypes("other"), newRecorder())
			facttest.WantError(t, err, factstr.CodeDurableStreamQueryMismatch)
			appendTypes(t, refused, "a", "a")
			r.want(t, []uint64{uint64(2*i + 1), uint64(2*i + 2)})
			end(t, stream)
			r.wantNoMore(t)
		}
	}},
	{"a group that another store outruns is written behind its facts, and every answer holds there", func(t *testing.T, log Log) { // G2 G3 G9 G10 G11
		if !log.Persistent {
			return
		}
		one, c := openChaos(t, log, factstr.Options{})
		other := open(t, log)
		answers := outrunGroup(t, one, c, other,
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"),
				nil}, // the one before has appended it
			conditional{facttest.BatchOf("f"), factstr.OfTypes("first"),
				factstr.Version(3)}, // that is another type's fact
			conditional{facttest.BatchOf("e", "e", "e"), factstr.OfTypes("e"), nil},
			conditional{facttest.BatchOf("d", "d"), factstr.OfTypes("y"),
				factstr.Version(3)}, // this store has not heard of that fact yet
		)
		wantNumbers(t, answers, 4, 0, 0, 5, 8)
		wantConflict(t, answers[1].err, nil, factstr.Version(4))
		wantConflict(t, answers[2].err, factstr.Version(3), factstr.Version(1))
		wantHead(t, other, 9)
		for i, store := range []*factstr.Store{one, other} { // from memory, and as it is stored
			r := newRecorder()
			durable(t, store, fmt.Sprint("batches ", i), r)
			for _, batch := range [][]uint64{{1}, {2, 3}, {4}, {5, 6, 7}, {8, 9}} {
				r.want(t, batch)
			}
		}
	}},
	{"a condition that another store broke meanwhile is a conflict with its fact", func(t *testing.T, log Log) { // G9 G10 G11
		if !log.Persistent {
			return
		}
		one, c := openChaos(t, log, factstr.Options{})
		other := open(t, log)
		answers := outrunGroup(t, one, c, other,
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("b"), factstr.OfTypes("x"), nil},
			conditional{facttest.BatchOf("c"), facttest.PayloadQuery(`{"at":1}`), nil},
			conditional{facttest.BatchOf("d"), factstr.OfTypes("first", "z"), factstr.Version(1)},
			conditional{facttest.BatchOf("e"), factstr.AllEvents(), factstr.Version(1)},
		)
		wantNumbers(t, answers, 4, 0, 0, 5, 0)
		wantConflict(t, answers[1].err, nil, factstr.Version(2))
		wantConflict(t, answers[2].err, nil, factstr.Version(3))
		wantHead(t, other, 5)
	}},
	{"an append that expects a fact of its own group by number is looked at again when the group moves", func(t *testing.T, log Log) { // G9 G10 G11
		if !log.Persistent {
			return
		}
		one, c := openChaos(t, log, factstr.Options{})
		other := open(t, log)
		answers := outrunGroup(t, one, c, other,
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("b"), factstr.OfTypes("a"),
				factstr.Version(2)}, // the number that it would have had
			conditional{facttest.BatchOf("c"), factstr.OfTypes("a"), factstr.Version(4)},
		)
		wantNumbers(t, answers, 4, 0, 5)
		wantConflict(t, answers[1].err, factstr.Version(2), factstr.Version(4))
		wantHead(t, other, 5)
	}},
	{"a late success in one store does not move the cursor that another one registered", func(t *testing.T, log Log) { // G22
		one, other := twice(t, log)
		if other == nil {
			return
		}
		wantLateSuccessIgnored(t, one, other)
	}},
	{"closing one store leaves the other one's streams and appends alone", func(t *testing.T, log Log) { // G17
		one, other := twice(t, log)
		if other == nil {
			return
		}
		r := newRecorder()
		durable(t, other, "model", r)
		appendTypes(t, one, "a")
		if err := one.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantStillWorks(t, other, 1)
		r.want(t, []uint64{1}, []uint64{2})
	}},
}

// twice opens two stores on the log. A log that does not outlive its store has no second one; then
// other is nil.
func twice(t *testing.T, log Log) (one, other *factstr.Store) {
	t.Helper()
	one = open(t, log)
	if log.Persistent {
		other = open(t, log)
	}
	return one, other
}

// outrunGroup makes one group of the appends, which follows a fact of the type "first". Another
// store appends the facts x and y of one batch, number 2 and 3, after the group was made and before
// it is decided.
func outrunGroup(t *testing.T, one *factstr.Store, c *chaos, other *factstr.Store, appends ...conditional) []answer {
	t.Helper()
	return heldGroupThen(t, one, c, func() {
		c.set(hooks{commit: func(_ context.Context, _ *factstr.Group, next func() error) error {
			c.clear()
			appendTypes(t, other, "x", "y")
			return next()
		}})
	}, appends...)
}

// wantNumbers checks which numbers the appends got; 0 is none.
func wantNumbers(t *testing.T, answers []answer, first ...uint64) {
	t.Helper()
	for i, want := range first {
		if a := answers[i]; a.result.FirstSequenceNumber != want || want > 0 && a.err != nil {
			t.Fatalf("append %d: %+v, %v; want number %d", i, a.result, a.err, want)
		}
	}
}
