package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func explain(t testing.TB, store *factstr.Store, query factstr.EventQuery) *factstr.Explanation {
	t.Helper()
	explanation, err := store.Explain(t.Context(), query)
	if err != nil {
		t.Fatalf("explain %+v: %v", query, err)
	}
	return explanation
}

// wantAgreement checks that an explanation says what the query returns.
func wantAgreement(t testing.TB, store *factstr.Store, query factstr.EventQuery) *factstr.Explanation {
	t.Helper()
	result, explained := facttest.Query(t, store, query), explain(t, store, query)
	matches := uint64(len(result.EventRecords))
	if explained.Matches != matches ||
		!sameVersion(explained.CurrentContextVersion, result.CurrentContextVersion) {
		t.Fatalf("query %+v returns %d facts and version %s, explained %+v", query, matches,
			facttest.VersionText(result.CurrentContextVersion), explained)
	}
	var rows, candidates uint64
	for _, step := range explained.Steps {
		rows, candidates = rows+step.RowsRead, candidates+step.Candidates
		if step.After >= step.UpTo || step.RowsRead < step.Candidates ||
			step.Access == "" || step.Source == "" || step.Purpose == "" {
			t.Fatalf("step %+v of %+v", step, explained)
		}
		narrowed := step.Access == factstr.AccessTerms || step.Access == factstr.AccessTypes
		if narrowed && (explained.Plan == factstr.PlanWalk || explained.Plan == factstr.PlanEverything) {
			t.Fatalf("step %+v of %s", step, explained.Plan)
		}
	}
	if explained.RowsRead != rows || explained.Candidates != candidates || candidates < explained.Matches {
		t.Fatalf("query %+v: %+v", query, explained)
	}
	return explained
}

// shapes are queries of every shape with the plan of each.
var shapes = []struct {
	query factstr.EventQuery
	plan  factstr.QueryPlan
}{
	{factstr.AllEvents(), factstr.PlanEverything},
	{factstr.OfTypes(), factstr.PlanNothing},
	{factstr.OfTypes("a"), factstr.PlanTypes},
	{factstr.OfTypes("a", "b", "none"), factstr.PlanTypes},
	{matchingFilter(nil, `{"n":3}`), factstr.PlanTerms},
	{matchingFilter(nil, `{"n":3.0e0}`, `{"n":70}`), factstr.PlanTerms},
	{matchingFilter([]string{"a"}, `{"n":3}`), factstr.PlanTerms},
	{matchingFilter([]string{"a"}, `{}`), factstr.PlanTypes},
	{matchingFilter(nil, `{}`), factstr.PlanWalk},
	{matchingFilter(nil, `{"tags":[]}`), factstr.PlanWalk},
	{matchingFilter(nil, `{"tags":["ü",{"deep":[null]}]}`), factstr.PlanTerms},
	{factstr.OfTypes("b").Or(matchingFilter(nil, `{"n":5}`).Filters[0]), factstr.PlanTerms},
	{factstr.OfTypes("b").Or(matchingFilter(nil, `[]`).Filters[0]), factstr.PlanWalk},
}

func matchingFilter(types []string, predicates ...string) factstr.EventQuery {
	filter := factstr.EventFilter{EventTypes: types}
	for _, predicate := range predicates {
		filter.PayloadPredicates = append(filter.PayloadPredicates, []byte(predicate))
	}
	return factstr.EventQuery{Filters: []factstr.EventFilter{filter}}
}

// appendShaped appends facts that the shapes find some of.
func appendShaped(t testing.TB, store *factstr.Store, count int) {
	t.Helper()
	var batch []factstr.NewEvent
	for n := range count {
		payload := fmt.Sprintf(`{"n":%d,"tags":["ü",{"deep":[null,%d]}]}`, n%100, n)
		batch = append(batch, facttest.Fact(string(rune('a'+n%3)), payload))
	}
	for part := range slices.Chunk(batch, 300) {
		facttest.Append(t, store, part...)
	}
}

var explainTests = tests{
	{"an explanation agrees with the query, whatever its shape, cursor and limit", func(t *testing.T, log Log) {
		// G7 G8 G12 G13 G14
		for _, options := range []factstr.Options{noTail, {TailEvents: 100}, {}} {
			store := openWith(t, log, options, nil)
			for _, count := range []int{0, 30, 970} {
				if count > 0 {
					appendShaped(t, store, count)
				}
				for _, shape := range shapes {
					of := shape.query
					for _, query := range []factstr.EventQuery{
						of, of.After(40), of.AtMost(2), of.After(11).AtMost(1), of.AtMost(0),
						of.NewestFirst(), of.NewestFirst().AtMost(2), of.NewestFirst().After(11).AtMost(1),
					} {
						if explained := wantAgreement(t, store, query); explained.Plan != shape.plan {
							t.Fatalf("plan %s, want %s: %+v", explained.Plan, shape.plan, query)
						}
					}
				}
			}
			if !log.Persistent {
				return
			}
		}
	}},
	{"nothing is read for a query that nothing can match", func(t *testing.T, log Log) { // G12
		store := open(t, log)
		appendShaped(t, store, 10)
		if explained := explain(t, store, factstr.OfTypes()); len(explained.Steps) > 0 || explained.RowsRead > 0 {
			t.Fatalf("%+v", explained)
		}
	}},
	{"each way to match names its terms", func(t *testing.T, log Log) { // G12
		store := open(t, log)
		appendShaped(t, store, 10)
		query := matchingFilter([]string{"a", "b"}, `{"n":3,"o":{"p q":["x"]}}`, `true`)
		explained := explain(t, store, query)
		var got []string
		for _, alternative := range explained.Alternatives {
			for _, term := range alternative.Terms {
				got = append(got, term.Text)
			}
		}
		want := []string{
			`event_type = "a"`, `event_type = "b"`, `payload.n = 3`, `payload.o["p q"][] = "x"`,
			`event_type = "a"`, `event_type = "b"`, `payload = true`,
		}
		if !slices.Equal(got, want) || len(explained.Alternatives) != 2 {
			t.Fatalf("terms %q, want %q", got, want)
		}
	}},
	{"a query of many filters and long texts has a short explanation", func(t *testing.T, log Log) { // G18
		store := open(t, log)
		appendShaped(t, store, 10)
		query := factstr.EventQuery{}
		for n := range 500 {
			predicate := fmt.Sprintf(`{"%s":"%s"}`, strings.Repeat("k", 5000), strings.Repeat("ü", 5000))
			query.Filters = append(query.Filters, matchingFilter([]string{fmt.Sprint(n)}, predicate).Filters[0])
		}
		explained := wantAgreement(t, store, query)
		if n := len(explained.Alternatives); n > 100 || n+explained.AlternativesMore != 500 {
			t.Fatalf("%d alternatives and %d more", n, explained.AlternativesMore)
		}
		for _, alternative := range explained.Alternatives {
			for _, term := range alternative.Terms {
				if len(term.Text) > 400 {
					t.Fatalf("a term of %d bytes", len(term.Text))
				}
			}
		}
	}},
	{"what the query refuses, its explanation refuses", func(t *testing.T, log Log) { // G2
		store := openWith(t, log, factstr.Options{Limits: factstr.Limits{ResultBytesMax: 2000}}, nil)
		appendShaped(t, store, 100)
		for mentions, query := range map[string]factstr.EventQuery{
			"2000 bytes":                       factstr.AllEvents(),
			"filters[0].payload_predicates[0]": matchingFilter(nil, `{`),
			"filters[0].event_types[0]":        factstr.OfTypes("\x00"),
			"min_sequence_number":              factstr.AllEvents().After(1 << 63),
		} {
			_, err := store.Explain(t.Context(), query)
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, mentions)
		}
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := store.Explain(t.Context(), factstr.OfTypes("a"))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
	}},
}
