package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Rows that another program stored. JSON is read, however it is spelled. Anything else is reported,
// never skipped.

func storeWithRow(t testing.TB, options factstr.Options, occurredAt, eventType, payload any) (path string, store *factstr.Store) {
	t.Helper()
	path = newPath(t)
	first := openStore(t, path)
	facttest.Append(t, first, facttest.Batch(3, "good")...)
	facttest.Close(t, first)
	raw := openRaw(t, path)
	raw.exec("INSERT INTO events VALUES (4, ?, ?, ?)", occurredAt, eventType, payload)
	raw.exec("INSERT INTO events VALUES (5, '2026-01-01T00:00:00Z', 'good', '{\"at\":5}')")
	raw.close()
	return path, openStoreWith(t, path, Options{Options: options})
}

const someTime = "2026-01-01T00:00:00.000000Z"

// G1: a row that cannot be read is named, and whatever does not need it goes on: the store opens,
// appends and answers queries for other facts.
func TestAPayloadThatIsNoJSONIsCorruptByNumberAndNothingElseIsRefused(t *testing.T) {
	for name, options := range map[string]factstr.Options{"a tail in memory": {}, "no tail": {TailEvents: -1}} {
		for _, payload := range []string{"", "{", "01", "NaN", "{'a':1}", "\ufeff{}", "nul", "1 2"} {
			t.Run(name+" "+payload, func(t *testing.T) {
				_, store := storeWithRow(t, options, someTime, "bad", payload)
				if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, factstr.OfTypes("good")).EventRecords)); got != "[1 2 3 5]" {
					t.Errorf("other types: %s", got)
				}
				if got := facttest.Append(t, store, facttest.Batch(2, "good")...); got.FirstSequenceNumber != 6 {
					t.Errorf("append: %+v", got)
				}
				if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "good"), factstr.OfTypes("good"), factstr.Version(7)); err != nil {
					t.Errorf("append_if of another context: %v", err)
				}
				for _, bad := range []factstr.EventQuery{factstr.AllEvents(), factstr.OfTypes("bad"), factstr.AllEvents().After(3).AtMost(1)} {
					_, err := store.Query(t.Context(), bad)
					facttest.WantError(t, err, factstr.CodeCorrupt, "event 4")
				}
				if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, factstr.AllEvents().After(4).AtMost(2)).EventRecords)); got != "[5 6]" {
					t.Errorf("behind the row: %s", got)
				}
				// A durable stream handles what is before the row, and ends there with the reason.
				got := facttest.NewDeliveries(t)
				stream := facttest.DurableStream(t, store, "projection", factstr.AllEvents(), got)
				facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeCorrupt, "event 4")
				if batches := fmt.Sprint(got.SoFar()); batches != "[]" && batches != "[[1 2 3]]" {
					t.Errorf("delivered %s", batches)
				}
				if cursor := stream.Progress().StoredCursor; cursor > 3 {
					t.Errorf("the cursor went past the row: %d", cursor)
				}
			})
		}
	}
}

// The same while the store is open: another program's bad row must not stop everything.
func TestABadRowThatComesWhileTheStoreIsOpenDoesNotStopAppends(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(3, "good")...)
	raw := openRaw(t, path)
	raw.exec("INSERT INTO events VALUES (4, ?, 'bad', 'no JSON')", someTime)
	if got := facttest.Append(t, store, facttest.Batch(1, "good")...); got.FirstSequenceNumber != 5 {
		t.Errorf("append: %+v", got)
	}
	if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, factstr.OfTypes("good")).EventRecords)); got != "[1 2 3 5]" {
		t.Errorf("query: %s", got)
	}
	_, err := store.Query(t.Context(), factstr.AllEvents())
	facttest.WantError(t, err, factstr.CodeCorrupt, "event 4")
}

func TestUnusualRowsAreReadAsTheyAreStored(t *testing.T) { // G6 G13 G14
	deep := strings.Repeat("[", 200) + "7" + strings.Repeat("]", 200)
	for name, c := range map[string]struct {
		occurredAt string
		eventType  any
		payload    any
		predicate  string
	}{
		"deep nesting":          {someTime, "odd", deep, strings.Repeat("[", 100) + strings.Repeat("]", 100)},
		"text as BLOB":          {someTime, "odd", []byte(`{"a":1}`), `{"a":1.0}`},
		"white space":           {someTime, "odd", " { \"a\" : 1 } \n", `{"a":1}`},
		"escapes":               {someTime, "odd", `{"\u0061":"\/\u00e9\ud83d\ude00"}`, `{"a":"/é😀"}`},
		"duplicate keys":        {someTime, "odd", `{"a":2,"a":1}`, `{"a":1}`},
		"exponent":              {someTime, "odd", `{"a":1E0}`, `{"a":1}`},
		"beyond floats":         {someTime, "odd", `{"a":1e400,"b":` + strings.Repeat("9", 5000) + `,"c":1}`, `{"c":1}`},
		"lone surrogate":        {someTime, "odd", `{"a":"\ud800"}`, `{}`},
		"nul escape":            {someTime, "odd", `{"a":"x\u0000y"}`, `{}`},
		"empty type":            {someTime, "", `{"a":1}`, `{"a":1}`},
		"long type":             {someTime, strings.Repeat("t", 5000), `{"a":1}`, `{"a":1}`},
		"time without fraction": {"2026-01-01T00:00:00Z", "odd", `{}`, `{}`},
		"time with offset":      {"2026-01-01 00:00:00.123456789123+02:00", "odd", `{}`, `{}`},
		"time that is none":     {"yesterday", "odd", `{}`, `{}`},
		"empty time":            {"", "odd", `{}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
				_, store := storeWithRow(t, options, c.occurredAt, c.eventType, c.payload)
				records := facttest.All(t, store)
				if len(records) != 5 || records[3].OccurredAt != c.occurredAt || records[3].EventType != c.eventType || string(records[3].Payload) != fmt.Sprintf("%s", c.payload) {
					t.Fatalf("%+v", records)
				}
				filter := factstr.EventFilter{PayloadPredicates: []json.RawMessage{json.RawMessage(c.predicate)}}
				if len(c.eventType.(string)) < 1000 {
					filter.EventTypes = []string{c.eventType.(string)}
				}
				matches := facttest.Query(t, store, factstr.EventQuery{Filters: []factstr.EventFilter{filter}}).EventRecords
				if len(matches) == 0 || matches[0].SequenceNumber < 4 && c.predicate != "{}" {
					t.Errorf("matching: %v", facttest.Numbers(matches))
				}
				if got := compattest.Replayed(t, store, "projection", factstr.AllEvents()); fmt.Sprint(got) != "[[1 2 3] [4] [5]]" {
					t.Errorf("replay: %v", got)
				}
				if got := facttest.Append(t, store, facttest.Batch(1, "good")...); got.FirstSequenceNumber != 6 {
					t.Errorf("append: %+v", got)
				}
			}
		})
	}
}

// G24: heads are compared by number and time, whatever the time looks like.
func TestAHeadWithAnOddTimeIsAHead(t *testing.T) {
	path := newPath(t)
	facttest.Close(t, openStore(t, path))
	raw := openRaw(t, path)
	raw.exec("INSERT INTO events VALUES (1, '', 'odd', '{}')")
	store := openStore(t, path)
	live := facttest.NewDeliveries(t)
	if _, err := store.StreamAll(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	facttest.Append(t, store, facttest.Batch(1, "good")...)
	if got := live.Next(); len(got) != 1 || got[0] != 2 {
		t.Errorf("%v", got)
	}
}

// Rows numbered 0 or below are not facts: numbers start at 1.
func TestRowsNumberedBelowOneAreNoFacts(t *testing.T) { // G2
	path := newPath(t)
	facttest.Close(t, openStore(t, path))
	raw := openRaw(t, path)
	for _, number := range []int{0, -1, -1 << 62} {
		raw.exec("INSERT INTO events VALUES (?, ?, 'odd', '{}')", number, someTime)
	}
	store := openStore(t, path)
	if records := facttest.All(t, store); len(records) != 0 {
		t.Errorf("%+v", records)
	}
	if got := facttest.Append(t, store, facttest.Batch(1, "good")...); got.FirstSequenceNumber != 1 {
		t.Errorf("%+v", got)
	}
	if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != "[[1]]" {
		t.Errorf("%s", got)
	}
}

// G1: NULL is not text, in whichever column.
func TestNULLIsCorruptByNumber(t *testing.T) {
	for _, column := range []string{"occurred_at", "event_type", "payload"} {
		path := newPath(t)
		usedStore(t, path)
		raw := openRaw(t, path)
		raw.exec(copyOf("events", " NOT NULL", ""))
		raw.exec("UPDATE events SET " + column + " = NULL WHERE sequence_number = 2")
		store := openStore(t, path)
		_, err := store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeCorrupt, "event 2", column)
		if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != 4 {
			t.Errorf("%+v", got)
		}
		stream := facttest.DurableStream(t, store, "new", factstr.AllEvents(), facttest.NewDeliveries(t))
		facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeCorrupt, "event 2", column)
	}
}
