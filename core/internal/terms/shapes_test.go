package terms

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/internal/match"
)

// proposes reports whether an index of exact terms proposes a fact that has them.
func (q Query) proposes(of []Term) bool {
	if q.Everything {
		return true
	}
	has := func(term Term) bool { return slices.Contains(of, term) }
	return slices.ContainsFunc(q.Any, func(p Part) bool {
		if p.Types != nil && !slices.ContainsFunc(p.Types, has) {
			return false
		}
		return !slices.ContainsFunc(p.Terms, func(term Term) bool { return !has(term) })
	})
}

func filter(types []string, predicates ...string) Filter {
	f := Filter{Types: types}
	for _, predicate := range predicates {
		f.Predicates = append(f.Predicates, []byte(predicate))
	}
	return f
}

func of(types ...string) []string { return types }

// matches decides a fact as core does.
func (f *Filter) matches(t testing.TB, eventType string, payload []byte) bool {
	t.Helper()
	if f.Types != nil && !slices.Contains(f.Types, eventType) {
		return false
	}
	if f.Predicates == nil {
		return true
	}
	compiled, err := match.CompileAny(f.Predicates)
	if err != nil {
		t.Fatal(err)
	}
	work := match.WorkUntil(nil, match.Unlimited)
	return compiled.MatchWithin(payload, &work)
}

const testSeed Seed = 0x5eed

func nested(levels int, inner string) string {
	open := []string{`{"a":`, "["}
	text := inner
	for i := range levels {
		text = open[i%2] + text + []string{"}", "]"}[i%2]
	}
	return text
}

func TestEveryShapeOfAQueryProposesTheFactsThatMatch(t *testing.T) { // G12 G13 G14
	for name, c := range map[string]struct {
		filters []Filter
		payload string // of a fact of type "a"
		wider   string // is proposed though it does not match; empty if the query is exact here
		other   string // is not proposed
	}{
		"one type":                   {filters: []Filter{filter(of("a"))}, payload: "1"},
		"one of types":               {filters: []Filter{filter(of("b", "a", "c"))}, payload: "1"},
		"one predicate":              {filters: []Filter{filter(nil, `{"id":7}`)}, payload: `{"id":7}`, other: `{"id":8}`},
		"one of predicates":          {filters: []Filter{filter(nil, `{"id":1}`, `{"id":7}`)}, payload: `{"x":0,"id":7}`, other: `{"id":8}`},
		"type and predicate":         {filters: []Filter{filter(of("a"), `{"id":7}`)}, payload: `{"id":7}`, other: `{}`},
		"one of filters":             {filters: []Filter{filter(of("b")), filter(of("c"), `{}`), filter(of("a"), `{"id":7}`)}, payload: `{"id":7}`, other: `{}`},
		"an empty filter beside one": {filters: []Filter{filter([]string{}), filter(nil, `{"id":7}`)}, payload: `{"id":7}`, other: `{}`},
		"an empty object":            {filters: []Filter{filter(nil, `{}`)}, payload: `{"id":7}`, wider: `1`},
		"an empty object, a type":    {filters: []Filter{filter(of("a"), `{}`)}, payload: `{}`, wider: `1`},
		"an empty array":             {filters: []Filter{filter(nil, `[]`)}, payload: `[1]`, wider: `{}`},
		"empty containers inside":    {filters: []Filter{filter(nil, `{"a":{},"b":[],"id":7}`)}, payload: `{"id":7,"a":{"x":1},"b":[2]}`, wider: `{"id":7}`, other: `{"a":{},"b":[]}`},
		"an element":                 {filters: []Filter{filter(nil, `["x"]`)}, payload: `[1,"x",{}]`, other: `["y","xx"]`},
		"an element, no scalar":      {filters: []Filter{filter(nil, `["x"]`)}, payload: `["x"]`, other: `"x"`},
		"a scalar, no element":       {filters: []Filter{filter(nil, `"x"`)}, payload: `"x"`, other: `["x"]`},
		"an array in an array":       {filters: []Filter{filter(nil, `[[1]]`)}, payload: `[[2],[0,1]]`, other: `[1]`},
		"elements of two arrays":     {filters: []Filter{filter(nil, `[[1,2]]`)}, payload: `[[2,1]]`, wider: `[[1],[2]]`, other: `[[1]]`},
		"elements repeated":          {filters: []Filter{filter(nil, `[1,1.0,[],1]`)}, payload: `[[],1]`, wider: `[1]`, other: `[[1]]`},
		"objects in an array":        {filters: []Filter{filter(nil, `{"of":[{"k":"v","n":1}]}`)}, payload: `{"of":[{},{"n":1,"k":"v"}]}`, wider: `{"of":[{"n":1},{"k":"v"}]}`, other: `{"of":{"n":1,"k":"v"}}`},
		"a deep path":                {filters: []Filter{filter(nil, `{"a":{"b":{"c":{"d":null}}}}`)}, payload: `{"a":{"b":{"c":{"e":1,"d":null}}}}`, other: `{"a":{"b":{"c":{"d":false}}}}`},
		"127 levels":                 {filters: []Filter{filter(nil, nested(127, `"x"`))}, payload: nested(127, `"x"`), other: nested(127, `"y"`)},
		"127 levels, 5000 in the payload": {filters: []Filter{filter(nil, `{"id":7,"deep":`+nested(126, `[]`)+`}`)}, payload: `{"deep":` + nested(126, nested(4874, `[]`)) + `,"id":7}`,
			other: `{"deep":` + nested(5000, `"x"`) + `,"id":8}`},
		"130 levels are not looked into": {filters: []Filter{filter(nil, nested(130, `"x"`))}, payload: nested(130, `"x"`), wider: nested(130, `"y"`)},
		"null":                           {filters: []Filter{filter(nil, `{"v":null}`)}, payload: `{"v":null}`, other: `{"v":"null"}`},
		"true":                           {filters: []Filter{filter(nil, `{"v":true}`)}, payload: `{"v":true}`, other: `{"v":false}`},
		"a number is no string":          {filters: []Filter{filter(nil, `{"v":1}`)}, payload: `{"v":1}`, other: `{"v":"1"}`},
		"empty key and string":           {filters: []Filter{filter(nil, `{"":""}`)}, payload: `{"":""}`, other: `{"":" "}`},
		"white space":                    {filters: []Filter{filter(nil, " { \"a\" : [ 1 , { \"b\" : 2 } ] } ")}, payload: "\n{\t\"a\":[{\"b\":2 }\r, 1 ]} ", other: `{"a":[2]}`},
		"escapes":                        {filters: []Filter{filter(nil, `{"\u0061\/":"\"\\\b\n\u00e9"}`)}, payload: `{"a/":"\u0022\u005c\u0008\u000aé"}`, other: `{"a/":"e"}`},
		"a surrogate pair":               {filters: []Filter{filter(nil, `{"🚀":"\ud83d\ude80"}`)}, payload: `{"\uD83D\uDE80":"🚀"}`, other: `{"🚀":"\ud83d"}`},
		"a lone surrogate":               {filters: []Filter{filter(nil, `{"v":"\ud83d"}`)}, payload: `{"v":"\uD83D"}`, other: `{"v":"\ude80"}`},
		"no normalization":               {filters: []Filter{filter(nil, `{"v":"\u00e9"}`)}, payload: `{"v":"é"}`, other: "{\"v\":\"e\u0301\"}"},
		"a long escaped string": {filters: []Filter{filter(nil, `"`+strings.Repeat(`\u00e9`, 5000)+`"`)}, payload: `"` + strings.Repeat(`é`, 5000) + `"`,
			other: `"` + strings.Repeat(`é`, 4999) + `"`},
		"a key twice in the predicate":         {filters: []Filter{filter(nil, `{"k":1,"\u006b":2}`)}, payload: `{"k":2}`, other: `{"k":1}`},
		"a key thrice, containers":             {filters: []Filter{filter(nil, `{"k":{"x":1},"j":0,"k":[1,2],"k":{"y":[3]},"l":4}`)}, payload: `{"j":0,"k":{"y":[3]},"l":4}`, other: `{"j":0,"k":{"x":1},"l":4}`},
		"a key twice, then an empty container": {filters: []Filter{filter(nil, `{"k":[1,2],"k":{}}`)}, payload: `{"k":{"z":1}}`, wider: `{"k":7}`},
		"a key twice within an array":          {filters: []Filter{filter(nil, `[{"k":1},{"k":1,"k":2},{"k":3,"k":1}]`)}, payload: `[{"k":1},{"k":2}]`, other: `[{"k":1}]`},
		"a key twice in the payload":           {filters: []Filter{filter(nil, `{"k":2}`)}, payload: `{"k":1,"k":2}`, wider: `{"k":2,"k":1}`, other: `{"k":3}`},
		"a key twice behind 64 terms":          {filters: []Filter{filter(nil, `{"k":-1,`+members(100)[1:len(members(100))-1]+`,"k":-2}`)}, payload: `{"k":-2,` + members(100)[1:], other: `{"k":-1,` + members(50)[1:]},
		"more than 64 terms":                   {filters: []Filter{filter(nil, members(300))}, payload: members(300), wider: members(64), other: members(63)},
	} {
		t.Run(name, func(t *testing.T) {
			q := testSeed.Query(c.filters)
			matches := func(payload string) bool {
				return slices.ContainsFunc(c.filters, func(f Filter) bool { return f.matches(t, "a", []byte(payload)) })
			}
			proposes := func(payload string) bool { return q.proposes(testSeed.Append(nil, "a", []byte(payload))) }
			if !matches(c.payload) || !proposes(c.payload) {
				t.Errorf("%.60s: matches %v, is proposed: %v", c.payload, matches(c.payload), proposes(c.payload))
			}
			if c.wider != "" && (matches(c.wider) || !proposes(c.wider)) {
				t.Errorf("wider %.60s: matches %v, is proposed: %v", c.wider, matches(c.wider), proposes(c.wider))
			}
			if c.other != "" && (matches(c.other) || proposes(c.other)) {
				t.Errorf("other %.60s: matches %v, is proposed: %v", c.other, matches(c.other), proposes(c.other))
			}
			for _, f := range c.filters {
				if f.Types != nil && q.Everything {
					t.Error("a type narrows nothing")
				}
			}
		})
	}
}

func members(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `,"k%d":%d`, i, i)
	}
	return "{" + text.String()[1:] + "}"
}

func TestWhatTermsCannotNarrowIsEverythingAndWhatIsEmptyIsNothing(t *testing.T) { // G12
	for name, filters := range map[string][]Filter{
		"neither side":     {{}},
		"{}":               {filter(nil, `{}`)},
		"[] beside others": {filter(of("a")), filter(nil, `{"id":1}`, `[{"a":{}}]`)},
	} {
		if q := testSeed.Query(filters); !q.Everything || len(q.Any) > 0 {
			t.Errorf("%s: %+v", name, q)
		}
	}
	for name, filters := range map[string][]Filter{
		"no filter":     nil,
		"no type":       {filter([]string{}), filter([]string{}, `{"id":1}`)},
		"no predicates": {{Predicates: [][]byte{}}, {Types: of("a"), Predicates: [][]byte{}}},
	} {
		if q := testSeed.Query(filters); q.Everything || len(q.Any) > 0 {
			t.Errorf("%s: %+v", name, q)
		}
	}
}

// G14: each line is one number.
func TestEverySpellingOfANumberHasOneTerm(t *testing.T) {
	zeros := strings.Repeat("0", 5000)
	lines := [][]string{
		{"0", "-0", "0.0", "0e5", "-0.000e-7", "0e99999999999999999999"},
		{"1", "1.0", "1e0", "10e-1", "0.1E+1", "1E000", "1" + zeros + "e-5000", "0." + zeros + "1e5001"},
		{"-1", "-1.00", "-10e-1"},
		{"100", "1e2", "1E+2", "100.0"},
		{"9007199254740992", "9007199254740992.0", "9007199254740.992e3"}, {"9007199254740993"},
		{"123456789012345678", "1234567890123456780e-1"}, {"1234567890123456789", "1.234567890123456789e18"},
		{"1e5000", "10e4999", "1" + zeros}, {"1e5001", "0.1e5002", "1" + zeros + "0"}, {"1e-5001", "0." + zeros + "1"},
		{"1e999999999", "10e999999998"}, {"1e-999999999"},
		{"1e99999999999999999999", "0.1e100000000000000000000"}, {"1e-99999999999999999999"},
	}
	known := map[Term]string{}
	for _, line := range lines {
		var first Term
		for i, spelling := range line {
			term := testSeed.Append(nil, "a", []byte(`{"v":`+spelling+`}`))[1]
			if i == 0 {
				first = term
				if other, taken := known[term]; taken {
					t.Errorf("%.30s has the term of %.30s", spelling, other)
				}
				known[term] = spelling
			}
			if term != first {
				t.Errorf("%.30s and %.30s have different terms", line[0], spelling)
			}
			if wanted := testSeed.ofPredicate([]byte(`{"v":` + spelling + `}`)); len(wanted) != 1 || wanted[0] != first {
				t.Errorf("the predicate %.30s has other terms", spelling)
			}
		}
	}
}
