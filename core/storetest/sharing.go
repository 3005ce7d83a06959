package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// sharingTests open one log by several stores, which stand for processes: they share nothing but what the backend stores.
var sharingTests = tests{
	{"each store reads at once what another one appended", func(t *testing.T, log Log) { // G2 G5
		one, other := twice(t, log)
		if other == nil {
			return
		}
		for i := range uint64(50) {
			if result := appendTypes(t, one, "a"); result.FirstSequenceNumber != 2*i+1 {
				t.Fatalf("got %+v", result)
			}
			wantResult(t, other, factstr.AllEvents().AtMost(0), nil, factstr.Version(2*i+1))
			if result := appendTypes(t, other, "b"); result.FirstSequenceNumber != 2*i+2 {
				t.Fatalf("got %+v", result)
			}
			_, err := one.AppendIf(t.Context(), batch("b"), factstr.OfTypes("b"), nil)
			wantConflict(t, err, nil, factstr.Version(2*i+2))
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
				return store.AppendIf(t.Context(), []factstr.NewEvent{event("a", fmt.Sprint(racer))}, factstr.OfTypes("a"), version)
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
					if _, err := store.Append(t.Context(), batch(slices.Repeat([]string{"a"}, 1+i)...)); err != nil {
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
			wantCode(t, err, factstr.CodeDurableStreamActive)
			_, err = register(t, refused, "model", factstr.OfTypes("other"), newRecorder())
			wantCode(t, err, factstr.CodeDurableStreamQueryMismatch)
			appendTypes(t, refused, "a", "a")
			r.want(t, []uint64{uint64(2*i + 1), uint64(2*i + 2)})
			end(t, stream)
			r.wantNoMore(t)
		}
	}},
	{"a late success in one store does not move the cursor that another one registered", func(t *testing.T, log Log) { // G22
		one, other := twice(t, log)
		if other == nil {
			return
		}
		late := newRecorder()
		release := make(chan struct{})
		late.handle = func(context.Context, []factstr.EventRecord) error {
			<-release
			return nil
		}
		stream := durable(t, one, "model", late)
		appendTypes(t, one, "a")
		late.want(t, []uint64{1})
		stream.Unsubscribe()
		failing := newRecorder()
		failing.handle = failAt(1)
		_, err := register(t, other, "model", factstr.AllEvents(), failing)
		wantCode(t, err, factstr.CodeHandlerFailed)
		close(release)
		late.wantEnd(t, "")
		if cursor := cursorOf(t, other, "model", factstr.AllEvents()); cursor != 0 {
			t.Fatalf("the cursor is %d, want 0", cursor)
		}
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

// twice opens two stores on the log. A log that does not outlive its store has no second one; then other is nil.
func twice(t *testing.T, log Log) (one, other *factstr.Store) {
	t.Helper()
	one = open(t, log)
	if log.Persistent {
		other = open(t, log)
	}
	return one, other
}
