package factstr

import (
	"encoding/json"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// G12: what a plan admits is what its terms propose.
func TestAPlanAsksAnIndexForWhatItAdmits(t *testing.T) {
	const seed terms.Seed = 7
	fact := seed.Append(nil, "a", []byte(`{"id":1}`))
	for name, c := range map[string]struct {
		filters           []EventFilter
		everything        bool
		parts, types, ids int // of the first part
	}{
		"everything":  {nil, true, 0, 0, 0},
		"any fact":    {[]EventFilter{{EventTypes: []string{"a"}}, {}}, true, 0, 0, 0},
		"nothing":     {[]EventFilter{{EventTypes: []string{}}}, false, 0, 0, 0},
		"a type":      {[]EventFilter{{EventTypes: []string{"a"}}, {PayloadPredicates: []json.RawMessage{}}}, false, 1, 1, 0},
		"a predicate": {[]EventFilter{{PayloadPredicates: []json.RawMessage{json.RawMessage(`{"id":1.0}`)}}}, false, 1, 0, 1},
		"both, and others": {[]EventFilter{{EventTypes: []string{"a"}, PayloadPredicates: []json.RawMessage{json.RawMessage(`{"id":1e0}`), json.RawMessage(`{}`)}},
			{EventTypes: []string{"b"}}}, false, 3, 1, 1},
	} {
		plan, err := compilePlan(EventQuery{Filters: c.filters})
		if err != nil {
			t.Fatal(err)
		}
		q := plan.TermQuery(seed)
		if q.Everything != c.everything || len(q.Any) != c.parts {
			t.Errorf("%s: %+v", name, q)
		}
		if c.parts == 0 {
			continue
		}
		part := q.Any[0]
		if len(part.Types) != c.types || len(part.Terms) != c.ids || c.types > 0 && part.Types[0] != fact[0] || c.ids > 0 && part.Terms[0] != fact[1] {
			t.Errorf("%s: %+v, the fact has %v", name, part, fact)
		}
	}
}
