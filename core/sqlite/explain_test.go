package sqlite

import (
	"encoding/json"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

func TestTheRarestTermDrivesAQueryThatTheIndexAnswers(t *testing.T) { // G12
	indexAlways(t, 50)
	store := openWithoutTail(t, newPath(t))
	AppendCourses(t, store, 0, 600)
	awaitIndex(t, store)
	query := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"type1"},
		PayloadPredicates: []json.RawMessage{
			json.RawMessage(`{"course":"c3","text":"Äää 3","seats":[{"row":3}]}`), json.RawMessage(`{"text":"Äää45"}`),
		}}}}
	explained, err := store.Explain(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	if explained.Plan != factstr.PlanTerms || len(explained.Steps) == 0 ||
		explained.Steps[0].Access != factstr.AccessTerms {
		t.Fatalf("%+v", explained)
	}
	if explained.RowsRead > 3 || explained.Matches != 1 || len(explained.Alternatives) != 2 {
		t.Fatalf("%d rows read for %d matches: %+v", explained.RowsRead, explained.Matches, explained)
	}
	for i, want := range []string{`payload.text = "Äää 3"`, `payload.text = "Äää45"`} {
		for _, term := range explained.Alternatives[i].Terms {
			if term.Facts == nil || term.Drives != (term.Text == want) {
				t.Errorf("%+v; %s is to drive", term, want)
			}
			if term.Text == `event_type = "type1"` && *term.Facts != 150 {
				t.Errorf("%d facts have %s, want 150", *term.Facts, term.Text)
			}
		}
	}
}

func TestAWalkShowsThatTheIndexHasNotComeSoFar(t *testing.T) { // G12
	store := openWithoutTail(t, newPath(t))
	AppendCourses(t, store, 0, 100) // which are not indexed
	explained, err := store.Explain(t.Context(), PayloadQuery(`{"course":"c3"}`))
	if err != nil {
		t.Fatal(err)
	}
	if explained.Plan != factstr.PlanTerms || len(explained.Steps) != 1 ||
		explained.Steps[0].Access != factstr.AccessWalk || explained.RowsRead != 100 {
		t.Fatalf("%+v", explained)
	}
	for _, term := range explained.Alternatives[0].Terms {
		if term.Facts != nil || term.Drives {
			t.Errorf("%+v", term)
		}
	}
}
