package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// conditionOn is a condition on facts of these types above a number.
func conditionOn(after uint64, eventTypes ...string) factstr.AppendCondition {
	return factstr.AppendCondition{FailIfEventsMatch: factstr.OfTypes(eventTypes...), After: after}
}

// wantBroken checks which condition of an AppendWhen did not hold, and the version of its context.
func wantBroken(t testing.TB, err error, index int, actual uint64) {
	t.Helper()
	wantConflict(t, err, nil, &actual)
	var known *factstr.Error
	errors.As(err, &known)
	if known.Conflict.ConditionIndex == nil || *known.Conflict.ConditionIndex != index {
		t.Fatalf("%v, want conditions[%d]", err, index)
	}
}

type appendWhen func(*factstr.Store, context.Context, []factstr.NewEvent, []factstr.AppendCondition) (
	factstr.AppendResult, error)

// whens are the ways in which an append with conditions is called.
var whens = map[string]appendWhen{
	"waiting": (*factstr.Store).AppendWhen,
	"submitted": func(s *factstr.Store, ctx context.Context, events []factstr.NewEvent,
		conditions []factstr.AppendCondition) (result factstr.AppendResult, err error) {
		answered := make(chan struct{})
		if err := s.AppendWhenAsync(ctx, events, conditions, func(r factstr.AppendResult, e error) {
			result, err = r, e
			close(answered)
		}); err != nil {
			return result, err
		}
		<-answered
		return result, err
	},
	"together": func(s *factstr.Store, _ context.Context, events []factstr.NewEvent,
		conditions []factstr.AppendCondition) (factstr.AppendResult, error) {
		taker := oneAnswer{make(chan factstr.AppendAnswer, 1)}
		prepared, err := s.PrepareAppendWhen(events, conditions, nil, taker)
		if err != nil {
			return factstr.AppendResult{}, err
		}
		s.AppendTogether([]*factstr.PreparedAppend{prepared})
		if prepared.Err != nil {
			return factstr.AppendResult{}, prepared.Err
		}
		answer := <-taker.answers
		return answer.Result, answer.Err
	},
}

type oneAnswer struct{ answers chan factstr.AppendAnswer }

func (o oneAnswer) GroupTaken() {}

func (o oneAnswer) TakeAnswers(answers []factstr.AppendAnswer) {
	for _, answer := range answers {
		o.answers <- answer
	}
}

// takerTold is what a taker was told, in this order.
type takerTold chan string

func (t takerTold) GroupTaken() { t <- "taken" }

func (t takerTold) TakeAnswers(answers []factstr.AppendAnswer) {
	t <- fmt.Sprint(len(answers), " answers")
}

var appendWhenTests = tests{
	{"a condition fails exactly if a fact above its number matches", func(t *testing.T, log Log) { // G9 G10
		for _, tail := range []int{0, -1, 3} {
			store := openWith(t, log, factstr.Options{TailEvents: tail}, nil)
			head := uint64(len(facttest.Query(t, store, factstr.AllEvents()).EventRecords))
			if head == 0 {
				mixed(t, store)
				head = 10
			}
			for name, when := range whens {
				for _, c := range []struct {
					query  factstr.EventQuery
					newest uint64 // 0: none matches
				}{
					{factstr.OfTypes("a"), 9}, {factstr.OfTypes("b"), 10}, {factstr.OfTypes("a", "b"), 10},
					{factstr.OfTypes("none"), 0}, {factstr.OfTypes(), 0}, {facttest.PayloadQuery(`{"at":4}`),
						9}, {facttest.PayloadQuery(`{"at":3}`), 8},
					{factstr.OfTypes("a").After(9).AtMost(0), 9}, {factstr.AllEvents(), head},
				} {
					for _, after := range []uint64{0, 1, 7, 8, 9, 10, head, head + 1, 1 << 40, factstr.SequenceMax} {
						newest := c.newest
						if len(c.query.Filters) == 0 {
							newest = head
						}
						result, err := when(store, t.Context(), facttest.BatchOf("other", "other"),
							[]factstr.AppendCondition{{FailIfEventsMatch: c.query, After: after}})
						if newest > after {
							wantBroken(t, err, 0, newest)
							continue
						}
						if err != nil || result.FirstSequenceNumber != head+1 {
							t.Fatalf("%s: %+v after %d: %+v, %v", name, c.query, after, result, err)
						}
						head += 2
					}
				}
			}
			wantHead(t, store, head)
			if err := store.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{"all conditions must hold, and the first that does not is named", func(t *testing.T, log Log) { // G9 G10
		store := open(t, log)
		mixed(t, store)
		for _, c := range []struct {
			conditions []factstr.AppendCondition
			broken     int
			actual     uint64
		}{
			{[]factstr.AppendCondition{conditionOn(9, "a"), conditionOn(9, "b")}, 1, 10},
			{[]factstr.AppendCondition{conditionOn(8, "a"), conditionOn(9, "b")}, 0, 9},
			{[]factstr.AppendCondition{conditionOn(0, "none"), conditionOn(10, "b"), conditionOn(0, "a")}, 2, 9},
		} {
			_, err := store.AppendWhen(t.Context(), facttest.BatchOf("x"), c.conditions)
			wantBroken(t, err, c.broken, c.actual)
		}
		if _, err := store.AppendWhen(t.Context(), facttest.BatchOf("x"), []factstr.AppendCondition{conditionOn(9, "a"),
			conditionOn(10, "b"), conditionOn(0, "none")}); err != nil {
			t.Fatal(err)
		}
		if _, err := store.AppendWhen(t.Context(), facttest.BatchOf("x"), nil); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, 12)
	}},
	{"facts of appends that are committed together count as any others", func(t *testing.T, log Log) { // G11
		store := open(t, log)
		appendTypes(t, store, "x")
		for round := range uint64(20) {
			head := 1 + 2*round
			taker := oneAnswer{make(chan factstr.AppendAnswer, 3)}
			batches := make([]*factstr.PreparedAppend, 3)
			var err error
			if batches[0], err = store.PrepareAppend(facttest.BatchOf("a"), 0, taker); err != nil {
				t.Fatal(err)
			}
			// The first batch gets the next number, so only the second condition covers it.
			for i, after := range []uint64{head, head + 1} {
				batches[1+i], err = store.PrepareAppendWhen(facttest.BatchOf("b"),
					[]factstr.AppendCondition{conditionOn(after, "a")}, 1+i, taker)
				if err != nil {
					t.Fatal(err)
				}
			}
			store.AppendTogether(batches)
			for range batches {
				switch answer := <-taker.answers; answer.Tag {
				case 1:
					wantBroken(t, answer.Err, 0, head+1)
				default:
					if answer.Err != nil {
						t.Fatalf("batch %d: %v", answer.Tag, answer.Err)
					}
				}
			}
		}
		wantHead(t, store, 41)
	}},
	{"a group says that it was taken before it answers", func(t *testing.T, log Log) {
		store := open(t, log)
		told := make(takerTold, 4)
		batches := make([]*factstr.PreparedAppend, 2)
		for i := range batches {
			var err error
			if batches[i], err = store.PrepareAppend(facttest.BatchOf("a"), i, told); err != nil {
				t.Fatal(err)
			}
		}
		store.AppendTogether(batches)
		for _, want := range []string{"taken", "2 answers"} {
			if got := <-told; got != want {
				t.Fatalf("the taker was told %q, want %q", got, want)
			}
		}
	}},
	{"a command that is sent twice is carried out once", func(t *testing.T, log Log) { // G9 G10 G11
		store := open(t, log)
		version := appendTypes(t, store, "account opened").LastSequenceNumber
		var running sync.WaitGroup
		answers := make(chan error, racers)
		for range racers {
			running.Go(func() {
				_, err := store.AppendWhen(t.Context(), []factstr.NewEvent{facttest.Fact("deposited",
					`{"command":"c-1","amount":5}`)},
					[]factstr.AppendCondition{
						{FailIfEventsMatch: facttest.PayloadQuery(`{"command":"c-1"}`)},
						conditionOn(version, "account opened"),
					})
				answers <- err
			})
		}
		running.Wait()
		close(answers)
		carriedOut := 0
		for err := range answers {
			if err == nil {
				carriedOut++
			} else {
				wantBroken(t, err, 0, 2)
			}
		}
		if carriedOut != 1 {
			t.Fatalf("%d were carried out", carriedOut)
		}
		wantHead(t, store, 2)
	}},
	{"of appends that race with conditions on each other's facts none breaks another", func(t *testing.T, log Log) { // G11
		store := open(t, log)
		const seats, callers = 5, 24
		var running sync.WaitGroup
		for caller := range callers {
			own := facttest.PayloadQuery(fmt.Sprintf(`{"to":%d}`, caller))
			sold := facttest.Fact("seat sold", fmt.Sprintf(`{"to":%d}`, caller))
			running.Go(func() {
				random := rand.New(rand.NewPCG(7, uint64(caller)))
				for {
					seen, err := store.Query(t.Context(), factstr.OfTypes("seat sold"))
					if err != nil || len(seen.EventRecords) >= seats {
						return
					}
					var after uint64
					if seen.CurrentContextVersion != nil {
						after = *seen.CurrentContextVersion
					}
					when := whens[[]string{"waiting", "submitted", "together"}[random.IntN(3)]]
					_, _ = when(store, t.Context(), []factstr.NewEvent{sold},
						[]factstr.AppendCondition{conditionOn(after, "seat sold"), {FailIfEventsMatch: own}})
					if random.IntN(4) == 0 {
						appendTypes(t, store, "other")
					}
					bought := len(facttest.Query(t, store, own).EventRecords)
					if bought > 1 {
						t.Errorf("%d bought %d seats", caller, bought)
					}
					if bought > 0 {
						return
					}
				}
			})
		}
		running.Wait()
		if sold := facttest.Query(t, store, factstr.OfTypes("seat sold")); len(sold.EventRecords) != seats {
			t.Errorf("%d seats of %d are sold", len(sold.EventRecords), seats)
		}
	}},
	{"conditions that cannot be taken are refused, and change nothing", func(t *testing.T, log Log) { // G13
		store := open(t, log)
		many := make([]factstr.AppendCondition, factstr.ConditionsMax+1)
		for i := range many {
			many[i] = conditionOn(0, "none")
		}
		bad := facttest.PayloadQuery(`{`)
		for names, conditions := range map[string][]factstr.AppendCondition{
			"101 conditions":         many,
			"conditions[1].after":    {conditionOn(0, "none"), conditionOn(factstr.SequenceMax+1, "none")},
			"conditions[1].fail_if_": {conditionOn(0, "none"), {FailIfEventsMatch: bad}},
		} {
			_, err := store.AppendWhen(t.Context(), facttest.BatchOf("a"), conditions)
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, names)
		}
		_, err := store.AppendWhen(t.Context(), nil, many)
		facttest.WantError(t, err, factstr.CodeEmptyAppend)
		if _, err := store.AppendWhen(t.Context(), facttest.BatchOf("a"), many[1:]); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, 1)
	}},
	{"all conditions together have the limits of one query", func(t *testing.T, log Log) { // G13
		store := openWith(t, log, factstr.Options{Limits: factstr.Limits{PredicateBytesMax: 40_000}}, nil)
		half := map[string]factstr.EventQuery{
			"filters":             {Filters: slices.Repeat([]factstr.EventFilter{{EventTypes: []string{"x"}}}, factstr.FiltersMax/2)},
			"event_types":         factstr.OfTypes(slices.Repeat([]string{"x"}, factstr.TypesMax/2)...),
			"payload_predicates":  facttest.PayloadQuery(slices.Repeat([]string{`{}`}, factstr.PredicatesMax/2)...),
			"predicate_bytes_max": facttest.PayloadQuery(`"` + strings.Repeat("k", 20_000-2) + `"`),
		}
		for what, query := range half {
			condition := factstr.AppendCondition{FailIfEventsMatch: query, After: factstr.SequenceMax}
			conditions := []factstr.AppendCondition{condition, condition}
			if _, err := store.AppendWhen(t.Context(), facttest.BatchOf("a"), conditions); err != nil {
				t.Fatalf("%s at the limit: %v", what, err)
			}
			more := factstr.AppendCondition{FailIfEventsMatch: factstr.EventQuery{Filters: []factstr.EventFilter{
				{EventTypes: []string{"x"}, PayloadPredicates: []json.RawMessage{json.RawMessage(`{}`)}},
			}}}
			_, err := store.AppendWhen(t.Context(), facttest.BatchOf("a"), append(conditions, more))
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, "conditions", what)
		}
		wantHead(t, store, 4)
	}},
}
