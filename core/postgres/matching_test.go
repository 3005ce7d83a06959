package postgres

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// The matcher in Go decides, and the server finds candidates for it. A missing candidate would be a
// wrong answer, so these tests compare the server's answers with those of a store in memory, which
// uses the matcher alone.

// twins are the same log in PostgreSQL and in memory. reading keeps no facts in memory. writing and
// behind append in turns, so that each is always behind the other and the server checks its
// conditions.
type twins struct {
	t                        *testing.T
	writing, behind, reading *factstr.Store
	memory                   *factstr.Store
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	url := pgtest.Database(t)
	inMemory, err := memory.Open(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { facttest.Close(t, inMemory) })
	// Indexes are used although the table is small.
	reading := openStoreWith(t, pgtest.WithParam(url, "options", "-c enable_seqscan=off"), Options{Options: factstr.Options{TailEvents: -1}})
	return &twins{t, openStore(t, url), openStore(t, url), reading, inMemory}
}

func (w *twins) append(events ...factstr.NewEvent) {
	w.t.Helper()
	if got, want := facttest.Append(w.t, w.writing, events...), facttest.Append(w.t, w.memory, events...); got != want {
		w.t.Fatalf("append: %+v and %+v", got, want)
	}
}

// appendIf reports whether the condition held. The stores change places afterwards.
func (w *twins) appendIf(events []factstr.NewEvent, query factstr.EventQuery, expected *uint64) bool {
	w.t.Helper()
	got, err := w.behind.AppendIf(w.t.Context(), events, query, expected)
	want, wantErr := w.memory.AppendIf(w.t.Context(), events, query, expected)
	if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
		w.t.Fatalf("append_if %s: %+v, %v and in memory %+v, %v", textOfQuery(query), got, err, want, wantErr)
	}
	if err != nil && factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
		w.t.Fatal(err)
	}
	w.writing, w.behind = w.behind, w.writing
	return err == nil
}

// ask returns how many facts match.
func (w *twins) ask(query factstr.EventQuery) int {
	w.t.Helper()
	got, err := w.reading.Query(w.t.Context(), query)
	want, wantErr := w.memory.Query(w.t.Context(), query)
	if err != nil || wantErr != nil {
		w.t.Fatalf("%s: %v and in memory %v", textOfQuery(query), err, wantErr)
	}
	if a, b := facttest.Numbers(got.EventRecords), facttest.Numbers(want.EventRecords); !reflect.DeepEqual(a, b) {
		w.t.Fatalf("%s: %v and in memory %v", textOfQuery(query), a, b)
	}
	if !reflect.DeepEqual(got.CurrentContextVersion, want.CurrentContextVersion) || !reflect.DeepEqual(got.LastReturnedSequenceNumber, want.LastReturnedSequenceNumber) {
		w.t.Fatalf("%s: %+v and in memory %+v", textOfQuery(query), got, want)
	}
	for i, record := range got.EventRecords {
		if in := want.EventRecords[i]; record.EventType != in.EventType || !jsonvalue.Equal(record.Payload, in.Payload) {
			w.t.Fatalf("%s: %s and in memory %s", textOfQuery(query), record.Payload, in.Payload)
		}
	}
	return len(got.EventRecords)
}

func textOfQuery(query factstr.EventQuery) string {
	text, _ := json.Marshal(query)
	return fmt.Sprintf("%.1000s", text)
}

func TestEveryVectorOfTheMatcherIsAnsweredByTheServerAsWell(t *testing.T) { // G9 G13 G14
	t.Parallel()
	var vectors []struct {
		Name, Payload, Predicate string
		Matches                  bool
	}
	text, err := os.ReadFile("../../interop/testdata/matcher/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &vectors)
	}
	if err != nil || len(vectors) < 120 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	w := newTwins(t)
	for _, v := range vectors {
		// The server looks for the fact that the other store has just written.
		w.append(facttest.Fact(v.Name, v.Payload))
		typed := facttest.PayloadQuery(v.Predicate)
		typed.Filters[0].EventTypes = []string{v.Name}
		if accepted := w.appendIf(facttest.Batch(1, "not "+v.Name), typed, nil); accepted == v.Matches {
			t.Errorf("%s: append_if was accepted: %v", v.Name, accepted)
		}
	}
	for _, v := range vectors {
		typed := facttest.PayloadQuery(v.Predicate)
		typed.Filters[0].EventTypes = []string{v.Name}
		if matches := w.ask(typed); matches == 1 != v.Matches {
			t.Errorf("%s: %d match", v.Name, matches)
		}
		w.ask(facttest.PayloadQuery(v.Predicate))
		w.ask(facttest.PayloadQuery(v.Payload))
	}
	var all []string
	for _, v := range vectors {
		all = append(all, v.Predicate)
	}
	w.ask(facttest.PayloadQuery(all...))
}

// author writes random values from small alphabets, so that payloads and predicates often match, in
// random spellings.
type author struct{ *rand.Rand }

func (a author) value(depth int) string {
	choice := a.IntN(10)
	if depth == 0 {
		choice %= 6
	}
	switch choice {
	case 0:
		return a.pick("null", "true", "false")
	case 1, 2:
		return a.pick("0", "-0", "0.0", "1", "1.0", "1e0", "10e-1", "-1", "2", "20e-1", "1e2", "100", "9007199254740993", "9007199254740992", "9007199254740992.0",
			"18446744073709551616", "18446744073709551616e0", "0.5", "5e-1", "1e300", "10e299", "1e-300", "5e-324", "1.7976931348623157e308", "-1.5E+10")
	case 3, 4, 5:
		return a.text()
	case 6, 7:
		return "[" + a.list(func() string { return a.value(depth - 1) }) + "]"
	default:
		return "{" + a.list(func() string { return a.text() + a.space() + ":" + a.space() + a.value(depth-1) }) + "}"
	}
}

func (a author) list(item func() string) string {
	items := make([]string, a.IntN(4))
	for i := range items {
		items[i] = item()
	}
	return a.space() + strings.Join(items, a.space()+","+a.space()) + a.space()
}

func (a author) text() string {
	return a.pick(`""`, `"a"`, `"\u0061"`, `"b"`, `"ab"`, `"a\u0062"`, `"é"`, `"\u00e9"`, `"e\u0301"`, `"🚀"`, `"\ud83d\ude80"`, `"\""`, `"\u0022"`, `"\\"`, `"\/"`, `"/"`, `"1"`, `"null"`, `"\u0001"`, `"\ufeff"`, `"\uffff"`,
		`"`+strings.Repeat("long ", 30)+`"`) // longer than the part of a text that the index holds
}

func (a author) space() string { return a.pick("", "", "", "", " ", "\n\t") }

func (a author) pick(choices ...string) string { return choices[a.IntN(len(choices))] }

func (a author) eventType() string {
	return a.pick("a", "b", "c", "", "Ü", `"`, `\`, "{a}", "a,b", " ")
}

func (a author) filter() (filter factstr.EventFilter) {
	if a.IntN(3) > 0 {
		filter.EventTypes = []string{}
		for range a.IntN(4) {
			filter.EventTypes = append(filter.EventTypes, a.eventType())
		}
	}
	if a.IntN(3) > 0 {
		filter.PayloadPredicates = []json.RawMessage{}
		for range a.IntN(4) {
			filter.PayloadPredicates = append(filter.PayloadPredicates, json.RawMessage(a.value(a.IntN(3))))
		}
	}
	return filter
}

func (a author) events(count int) (events []factstr.NewEvent) {
	for range count {
		events = append(events, facttest.Fact(a.eventType(), a.value(3)))
	}
	return events
}

func (a author) query() (query factstr.EventQuery) {
	for range 1 + a.IntN(3) {
		query.Filters = append(query.Filters, a.filter())
	}
	return query
}

func TestRandomQueriesAreAnsweredByTheServerAsByTheMatcher(t *testing.T) { // G7 G8 G9 G12 G13 G14
	t.Parallel()
	rounds, seed := 300, uint64(1)
	if os.Getenv("FACTSTR_TORTURE") != "" {
		rounds, seed = 3000, rand.Uint64()
	}
	t.Logf("%d rounds of seed %d; FACTSTR_TORTURE=1 does 3000 of any", rounds, seed)
	a, w := author{rand.New(rand.NewPCG(20261125, seed))}, newTwins(t)
	last, matched, accepted, conflicts := uint64(0), 0, 0, 0
	for range rounds {
		events := a.events(1 + a.IntN(4))
		w.append(events...)
		last += uint64(len(events))
		for range 3 {
			query := a.query()
			switch a.IntN(4) {
			case 0:
				query = query.After(a.Uint64N(last + 1))
			case 1:
				query = query.AtMost(a.Uint64N(5))
			case 2:
				query = query.After(a.Uint64N(last + 1)).AtMost(1 + a.Uint64N(3))
			}
			query.Backwards = a.IntN(3) == 0
			matched += w.ask(query)
		}
		// A condition that held before the other store's last batch.
		context := a.query()
		before, err := w.memory.Query(t.Context(), context)
		if err != nil {
			t.Fatal(err)
		}
		events = a.events(a.IntN(9))
		if len(events) > 0 {
			w.append(events...)
		}
		last += uint64(len(events))
		if w.appendIf([]factstr.NewEvent{facttest.Fact(a.eventType(), a.value(2))}, context, before.CurrentContextVersion) {
			accepted++
			last++
		} else {
			conflicts++
		}
	}
	if matched < 5_000 || accepted < 30 || conflicts < 30 {
		t.Errorf("%d facts matched, %d conditions held and %d did not: the comparison shows little", matched, accepted, conflicts)
	}
}

// Queries for which the SQL differs: more types than are merged, more predicates than are sent,
// more conditions than the server checks.
func TestLargeQueriesAreAnsweredByTheServerAsByTheMatcher(t *testing.T) { // G7 G8 G9 G12
	t.Parallel()
	w := newTwins(t)
	var events []factstr.NewEvent
	for i := range 600 {
		events = append(events, facttest.Fact(fmt.Sprint("type ", i%150), fmt.Sprintf(`{"at":%d,"of":{"hundred":%d},"tags":["t%d","x"]}`, i, i%100, i%7)))
	}
	w.append(events...)
	types := func(count, step int) (types []string) {
		for i := range count {
			types = append(types, fmt.Sprint("type ", i*step))
		}
		return types
	}
	predicates := func(count, step int) (predicates []json.RawMessage) {
		for i := range count {
			predicates = append(predicates, json.RawMessage(fmt.Sprintf(`{"at":%d}`, i*step)))
		}
		return predicates
	}
	for name, filters := range map[string][]factstr.EventFilter{
		"64 types":                        {{EventTypes: types(mergeMax, 1)}},
		"65 types":                        {{EventTypes: types(mergeMax+1, 2)}},
		"10,000 types":                    {{EventTypes: types(10_000, 3)}},
		"one type 10,000 times":           {{EventTypes: types(10_000, 0)}},
		"types in several filters":        {{EventTypes: types(40, 1)}, {EventTypes: types(40, 3)}},
		"1,000 predicates":                {{PayloadPredicates: predicates(predicatesMax, 3)}},
		"1,001 predicates":                {{PayloadPredicates: predicates(predicatesMax+1, 2)}},
		"10,000 predicates of types":      {{EventTypes: types(10, 1), PayloadPredicates: predicates(10_000, 1)}},
		"1,001 predicates and a type":     {{PayloadPredicates: predicates(predicatesMax+1, 4)}, {EventTypes: types(1, 1)}},
		"a type and a predicate":          {{EventTypes: types(2, 5)}, {PayloadPredicates: predicates(3, 7)}},
		"types, and types and predicates": {{EventTypes: types(70, 2)}, {EventTypes: types(70, 1), PayloadPredicates: facttest.JSONTexts(`{"tags":["t3"]}`)}},
		"types and predicates":            {{EventTypes: types(70, 2), PayloadPredicates: facttest.JSONTexts(`{"tags":["t1"]}`, `{"of":{"hundred":42}}`)}, {EventTypes: types(3, 1), PayloadPredicates: facttest.JSONTexts(`{"tags":["x"]}`)}},
		"1,000 filters":                   thousandFilters(),
		"a filter that takes everything":  {{EventTypes: types(70, 2)}, {}},
		"one that takes nothing":          {{EventTypes: []string{}}, {PayloadPredicates: facttest.JSONTexts(`{"of":{"hundred":7}}`)}},
		"only ones that take nothing":     {{EventTypes: []string{}}, {PayloadPredicates: []json.RawMessage{}}},
		"all objects":                     {{PayloadPredicates: facttest.JSONTexts(`{}`)}},
		"a predicate that nothing has":    {{PayloadPredicates: facttest.JSONTexts(`{"at":-1}`)}},
		"long predicates":                 {{PayloadPredicates: facttest.JSONTexts(`"`+strings.Repeat("x", 70_000)+`"`, `{"at":7}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			query := factstr.EventQuery{Filters: filters}
			for _, query := range []factstr.EventQuery{query, query.After(300), query.AtMost(1), query.After(100).AtMost(7), query.AtMost(0), query.After(1 << 40)} {
				w.ask(query)
			}
			// Facts of the other store that match, and that do not.
			for _, event := range []factstr.NewEvent{facttest.Fact("type 0", `{"at":7,"of":{"hundred":7},"tags":["t1","t3","x"]}`), facttest.Fact("nothing", `[]`)} {
				known, err := w.memory.Query(t.Context(), query)
				if err != nil {
					t.Fatal(err)
				}
				w.append(event)
				w.appendIf([]factstr.NewEvent{facttest.Fact("result of "+name, `{"at":-7}`)}, query, known.CurrentContextVersion)
			}
		})
	}
}

func thousandFilters() (filters []factstr.EventFilter) {
	for i := range factstr.FiltersMax {
		filters = append(filters, factstr.EventFilter{EventTypes: []string{fmt.Sprint("type ", i)}, PayloadPredicates: facttest.JSONTexts(fmt.Sprintf(`{"at":%d}`, 2*i))})
	}
	return filters
}
