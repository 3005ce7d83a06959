package sqlite

import (
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// G8 G12: a large database answers at once, its log tells how far the index is, and closing does
// not wait until it is built.
func TestTheFirstIndexOfALargeDatabaseIsTold(t *testing.T) {
	indexRest(t, 0)
	path, facts := newPath(t), 3000
	first := openWithoutTail(t, path)
	AppendCourses(t, first, 0, facts)
	Close(t, first)
	usual := sizesOfIndex
	sizesOfIndex.far, sizesOfIndex.segmentFacts = 1000, 100
	t.Cleanup(func() { sizesOfIndex = usual })
	for _, closed := range []bool{true, false} {
		records, logger := NewRecords()
		store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
		if n := len(Query(t, store, PayloadQuery(`{"course":"c3"}`)).EventRecords); n != facts/7 && n != facts/7+1 {
			t.Fatalf("%d facts", n)
		}
		building := records.Await(t, factstr.LogIndexBuilding, 1)[0]
		if closed {
			begun := time.Now()
			Close(t, store)
			if waited := time.Since(begun); waited > 2*time.Second {
				t.Errorf("closing waited %v for the index", waited)
			}
			continue
		}
		awaitIndex(t, store)
		built := records.Await(t, factstr.LogIndexBuilt, 1)[0]
		if building.Attributes["through"] != built.Attributes["through"] {
			t.Errorf("%v, then %v", building, built)
		}
	}
}

// G12: what was indexed before is asked from the first query after an opening on.
func TestTheIndexIsAskedByTheFirstQueryAfterALaterOpening(t *testing.T) {
	indexAlways(t, 100)
	path := newPath(t)
	first := openWithoutTail(t, path)
	AppendCourses(t, first, 0, 1000)
	awaitIndex(t, first)
	Close(t, first)
	later := openWithoutTail(t, path)
	explained, err := later.Explain(t.Context(), PayloadQuery(`{"no":"fact has this"}`))
	if err != nil || explained.RowsRead > 200 || explained.Steps[0].Access != factstr.AccessTerms {
		t.Fatalf("%+v, %v", explained, err)
	}
}
