package sqlite

import (
	"fmt"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G9 G11 G12: whether a fact is found does not depend on where it is read from. A type that another
// program stored as bytes is that text. NULL is not a type, and is reported to those who ask for
// any.
func TestATypeStoredAsBytesIsFoundEverywhereAlike(t *testing.T) {
	many := func(types ...string) factstr.EventQuery {
		return factstr.OfTypes(append(types, "1", "2", "3", "4", "5", "6", "7", "8", "9")...)
	}
	for name, c := range map[string]struct {
		expression string // of the type that is stored
		eventType  string // that asks for it
		found      bool
		readable   bool // by those who ask for any type
	}{
		"text":                   {"'b'", "b", true, true},
		"bytes":                  {"CAST('b' AS BLOB)", "b", true, true},
		"no bytes":               {"x''", "", true, true},
		"empty":                  {"''", "", true, true},
		"bytes of another":       {"CAST('bb' AS BLOB)", "b", false, true},
		"longer by a NUL":        {"'b' || char(0)", "b", false, true},
		"bytes, longer by a NUL": {"CAST('b' || char(0) AS BLOB)", "b", false, true},
		"a number":               {"12", "12", true, true},
		"not UTF-8":              {"CAST(x'62ff' AS TEXT)", "b\ufffd", false, false},
		"bytes that are not":     {"x'62ff'", "b\ufffd", false, false},
		"NULL":                   {"NULL", "", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			for place, options := range map[string]factstr.Options{"memory": {}, "the file": {TailEvents: -1}} {
				for _, open := range []bool{true, false} { // while the row comes
					path := newPath(t)
					facttest.Close(t, openStore(t, path))
					raw := openRaw(t, path)
					raw.exec(copyOf("events", " NOT NULL", ""))
					store := openStoreWith(t, path, Options{Options: options})
					facttest.Append(t, store, facttest.Batch(3, "a")...)
					if !open {
						facttest.Close(t, store)
					}
					raw.exec("INSERT INTO events VALUES (4, '" + someTime + "', " + c.expression + ", '{\"k\":4}'), (5, '" + someTime + "', 'a', '{}')")
					if !open {
						store = openStoreWith(t, path, Options{Options: options})
					}
					want, version := "[]", "none"
					if c.found {
						want, version = "[4]", "4"
					}
					for _, query := range []factstr.EventQuery{factstr.OfTypes(c.eventType), many(c.eventType)} {
						result := facttest.Query(t, store, query)
						if got := fmt.Sprint(facttest.Numbers(result.EventRecords)); got != want {
							t.Errorf("from %s: %s, want %s", place, got, want)
						}
						if c.found && string(result.EventRecords[0].EventType) != c.eventType {
							t.Errorf("from %s: %q", place, result.EventRecords[0].EventType)
						}
						if got := facttest.VersionText(facttest.Query(t, store, query.AtMost(0)).CurrentContextVersion); got != version {
							t.Errorf("from %s: version %s, want %s", place, got, version)
						}
						if got := fmt.Sprint(slices.Concat(compattest.Replayed(t, store, fmt.Sprint(len(query.Filters[0].EventTypes)), query)...)); got != want {
							t.Errorf("from %s: replay %s, want %s", place, got, want)
						}
						_, err := store.AppendIf(t.Context(), facttest.Batch(1, "c"), query, nil)
						if c.found {
							facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
						} else if err != nil {
							t.Errorf("from %s: %v", place, err)
						}
					}
					for _, query := range []factstr.EventQuery{factstr.AllEvents().After(3), facttest.PayloadQuery(`{"k":4}`)} {
						result, err := store.Query(t.Context(), query)
						if !c.readable {
							facttest.WantError(t, err, factstr.CodeCorrupt, "event 4", "event_type")
						} else if err != nil || result.EventRecords[0].SequenceNumber != 4 {
							t.Errorf("from %s: %v %v", place, result, err)
						}
					}
				}
			}
		})
	}
}
