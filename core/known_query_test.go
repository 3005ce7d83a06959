package factstr_test

import (
	"errors"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
)

// G12: a query with a plan that gets other filters is another query.
func TestAQueryWithAPlanIsWhatItsFiltersSay(t *testing.T) {
	store, err := memory.Open(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close(t.Context()) }()
	for _, eventType := range []string{"a", "b", "c"} {
		if _, err := store.Append(t.Context(), []factstr.NewEvent{{EventType: eventType,
			Payload: []byte(`{"n":1}`)}}); err != nil {
			t.Fatal(err)
		}
	}
	known := store.WithPlan(factstr.OfTypes("a"))
	replaced := known
	replaced.Filters = []factstr.EventFilter{{EventTypes: []string{"b"}}}
	all := known
	all.Filters = nil
	for _, c := range []struct {
		name  string
		query factstr.EventQuery
		want  int
	}{
		{"as it was", known, 1},
		{"with a cursor", known.After(1), 0},
		{"with an alternative", known.Or(factstr.EventFilter{EventTypes: []string{"b"}}), 2},
		{"with a predicate", known.Where(map[string]int{"n": 2}), 0},
		{"in a union", factstr.AnyOf(known, factstr.OfTypes("c")), 2},
		{"with other filters", replaced, 1},
		{"without filters", all, 3},
		{"everything", store.WithPlan(factstr.AllEvents()), 3},
		{"nothing", store.WithPlan(factstr.OfTypes()), 0},
	} {
		result, err := store.Query(t.Context(), c.query)
		if err != nil || len(result.EventRecords) != c.want {
			t.Errorf("%s: %v, %v; want %d facts", c.name, result, err, c.want)
		}
	}
	if result, err := store.Query(t.Context(), replaced); err != nil || result.EventRecords[0].EventType != "b" {
		t.Errorf("other filters: %v, %v", result, err)
	}
	if _, err := store.Query(t.Context(), known.After(factstr.SequenceMax+1)); !errors.Is(err,
		factstr.CodeInvalidArgument) {
		t.Errorf("a cursor that is too high: %v", err)
	}
	wrong := store.WithPlan(factstr.OfTypes("\x00"))
	if _, err := store.Query(t.Context(), wrong); !errors.Is(err, factstr.CodeInvalidArgument) {
		t.Errorf("a query that is refused: %v", err)
	}
}
