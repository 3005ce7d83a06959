package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
	"github.com/factstr/factstr-go/core/storetest"
)

// small returns a backend whose index has small chunks, so that it soon has many parts.
func small(log *factstr.Observer) *backend {
	b := newBackend(log)
	b.index.capacity, b.index.largest = 64, 256
	return b
}

func predicates(texts ...string) []json.RawMessage { return facttest.JSONTexts(texts...) }

// shapes are queries of every shape over transfers, some of which terms cannot narrow.
func shapes(r *rand.Rand, facts int) factstr.EventQuery {
	account := func() string { return fmt.Sprintf(`{"account":"a-%07d"}`, r.IntN(facts/10)) }
	types := func(n int) (types []string) {
		for range n {
			types = append(types, fmt.Sprint("type", r.IntN(12)))
		}
		return types
	}
	filter := func() factstr.EventFilter {
		switch r.IntN(8) {
		case 0:
			return factstr.EventFilter{EventTypes: types(1 + r.IntN(3))}
		case 1:
			return factstr.EventFilter{EventTypes: types(1 + r.IntN(3)), PayloadPredicates: predicates(account(), account())}
		case 2:
			return factstr.EventFilter{PayloadPredicates: predicates(`{"currency":"EUR","kind":7.0}`)}
		case 3:
			return factstr.EventFilter{EventTypes: types(2), PayloadPredicates: predicates(`{"tags":["\u0076ip"],"note":"x"}`, `{"tags":[]}`)}
		case 4:
			return factstr.EventFilter{PayloadPredicates: predicates(`{"tags":{}}`, `{"kind":3e0,"kind":40e-1,"tags":["vip"]}`)}
		case 5:
			return factstr.EventFilter{EventTypes: []string{}}
		}
		return factstr.EventFilter{PayloadPredicates: predicates(account())}
	}
	query := factstr.EventQuery{Filters: []factstr.EventFilter{filter()}}
	for range r.IntN(3) {
		query.Filters = append(query.Filters, filter())
	}
	if r.IntN(2) == 0 {
		after := uint64(r.IntN(facts + 10))
		query.MinSequenceNumber = &after
	}
	if r.IntN(2) == 0 {
		query = query.AtMost(uint64(r.IntN(20)))
	}
	query.Backwards = r.IntN(3) == 0
	return query
}

func TestQueriesThroughTheIndexFindWhatAWalkThroughTheLogFinds(t *testing.T) { // G6 G7 G8 G12
	const facts = 20_000
	indexed, walked := small(nil), newBackend(nil)
	walked.index.facts = func(uint64) []factstr.EventRecord { return nil }
	stores := []*factstr.Store{openBackend(t, indexed), openBackend(t, walked)}
	r := rand.New(rand.NewPCG(20261127, 5))
	compare := func(rounds int) {
		for range rounds {
			query := shapes(r, facts)
			var answers [2]*factstr.QueryResult
			for i, store := range stores {
				answers[i] = facttest.Query(t, store, query)
				for at := range answers[i].EventRecords {
					answers[i].EventRecords[at].OccurredAt = "" // each store has its own
				}
			}
			if !reflect.DeepEqual(answers[0], answers[1]) {
				text, _ := json.Marshal(query.Filters)
				t.Fatalf("%s: %d facts through the index, %d else", text, len(answers[0].EventRecords), len(answers[1].EventRecords))
			}
		}
	}
	for at := 0; at < facts; {
		var batch []factstr.NewEvent
		for range 1 + r.IntN(500) {
			batch = append(batch, storetest.Transfer(at))
			at++
		}
		for _, store := range stores {
			facttest.Append(t, store, batch...)
		}
		compare(3)
	}
	indexed.settled()
	compare(300)
	parts := map[string]int{}
	for _, part := range *indexed.index.parts.Load() {
		parts[fmt.Sprintf("%T", part)]++
	}
	if parts["*termindex.Segment"] < 2 || parts["*termindex.Chunk"] < 1 || len(parts) > 2 {
		t.Errorf("parts: %v", parts)
	}
}

// G9 G11: the newest facts, indexed or not yet, count.
func TestConditionsHoldWhileTheIndexFollows(t *testing.T) {
	b := small(nil)
	store := openBackend(t, b)
	var callers sync.WaitGroup
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	for caller := range 8 {
		callers.Go(func() {
			// Two callers share each account, so some of their appends conflict.
			account := fmt.Sprintf(`{"account":%d}`, caller/2)
			query := factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: predicates(account)}}}
			for range rounds {
				read := facttest.Query(t, store, query)
				for i, record := range read.EventRecords {
					if want := fmt.Sprintf(`{"account":%d,"n":%d}`, caller/2, i); string(record.Payload) != want {
						t.Errorf("%s, want %s", record.Payload, want)
						return
					}
				}
				_, err := store.AppendIf(t.Context(), []factstr.NewEvent{
					facttest.Fact("a", fmt.Sprintf(`{"account":%d,"n":%d}`, caller/2, len(read.EventRecords))),
					facttest.Fact("b", fmt.Sprintf(`{"other":%d}`, len(read.EventRecords))),
				}, query, read.CurrentContextVersion)
				if err != nil && factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}

func TestAFactThatCannotBeIndexedIsProposedToEveryQuery(t *testing.T) { // G12
	records, logger := facttest.NewRecords()
	b := small(factstr.Options{Logger: logger}.Observed("memory").Log())
	usual := b.index.termsOf
	b.index.termsOf = func(dst []terms.Term, eventType string, payload []byte) []terms.Term {
		if strings.Contains(string(payload), `"n":7`) {
			panic("a defect")
		}
		return usual(dst, eventType, payload)
	}
	store := openBackend(t, b)
	for n := range 3000 {
		facttest.Append(t, store, facttest.Fact("a", fmt.Sprintf(`{"id":%d,"n":%d}`, n%100, n%1000)))
	}
	b.settled()
	for _, id := range []int{6, 7, 8} {
		query := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"a"}, PayloadPredicates: predicates(fmt.Sprintf(`{"id":%d}`, id))}}}
		if n := len(facttest.Query(t, store, query).EventRecords); n != 30 {
			t.Errorf("%d facts of %d", n, id)
		}
	}
	records.Await(t, factstr.LogPanicRecovered, 1)
}

func TestAChunkThatCannotBeFrozenStaysAndThePanicIsTold(t *testing.T) {
	records, logger := facttest.NewRecords()
	b := small(factstr.Options{Logger: logger}.Observed("memory").Log())
	b.index.full <- new(termindex.Chunk)
	store := openBackend(t, b)
	for n := range 3000 {
		facttest.Append(t, store, storetest.Transfer(n))
	}
	b.settled()
	if n := len(facttest.Query(t, store, storetest.OfAccount(7)).EventRecords); n != 10 {
		t.Errorf("%d facts", n)
	}
	records.Await(t, factstr.LogPanicRecovered, 1)
}

// failing is a part that breaks off behind its first proposal.
type failing struct{ termindex.Source }

func (f failing) Candidates(q terms.Query, after, upTo uint64, descending bool, visit func(uint64) bool) error {
	err := f.Source.Candidates(q, after, upTo, descending, func(number uint64) bool {
		visit(number)
		return false
	})
	return errors.Join(err, errors.New("broken"))
}

func TestAPartThatCannotBeAskedIsWalked(t *testing.T) { // G6 G8
	store, b := filled(t, 5000)
	b.settled()
	parts := termindex.Set{failing{*b.index.parts.Load()}}
	b.index.parts.Store(&parts)
	if got := facttest.Query(t, store, storetest.OfAccount(7)); len(got.EventRecords) != 10 || *got.CurrentContextVersion != 80 {
		t.Errorf("%d facts", len(got.EventRecords))
	}
	last := facttest.Query(t, store, storetest.OfAccount(7).AtMost(3))
	if len(last.EventRecords) != 3 || *last.CurrentContextVersion != 80 {
		t.Errorf("%d facts, version %d", len(last.EventRecords), *last.CurrentContextVersion)
	}
}

// counting counts the facts that scans visit.
type counting struct {
	*backend
	visits int
}

func (c *counting) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return c.backend.Scan(ctx, scan, func(record factstr.EventRecord) bool {
		c.visits++
		return visit(record)
	})
}

// This is what makes their cost independent of the size of the log.
func TestQueriesAndConditionsVisitWhatMatches(t *testing.T) { // G8 G9
	c := &counting{backend: newBackend(nil)}
	store, err := factstr.OpenStore(t.Context(), c, factstr.Options{TailEvents: -1})
	store = facttest.Opened(t, store, err)
	for at := 0; at < 50_000; at += 1000 {
		var batch []factstr.NewEvent
		for i := range 1000 {
			batch = append(batch, storetest.Transfer(at+i))
		}
		facttest.Append(t, store, batch...)
	}
	c.settled()
	for name, shape := range map[string]struct {
		filter factstr.EventFilter
		most   int
	}{
		"a predicate":                {factstr.EventFilter{PayloadPredicates: predicates(`{"account":"a-0000077"}`)}, 10},
		"one of predicates":          {factstr.EventFilter{PayloadPredicates: predicates(`{"account":"a-0000077"}`, `{"reference":"RF-000000001"}`)}, 11},
		"a type and a predicate":     {factstr.EventFilter{EventTypes: []string{"type3"}, PayloadPredicates: predicates(`{"account":"a-0000077","tags":["vip"]}`)}, 10},
		"no match":                   {factstr.EventFilter{PayloadPredicates: predicates(`{"account":"unknown"}`)}, 0},
		"a type that does not occur": {factstr.EventFilter{EventTypes: []string{"unknown"}, PayloadPredicates: predicates(`{"currency":"EUR"}`)}, 0},
	} {
		query := factstr.EventQuery{Filters: []factstr.EventFilter{shape.filter}}
		c.visits = 0
		read := facttest.Query(t, store, query)
		if c.visits > shape.most {
			t.Errorf("%s: a query visits %d facts, at most %d match", name, c.visits, shape.most)
		}
		c.visits = 0
		wrong := factstr.Version(1_000_000)
		if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "b"), query, wrong); factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
			t.Fatal(err)
		}
		if c.visits > 1 && read.CurrentContextVersion != nil || c.visits > 2 {
			t.Errorf("%s: a condition visits %d facts", name, c.visits)
		}
	}
}

// The bubble fails if a goroutine is left.
func TestCloseEndsTheGoroutinesOfTheIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			facttest.Append(t, store, facttest.Batch(1000, "a")...)
			facttest.Query(t, store, factstr.OfTypes("a").AtMost(1))
		}
		if err := store.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAFactTakesAtMost200BytesBeyondItsPayload(t *testing.T) {
	const facts = 200_000
	heap := func() int {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc)
	}
	before := heap()
	store, b := filled(t, facts)
	b.settled()
	taken := heap() - before - 256*facts
	t.Logf("%.1f bytes a fact", float64(taken)/facts)
	if taken > 200*facts {
		t.Errorf("%.1f bytes a fact", float64(taken)/facts)
	}
	segments := 0
	for _, part := range *b.index.parts.Load() {
		if segment, is := part.(*termindex.Segment); is {
			segments += int(segment.Info().Bytes)
		}
	}
	t.Logf("%.1f of them in segments", float64(segments)/facts)
	if n := len(facttest.Query(t, store, storetest.OfAccount(7)).EventRecords); n != 10 {
		t.Errorf("%d facts", n)
	}
}
