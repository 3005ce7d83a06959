package sqlite

import (
	"fmt"
	"reflect"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G8 G11: an answer without waiting equals that of Query, also after another store has appended. A
// query that would have to read below the tail gets no answer.
func TestAQueryIsAnsweredAtOnceFromTheTailAlone(t *testing.T) {
	path := newPath(t)
	facttest.Append(t, openStore(t, path), facttest.Batch(20, "old")...)
	store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: 10}})
	other := openStore(t, path)
	queries := map[string]factstr.EventQuery{
		"the end": factstr.AllEvents().After(20), "nothing": {Filters: []factstr.EventFilter{{EventTypes: []string{}}}}, "a page": factstr.AllEvents().After(21).AtMost(1),
		"the newest":           factstr.AllEvents().NewestFirst().AtMost(1),
		"the newest of a type": factstr.OfTypes("new").NewestFirst().AtMost(1), "no newest ones": factstr.OfTypes("new").NewestFirst().After(23),
		"no rows of a new type": factstr.OfTypes("new").AtMost(0), "new ones": factstr.OfTypes("new").After(20), "what the cursor has passed": factstr.OfTypes("new").After(23),
	}
	below := map[string]factstr.EventQuery{
		"all backwards": factstr.AllEvents().NewestFirst(), "more than the tail": factstr.OfTypes("new").NewestFirst().AtMost(30),
		"all": factstr.AllEvents(), "a type that is old": factstr.OfTypes("old").After(21), "no rows of an old type": factstr.OfTypes("old").AtMost(0),
	}
	for range 3 {
		facttest.Append(t, store, facttest.Fact("new", `{}`))
		facttest.All(t, store) // which leaves an idle connection
		for name, query := range queries {
			got, ok, err := store.QueryAtOnce(query)
			if want := facttest.Query(t, store, query); !ok || err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v, %v; want %+v", name, got, ok, err, want)
			}
		}
		for name, query := range below {
			if got, ok, err := store.QueryAtOnce(query); ok {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	}
	facttest.Append(t, other, facttest.Fact("new", `{}`))
	if got, ok, err := store.QueryAtOnce(queries["the end"]); ok {
		t.Errorf("another store has appended: %+v, %v", got, err)
	}
	if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, queries["the end"]).EventRecords)); got != "[21 22 23 24]" {
		t.Error(got)
	}
	if _, ok, err := store.QueryAtOnce(facttest.PayloadQuery(`{`)); !ok || factstr.CodeOf(err) != factstr.CodeInvalidArgument {
		t.Errorf("%v, %v", ok, err)
	}
	facttest.Close(t, store)
	if _, ok, err := store.QueryAtOnce(queries["the end"]); !ok || factstr.CodeOf(err) != factstr.CodeStoreClosed {
		t.Errorf("%v, %v", ok, err)
	}
}
