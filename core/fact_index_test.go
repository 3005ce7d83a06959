package factstr

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/match"
)

// randomFact is of one of few types, with some fields that many facts share and one of its own.
func randomFact(random *rand.Rand, number uint64) EventRecord {
	return EventRecord{SequenceNumber: number, OccurredAt: "t", EventType: fmt.Sprintf("type%d", random.IntN(4)),
		Payload: json.RawMessage(fmt.Sprintf(`{"id":%d,"few":%d.0,"many":"m%d","tags":["t%d","t%d"]}`, number, random.IntN(3), random.IntN(200), random.IntN(9), random.IntN(9)))}
}

func randomContext(random *rand.Rand, below uint64) EventQuery {
	var query EventQuery
	for range 1 + random.IntN(3) {
		var filter EventFilter
		if random.IntN(2) == 0 {
			filter.EventTypes = []string{fmt.Sprintf("type%d", random.IntN(5)), fmt.Sprintf("type%d", random.IntN(5))}[:1+random.IntN(2)]
		}
		for range random.IntN(3) {
			filter.PayloadPredicates = append(filter.PayloadPredicates, json.RawMessage([]string{
				fmt.Sprintf(`{"id":%d}`, random.Uint64N(below+1)), fmt.Sprintf(`{"few":%d}`, random.IntN(4)),
				fmt.Sprintf(`{"many":"m%d","tags":["t%d"]}`, random.IntN(200), random.IntN(9)), `{"tags":[]}`, "{}",
				fmt.Sprintf(`{"tags":["t%d","t%d"]}`, random.IntN(9), random.IntN(9)),
			}[random.IntN(6)]))
		}
		query.Filters = append(query.Filters, filter)
	}
	return query
}

// G7 G8 G12 G13: whether facts in memory are looked up or walked over, the same ones match.
func TestFactsInMemoryAreFoundAsAWalkFindsThem(t *testing.T) {
	random := rand.New(rand.NewPCG(20261127, 5))
	rounds, looked := 40, 0
	if testing.Short() {
		rounds = 8
	}
	for range rounds {
		var known tail
		number, eventsMax := 1+random.Uint64N(1000), 50+random.IntN(3000)
		for range 1 + random.IntN(60) {
			var records []EventRecord
			for range 1 + random.IntN(100) {
				records = append(records, randomFact(random, number))
				number += 1 + uint64(random.IntN(20)/19)*random.Uint64N(1<<26)
			}
			known.push(records, nil, nil, eventsMax, 1<<30)
		}
		old, head := known, known.head.SequenceNumber
		known.push([]EventRecord{randomFact(random, number)}, nil, nil, eventsMax, 1<<30)
		if records, last := old.records, len(old.records)-1; old.chunks[0].Last() <= old.floor() || records[last].SequenceNumber != head {
			t.Fatalf("the index keeps a chunk of dropped facts up to %d", old.chunks[0].Last())
		}
		for range 60 {
			plan, err := compilePlan(randomContext(random, head))
			if err != nil {
				t.Fatal(err)
			}
			after, upTo := old.floor(), head
			if random.IntN(2) == 0 {
				after = old.records[random.IntN(len(old.records))].SequenceNumber
				upTo = after + random.Uint64N(head-after+2)
			}
			if sought, looks := plan.inMemory(); !sought.Everything && old.position(upTo)-old.position(after) > looks*old.chunksWithin(after, upTo) {
				looked++
			}
			for _, descending := range []bool{false, true} {
				work := match.WorkUntil(nil, match.Unlimited)
				var found, want []uint64
				old.matching(plan, after, min(upTo, head), descending, &work, func(r *EventRecord) bool {
					found = append(found, r.SequenceNumber)
					return true
				})
				for i := range old.records {
					if r := &old.records[i]; r.SequenceNumber > after && r.SequenceNumber <= upTo && plan.matches(r, &work) {
						want = append(want, r.SequenceNumber)
					}
				}
				if descending {
					slices.Reverse(want)
				}
				if !slices.Equal(found, want) {
					t.Fatalf("(%d, %d] descending %v: %d found, %d match", after, upTo, descending, len(found), len(want))
				}
			}
		}
	}
	if looked < 10*rounds {
		t.Errorf("only %d searches used the index: the comparison shows little", looked)
	}
}

// G11 G18: what a condition costs does not grow with the facts that its group has accepted.
func TestAConditionCostsTheSameInASmallGroupAndInALargeOne(t *testing.T) {
	cost := func(facts int) int {
		g := Group{}
		for i := range facts {
			event := NewEvent{EventType: "opened", Payload: json.RawMessage(fmt.Sprintf(`{"account":"a%d","amount":%d}`, i, i))}
			g.write.Records = append(g.write.Records, EventRecord{SequenceNumber: uint64(i) + 1, EventType: event.EventType, Payload: event.Payload})
			g.facts = append(g.facts, termsOf([]NewEvent{event})...)
		}
		plan, err := compilePlan(EventQuery{Filters: []EventFilter{{EventTypes: []string{"opened"}, PayloadPredicates: []json.RawMessage{json.RawMessage(`{"account":"a3"}`)}}}})
		if err != nil {
			t.Fatal(err)
		}
		work := match.WorkUntil(nil, match.Unlimited)
		before := work.Left()
		if newest := g.newest(plan, &work); newest != 4 {
			t.Fatalf("of %d facts, the newest match is %d", facts, newest)
		}
		return before - work.Left()
	}
	if small, large := cost(60), cost(2_000); large > 4*small {
		t.Errorf("%d steps among 60 facts, %d among 2,000", small, large)
	}
}

func BenchmarkConditionInAGroup(b *testing.B) {
	for _, facts := range []int{64, 1024} {
		b.Run(fmt.Sprint(facts), func(b *testing.B) {
			var plans []*Plan
			var events []NewEvent
			for i := range facts {
				predicate := json.RawMessage(fmt.Sprintf(`{"account":"a%d"}`, i))
				plan, err := compilePlan(EventQuery{Filters: []EventFilter{{EventTypes: []string{"opened"}, PayloadPredicates: []json.RawMessage{predicate}}}})
				if err != nil {
					b.Fatal(err)
				}
				plan.inMemory()
				plans, events = append(plans, plan), append(events, NewEvent{EventType: "opened", Payload: predicate})
			}
			facts := termsOf(events)
			for b.Loop() {
				g := Group{}
				for i, event := range events {
					work := match.WorkUntil(nil, conditionWork)
					if g.newest(plans[i], &work) > 0 {
						b.Fatal("a fact matches")
					}
					g.write.Records = append(g.write.Records, EventRecord{SequenceNumber: uint64(i) + 1, EventType: event.EventType, Payload: event.Payload})
					g.facts = append(g.facts, facts[i])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/append")
		})
	}
}
