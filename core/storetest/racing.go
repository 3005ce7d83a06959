package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

const (
	racers = 16
	rounds = 200
)

// race lets racers append once each at the same moment, and checks that exactly one won and the
// others were told its number.
func race(t *testing.T, attempt func(racer int) (factstr.AppendResult, error), expected *uint64) (winner factstr.AppendResult) {
	t.Helper()
	results, failures := make([]factstr.AppendResult, racers), make([]error, racers)
	start := make(chan struct{})
	var running sync.WaitGroup
	for racer := range racers {
		running.Go(func() {
			<-start
			results[racer], failures[racer] = attempt(racer)
		})
	}
	close(start)
	running.Wait()
	winners := 0
	for racer, err := range failures {
		if err == nil {
			winners++
			winner = results[racer]
		}
	}
	if winners != 1 {
		t.Fatalf("%d racers won: %v", winners, failures)
	}
	for _, err := range failures {
		if err != nil {
			wantConflict(t, err, expected, &winner.LastSequenceNumber)
		}
	}
	return winner
}

var racingTests = tests{
	{"of goroutines that race one context exactly one wins", func(t *testing.T, log Log) { // G2 G11
		store := open(t, log)
		var version *uint64
		for range rounds {
			winner := race(t, func(racer int) (factstr.AppendResult, error) {
				return store.AppendIf(t.Context(), []factstr.NewEvent{facttest.Fact("a", fmt.Sprint(racer))},
					factstr.OfTypes("a"), version)
			}, version)
			version = &winner.LastSequenceNumber
		}
		wantHead(t, store, rounds)
	}},
	{"of appends that race overlapping contexts exactly one wins", func(t *testing.T, log Log) { // G11
		store := open(t, log)
		version := appendTypes(t, store, "shared").LastSequenceNumber
		for range rounds / 4 {
			winner := race(t, func(racer int) (factstr.AppendResult, error) {
				query := factstr.OfTypes("shared", fmt.Sprint("own ", racer))
				if racer%2 == 0 {
					query = facttest.PayloadQuery(`{"shared":true}`).Or(factstr.EventFilter{EventTypes: []string{"shared"}})
				}
				return store.AppendIf(t.Context(), []factstr.NewEvent{facttest.Fact("shared", `{"shared":true}`)},
					query, &version)
			}, &version)
			version = winner.LastSequenceNumber
		}
	}},
	{"counters that are read, raised and appended lose no update", func(t *testing.T, log Log) { // G9 G11
		store := open(t, log)
		const each = 20
		var running sync.WaitGroup
		for racer := range racers {
			running.Go(func() {
				for done := 0; done < each; {
					result, err := store.Query(t.Context(), factstr.OfTypes("counter"))
					if err != nil {
						t.Error(err)
						return
					}
					next := []factstr.NewEvent{facttest.Fact("counter", fmt.Sprintf(`{"count":%d,"by":%d}`,
						len(result.EventRecords)+1, racer))}
					_, err = store.AppendIf(t.Context(), next, factstr.OfTypes("counter"), result.CurrentContextVersion)
					switch {
					case err == nil:
						done++
					case !errors.Is(err, factstr.CodeConditionalAppendConflict):
						t.Error(err)
						return
					}
				}
			})
		}
		running.Wait()
		records := facttest.Query(t, store, factstr.AllEvents()).EventRecords
		if len(records) != racers*each {
			t.Fatalf("%d counts, want %d", len(records), racers*each)
		}
		for i := range records {
			if !payloadMatches(t, store, records[i].SequenceNumber, fmt.Sprintf(`{"count":%d}`, i+1)) {
				t.Fatalf("count %d is %s", i+1, records[i].Payload)
			}
		}
	}},
	{"unrelated contexts never conflict", func(t *testing.T, log Log) { // G9 G11
		store := open(t, log)
		var running sync.WaitGroup
		for racer := range racers {
			running.Go(func() {
				var version *uint64
				for range 20 {
					own := fmt.Sprint("own ", racer)
					result, err := store.AppendIf(t.Context(), facttest.BatchOf(own), factstr.OfTypes(own), version)
					if err != nil {
						t.Error(err)
						return
					}
					version = &result.LastSequenceNumber
				}
			})
		}
		running.Wait()
		wantHead(t, store, racers*20)
	}},
	{"appends of one group conflict with each other's facts", func(t *testing.T, log Log) { // G9 G10 G11
		store, c := openChaos(t, log, factstr.Options{})
		answers := heldGroup(t, store, c,
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil},
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"),
				nil}, // conflicts with the one before
			conditional{facttest.BatchOf("a"), factstr.OfTypes("a"),
				factstr.Version(2)}, // expects the first one's fact
			conditional{facttest.BatchOf("b", "b"), factstr.OfTypes("b"), nil},
			conditional{facttest.BatchOf("c"), factstr.OfTypes("b"),
				factstr.Version(4)}, // expects a fact inside the batch
			conditional{facttest.BatchOf("c"), factstr.OfTypes("b"), factstr.Version(5)},
		)
		for i, want := range []uint64{2, 0, 3, 4, 0, 6} {
			a := answers[i]
			if want > 0 && (a.err != nil || a.result.FirstSequenceNumber != want) {
				t.Fatalf("append %d: %+v, %v; want number %d", i, a.result, a.err, want)
			}
		}
		wantConflict(t, answers[1].err, nil, factstr.Version(2))
		wantConflict(t, answers[4].err, factstr.Version(4), factstr.Version(5))
		wantHead(t, store, 6)
	}},
}

// conditional is one append of a group; a zero query with no filters is the whole log.
type conditional struct {
	events   []factstr.NewEvent
	query    factstr.EventQuery
	expected *uint64
}

// answer is what an append was answered.
type answer struct {
	result factstr.AppendResult
	err    error
}

// heldGroup makes one group of the appends, in their order: while the commit of a fact of the type
// "first" is held up, they queue. The fact is committed before them.
func heldGroup(t *testing.T, store *factstr.Store, c *chaos, appends ...conditional) []answer {
	t.Helper()
	return heldGroupThen(t, store, c, func() { c.clear() }, appends...)
}

// heldGroupThen is heldGroup; afterwards runs before the held commit continues, to put other hooks
// in place for the group.
func heldGroupThen(t *testing.T, store *factstr.Store, c *chaos, afterwards func(), appends ...conditional) []answer {
	t.Helper()
	held, first := c.holdFirst(t, store)
	type numbered struct {
		at int
		answer
	}
	arrived := make(chan numbered, len(appends))
	for i, a := range appends {
		done := func(result factstr.AppendResult, err error) { arrived <- numbered{i, answer{result, err}} }
		if err := store.AppendIfAsync(context.Background(), a.events, a.query, a.expected, done); err != nil {
			t.Fatal(err)
		}
	}
	afterwards()
	held.open()
	if err := within(t, "the first append", first); err != nil {
		t.Fatal(err)
	}
	answers := make([]answer, len(appends))
	for range appends {
		a := within(t, "an answer", arrived)
		answers[a.at] = a.answer
	}
	return answers
}
