package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// payloadMatches asks the store whether one fact matches a predicate.
func payloadMatches(t testing.TB, store *factstr.Store, number uint64, predicate string) bool {
	t.Helper()
	result := facttest.Query(t, store, facttest.PayloadQuery(predicate).After(number-1).AtMost(1))
	return slices.Equal(facttest.Numbers(result.EventRecords), []uint64{number})
}

var matchingTests = tests{
	{"filters are alternatives, types and predicates are each alternatives and both must hold", func(t *testing.T, log Log) { // G12
		store := open(t, log)
		facttest.Append(t, store, facttest.Fact("a", `{"x":1,"y":1}`), facttest.Fact("a", `{"x":2}`),
			facttest.Fact("b", `{"x":1}`), facttest.Fact("b", `{"x":3}`), facttest.Fact("c", `{"x":2,"z":[1,2]}`))
		types := func(list ...string) []string { return append([]string{}, list...) }
		for _, c := range []struct {
			name    string
			filters []factstr.EventFilter
			want    []uint64
		}{
			{"absent filters", nil, []uint64{1, 2, 3, 4, 5}},
			{"empty filters", []factstr.EventFilter{}, []uint64{1, 2, 3, 4, 5}},
			{"a filter without conditions", []factstr.EventFilter{{}}, []uint64{1, 2, 3, 4, 5}},
			{"one type", []factstr.EventFilter{{EventTypes: types("a")}}, []uint64{1, 2}},
			{"two types", []factstr.EventFilter{{EventTypes: types("a", "c")}}, []uint64{1, 2, 5}},
			{"one predicate", []factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts(`{"x":1}`)}},
				[]uint64{1, 3}},
			{"two predicates", []factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts(`{"x":1}`, `{"x":3}`)}},
				[]uint64{1, 3, 4}},
			{"type and predicate", []factstr.EventFilter{{EventTypes: types("b", "c"),
				PayloadPredicates: facttest.JSONTexts(`{"x":1}`, `{"x":2}`)}}, []uint64{3, 5}},
			{"two filters", []factstr.EventFilter{{EventTypes: types("a"),
				PayloadPredicates: facttest.JSONTexts(`{"y":1}`)}, {EventTypes: types("c")}}, []uint64{1, 5}},
			{"present and empty types", []factstr.EventFilter{{EventTypes: types()}}, nil},
			{"present and empty predicates", []factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts()}}, nil},
			{"empty types beside a predicate", []factstr.EventFilter{{EventTypes: types(),
				PayloadPredicates: facttest.JSONTexts(`{}`)}}, nil},
			{"empty predicates beside a type", []factstr.EventFilter{{EventTypes: types("a"),
				PayloadPredicates: facttest.JSONTexts()}}, nil},
			{"an unsatisfiable filter beside another",
				[]factstr.EventFilter{{EventTypes: types()}, {EventTypes: types("b")}}, []uint64{3, 4}},
			{"an unsatisfiable filter beside an open one", []factstr.EventFilter{{EventTypes: types()}, {}},
				[]uint64{1, 2, 3, 4, 5}},
			{"types are compared exactly", []factstr.EventFilter{{EventTypes: types("A", "a ", "")}}, nil},
			{"any type beside the empty one twice",
				[]factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts(`{"x":2}`)}, {EventTypes: types("", ""), PayloadPredicates: facttest.JSONTexts(`{"x":1}`)}}, []uint64{2, 5}},
			{"the empty type twice beside any", []factstr.EventFilter{{EventTypes: types("", ""),
				PayloadPredicates: facttest.JSONTexts(`{"x":1}`)}, {PayloadPredicates: facttest.JSONTexts(`{"x":2}`)}}, []uint64{2, 5}},
		} {
			query := factstr.EventQuery{Filters: c.filters}
			result := facttest.Query(t, store, query)
			if got := facttest.Numbers(result.EventRecords); !slices.Equal(got, c.want) {
				t.Errorf("%s: rows %v, want %v", c.name, got, c.want)
			}
			// A conditional append sees the same context.
			var version *uint64
			if n := len(c.want); n > 0 {
				version = &c.want[n-1]
			}
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("never"), query, factstr.Version(1000))
			wantConflict(t, err, factstr.Version(1000), version)
		}
	}},
	{"predicates are recursive subsets", func(t *testing.T, log Log) { // G13
		store := open(t, log)
		payload := `{"name":"Ada","age":36,"none":null,"tags":["a",["b",["c"]],{"k":{"d":1,"e":2}}],"at":{"city":"Paris","zip":[7,5]},"":"empty key","a.b":"dot"}`
		number := facttest.Append(t, store, facttest.Fact("a", payload)).FirstSequenceNumber
		for predicate, want := range map[string]bool{
			`{}`: true, `{"name":"Ada"}`: true, `{"age":36,"at":{"city":"Paris"}}`: true, `{"none":null}`: true, `{"missing":null}`: false,
			`{"tags":["a"]}`: true, `{"tags":["b"]}`: false, `{"tags":[["b"]]}`: true, `{"tags":[[["c"]]]}`: true, `{"tags":[{"k":{"e":2}}]}`: true,
			`{"tags":[{"k":{"d":1}},{"k":{"e":2}}]}`: true, `{"tags":["a","a"]}`: true, `{"tags":[]}`: true, `{"tags":{}}`: false, `{"tags":"a"}`: false,
			`{"at":{}}`: true, `{"at":[]}`: false, `{"at":{"zip":[5,7]}}`: true, `{"at":{"zip":[5,7,9]}}`: false, `{"name":"ada"}`: false, `{"name":null}`: false,
			`{"":"empty key"}`: true, `{"a.b":"dot"}`: true, `{"a":{"b":"dot"}}`: false, `[]`: false, `null`: false, `"Ada"`: false,
		} {
			if got := payloadMatches(t, store, number, predicate); got != want {
				t.Errorf("%s matches: %v, want %v", predicate, got, want)
			}
		}
		for payload, predicates := range map[string]map[string]bool{
			`[1,[2,3],{"a":[1,{"b":2}]}]`: {`[]`: true, `[1]`: true, `[[3]]`: true, `[{"a":[{"b":2}]}]`: true,
				`1`: false, `[2]`: false, `{}`: false},
			`"text"`:        {`"text"`: true, `"tex"`: false, `["text"]`: false},
			`null`:          {`null`: true, `false`: false, `0`: false, `{}`: false},
			`{"d":1,"d":2}`: {`{"d":2}`: true, `{"d":1}`: false, `{"d":1,"d":2}`: true},
			`{"n":"é"}`:     {`{"n":"\u00e9"}`: true, `{"n":"e\u0301"}`: false},
		} {
			number := facttest.Append(t, store, facttest.Fact("a", payload)).FirstSequenceNumber
			for predicate, want := range predicates {
				if got := payloadMatches(t, store, number, predicate); got != want {
					t.Errorf("%s in %s matches: %v, want %v", predicate, payload, got, want)
				}
			}
		}
	}},
	{"numbers compare by exact decimal value", func(t *testing.T, log Log) { // G14
		store := open(t, log)
		groups := [][]string{
			{`1`, `1.0`, `1e0`, `10e-1`, `0.1E+1`}, {`0`, `-0`, `0.0`, `-0e10`, `0e-300`}, {`-1`,
				`-1.000`}, {`9007199254740993`, `9007199254740993.0`}, {`9007199254740992`, `9.007199254740992e15`},
			{`0.1`, `1e-1`}, {`0.1000000000000000055511151231257827`}, {`123456789012345678901234567890`,
				`1.2345678901234567890123456789e29`}, {`123456789012345678901234567891`}, {`1e300`, `10e299`}, {`1e-300`},
		}
		for i, group := range groups {
			number := facttest.Append(t, store, facttest.Fact("number", `{"n":[`+group[0]+`]}`)).FirstSequenceNumber
			for j, other := range groups {
				for _, spelling := range other {
					if got := payloadMatches(t, store, number, `{"n":[`+spelling+`]}`); got != (i == j) {
						t.Errorf("%s equals %s: %v", spelling, group[0], got)
					}
				}
			}
		}
	}},
	{"many predicates together decide as each alone", func(t *testing.T, log Log) { // G12 G13
		store := open(t, log)
		var predicates []string
		for i := range 300 {
			facttest.Append(t, store, facttest.Fact("hash", fmt.Sprintf(`{"hash":"h%d","files":[{"path":"p%d"},{"path":"q"}]}`, i, i%10)))
			predicates = append(predicates, fmt.Sprintf(`{"hash":"h%d"}`, 7*i))
		}
		var want []uint64
		for i := uint64(0); i < 300; i += 7 {
			want = append(want, i+1)
		}
		wantResult(t, store, facttest.PayloadQuery(predicates...), want, &want[len(want)-1])
		result := facttest.Query(t, store, facttest.PayloadQuery(`{"files":[{"path":"p3"}]}`,
			`{"files":[{"path":"p4"},{"path":"q"}]}`, `{"files":[{"path":"p5","mode":1}]}`))
		if len(result.EventRecords) != 60 {
			t.Fatalf("%d rows, want 60", len(result.EventRecords))
		}
	}},
	{"queries at the limits of the contract are answered", func(t *testing.T, log Log) { // G12
		store := open(t, log)
		mixed(t, store)
		types, predicates := []string{"a"}, []string{strings.Repeat("[", factstr.NestingMax) + strings.Repeat("]",
			factstr.NestingMax)}
		for i := range factstr.TypesMax - 1 {
			types = append(types, fmt.Sprint("none ", i))
		}
		for i := range factstr.PredicatesMax - 1 {
			predicates = append(predicates, fmt.Sprintf(`{"at":%d}`, 2+i*3))
		}
		wantResult(t, store, factstr.OfTypes(types...), []uint64{1, 3, 5, 7, 9}, factstr.Version(9))
		wantResult(t, store, facttest.PayloadQuery(predicates...), []uint64{4, 7}, factstr.Version(7))
		filters := slices.Repeat([]factstr.EventFilter{{EventTypes: []string{"b"}}}, factstr.FiltersMax)
		wantResult(t, store, factstr.EventQuery{Filters: filters}, []uint64{2, 4, 6, 8, 10}, factstr.Version(10))
	}},
}
