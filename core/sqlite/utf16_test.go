package sqlite

import (
	"fmt"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// openUTF16 makes a database that stores text in an encoding.
func openUTF16(t testing.TB, path, encoding string) rawSQL {
	raw := openRaw(t, path)
	raw.exec("PRAGMA encoding = '" + encoding + "'")
	raw.exec("CREATE TABLE first (n)")
	return raw
}

func TestAFileOfUTF16TextWorks(t *testing.T) { // G1
	for _, encoding := range []string{"UTF-16le", "UTF-16be"} {
		path := newPath(t)
		openUTF16(t, path, encoding)
		store := openStore(t, path)
		facttest.Append(t, store, facttest.Fact("Überweisung 送金 🎉", `{"note":"🎉 \u2028"}`))
		facttest.Close(t, store)
		store = openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1}})
		for _, query := range []factstr.EventQuery{factstr.AllEvents(), factstr.OfTypes("Überweisung 送金 🎉")} {
			records := facttest.Query(t, store, query).EventRecords
			if len(records) != 1 || records[0].EventType != "Überweisung 送金 🎉" || string(records[0].Payload) != `{"note":"🎉 \u2028"}` {
				t.Errorf("%s: %+v", encoding, records)
			}
		}
	}
}

// G9 G12: a surrogate without its other half is read as another character, which the index does not
// know. Such a type matches no query, in memory as in the file.
func TestATypeThatIsNoUTF16IsNoneEverywhere(t *testing.T) {
	path := newPath(t)
	raw := openUTF16(t, path, "UTF-16le")
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw.exec("INSERT INTO events VALUES (2, 't', CAST(x'610000d862006300' AS TEXT), '{}'), (3, 't', x'62', '{}')")
	const readAs = "a\U0001062c"
	for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
		store := openStoreWith(t, path, Options{Options: options})
		for _, query := range []factstr.EventQuery{factstr.OfTypes(readAs), factstr.OfTypes(readAs, "1", "2", "3", "4", "5", "6", "7", "8")} {
			if got := facttest.Numbers(facttest.Query(t, store, query).EventRecords); len(got) != 0 {
				t.Errorf("found %v", got)
			}
		}
		_, err := store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeCorrupt, "event 2", "event_type", "UTF-16")
		if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, factstr.OfTypes("b")).EventRecords)); got != "[3]" {
			t.Errorf("bytes: %s", got)
		}
	}
}
