package sqlite

import (
	"fmt"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
)

// G21: a cursor that is not a number is reported, never taken for one.
func TestACursorThatIsNoNumberIsCorrupt(t *testing.T) {
	path := newPath(t)
	usedStore(t, path)
	openRaw(t, path).exec("UPDATE subscriber_cursors SET last_processed_sequence_number = 'three'")
	store := openStore(t, path)
	_, err := sharetest.Register(store, "projection")
	facttest.WantError(t, err, factstr.CodeCorrupt, "projection", "subscriber_cursors")
	if _, err = sharetest.Register(store, "another"); err != nil {
		t.Error(err)
	}
}

// G22: a cursor row that was reset or lost together with its query is a new one, whatever the side
// table remembers.
func TestANameWhoseCursorRowIsGoneStartsAnew(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(1, "b")...)
	if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("a")); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	raw := openRaw(t, path)
	raw.exec("DELETE FROM subscriber_cursors")
	for range 2 {
		raw.exec("UPDATE subscriber_cursors SET last_processed_sequence_number = 0")
		if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("b")); len(got) != 1 || got[0][0] != "2" {
			t.Fatalf("%v", got)
		}
	}
	// The side table can be lost: it only remembers generations and exact numbers.
	raw.exec("DROP TABLE factstr_durable_streams")
	if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("b")); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}

// G19: a cursor below 0 stands before the first fact, not beyond the last.
func TestACursorBelowZeroIsAtTheBeginning(t *testing.T) {
	path := newPath(t)
	usedStore(t, path)
	openRaw(t, path).exec("UPDATE subscriber_cursors SET last_processed_sequence_number = -5")
	if got := fmt.Sprint(compattest.Replayed(t, openStore(t, path), "projection", factstr.AllEvents())); got != "[[1] [2 3]]" {
		t.Errorf("replayed %s", got)
	}
}
