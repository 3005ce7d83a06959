package storetest

import (
	"errors"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// wantLateSuccessIgnored has a delivery in one store succeed after its stream was unsubscribed and
// another one, which failed, had the name in the other store, which may be the same.
func wantLateSuccessIgnored(t *testing.T, one, other *factstr.Store) {
	t.Helper()
	late, release := held()
	stream := durable(t, one, "model", late)
	appendTypes(t, one, "a")
	late.want(t, []uint64{1})
	stream.Unsubscribe()
	failing := newRecorder()
	failing.handle = failAt(1)
	_, err := register(t, other, "model", factstr.AllEvents(), failing)
	facttest.WantError(t, err, factstr.CodeHandlerFailed)
	close(release) // the late success, of an older generation
	late.wantEnd(t, "")
	if cursor := cursorOf(t, other, "model", factstr.AllEvents()); cursor != 0 {
		t.Fatalf("the cursor is %d, want 0", cursor)
	}
}

var nameTests = tests{
	{"a name is active once at a time", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		r := newRecorder()
		stream := durable(t, store, "model", r)
		for range 3 {
			_, err := register(t, store, "model", factstr.AllEvents(), newRecorder())
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
		}
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		end(t, stream)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 1 {
			t.Fatalf("the cursor is %d after the refused registrations, want 1", cursor)
		}
	}},
	{"a panic during a registration frees the name", func(t *testing.T, log Log) { // G22
		store, c := openChaos(t, log, factstr.Options{})
		c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) { panic("on purpose") }})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the registration did not panic")
				}
			}()
			_, _ = register(t, store, "model", factstr.AllEvents(), newRecorder())
		}()
		c.clear()
		end(t, durable(t, store, "model", newRecorder()))
	}},
	{"of goroutines that register one name exactly one gets it", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		for range 10 {
			streams, failures := make([]*factstr.EventStream, racers), make([]error, racers)
			var running sync.WaitGroup
			for i := range racers {
				running.Go(func() {
					streams[i], failures[i] = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"},
						newRecorder())
				})
			}
			running.Wait()
			holders := 0
			for i, err := range failures {
				if err == nil {
					holders++
					defer end(t, streams[i])
					streams[i].Unsubscribe()
				} else {
					facttest.WantError(t, err, factstr.CodeDurableStreamActive)
				}
			}
			if holders != 1 {
				t.Fatalf("%d hold the name", holders)
			}
		}
	}},
	{"resuming with another query is refused, whether the name is active or not", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		query := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"a"},
			PayloadPredicates: facttest.JSONTexts(`{"n":9007199254740993,"k":[1,{"x":null}]}`)}}}
		others := []factstr.EventQuery{
			factstr.AllEvents(), factstr.OfTypes("a"), factstr.OfTypes("b"), {Filters: []factstr.EventFilter{query.Filters[0], query.Filters[0]}},
			{Filters: []factstr.EventFilter{{EventTypes: []string{"a"},
				PayloadPredicates: facttest.JSONTexts(`{"n":9007199254740992,"k":[1,{"x":null}]}`)}}},
			{Filters: []factstr.EventFilter{{EventTypes: []string{"a", "b"},
				PayloadPredicates: query.Filters[0].PayloadPredicates}}},
		}
		appendTypes(t, store, "a")
		check := func() {
			t.Helper()
			for _, other := range others {
				_, err := register(t, store, "model", other, newRecorder())
				facttest.WantError(t, err, factstr.CodeDurableStreamQueryMismatch)
			}
		}
		stream := durableTo(t, store, "model", query, newRecorder())
		check()
		end(t, stream)
		check()
		if log.Persistent {
			store = reopen(t, log, store)
			check()
		}
		if cursor := cursorOf(t, store, "model", query); cursor != 1 {
			t.Fatalf("the cursor is %d, want 1", cursor)
		}
	}},
	{"the same query in another spelling resumes", func(t *testing.T, log Log) { // G14 G22
		store := open(t, log)
		spellings := []string{`{"n":1,"k":"é"}`, ` { "k" : "\u00e9", "n" : 1 } `, `{"n":1.0,"k":"é"}`,
			`{"n":1e0,"k":"é"}`, `{"n":10e-1,"k":"\u00E9"}`}
		for i, spelling := range spellings {
			facttest.Append(t, store, facttest.Fact("a", `{"n":1,"k":"é"}`))
			r := newRecorder()
			end(t, durableTo(t, store, "model", facttest.PayloadQuery(spelling), r))
			r.want(t, []uint64{uint64(i + 1)})
			r.wantNoMore(t)
		}
	}},
	{"unsubscribe frees the name at once while a delivery is in flight", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		inFlight, release := held()
		stream := durable(t, store, "model", inFlight)
		appendTypes(t, store, "a")
		inFlight.want(t, []uint64{1})
		stream.Unsubscribe()
		next := newRecorder()
		second := durable(t, store, "model", next)
		next.want(t, []uint64{1})
		appendTypes(t, store, "a")
		next.want(t, []uint64{2})
		close(release)
		inFlight.wantEnd(t, "")
		inFlight.wantNoMore(t)
		// The end of the first registration does not free the name that the second one holds.
		_, err := register(t, store, "model", factstr.AllEvents(), newRecorder())
		facttest.WantError(t, err, factstr.CodeDurableStreamActive)
		end(t, second)
	}},
	{"a delivery in flight at unsubscribe moves the cursor while nobody registered again", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		r, release := held()
		stream := durable(t, store, "model", r)
		appendTypes(t, store, "a", "a")
		appendTypes(t, store, "a")
		r.want(t, []uint64{1, 2})
		stream.Unsubscribe()
		close(release)
		r.wantEnd(t, "")
		r.wantNoMore(t)
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 2 {
			t.Fatalf("the cursor is %d, want 2", cursor)
		}
	}},
	{"a delivery in flight at unsubscribe has no effect on a later registration", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		wantLateSuccessIgnored(t, store, store)
	}},
	{"a backend's claim raises the generation, and cursor writes compare it and move forward only", func(t *testing.T, log Log) { // G22
		store, c := openChaos(t, log, factstr.Options{})
		ctx := t.Context()
		query := factstr.DurableQuery{Text: `{"filters":null,"min_sequence_number":null}`,
			Exact: `{"filters":null,"min_sequence_number":null}`}
		claim := func(want uint64) factstr.StreamClaim {
			t.Helper()
			claim, err := c.Backend.ClaimStream(ctx, "model", query)
			if err != nil || claim.Cursor != want {
				t.Fatalf("claim %+v, %v; want the cursor %d", claim, err, want)
			}
			return claim
		}
		write := func(generation, number uint64) {
			t.Helper()
			if err := c.Backend.WriteCursors(ctx, []factstr.CursorWrite{{Name: "model", Generation: generation, SequenceNumber: number}, {Name: "unknown", Generation: 1, SequenceNumber: 9}}); err != nil {
				t.Fatal(err)
			}
		}
		first := claim(0)
		if _, err := c.Backend.ClaimStream(ctx, "model", query); !errors.Is(err, factstr.CodeDurableStreamActive) {
			t.Fatalf("a second claim answered %v", err)
		}
		write(first.Generation, 5)
		first.Release()
		write(first.Generation, 7)
		write(first.Generation, 3)
		second := claim(7)
		if second.Generation <= first.Generation {
			t.Fatalf("generation %d after %d", second.Generation, first.Generation)
		}
		write(first.Generation, 9)
		write(second.Generation+1, 9)
		second.Release()
		third := claim(7)
		third.Release()
		wantStillWorks(t, store, 0)
	}},
}
