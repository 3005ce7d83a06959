package compat

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// Another program stored rows with unusual values. The server ensures that they are JSON, times and
// text, so all of them are read.

// logWithRow creates a schema with three facts, a row whose time, type and payload are given as
// SQL, and a fact after it.
func logWithRow(t testing.TB, url, schema, occurredAt, eventType, payload string) faulttest.SQL {
	t.Helper()
	store := openStoreWith(t, url, postgres.Options{Schema: schema})
	facttest.Append(t, store, facttest.Batch(3, "good")...)
	facttest.Close(t, store)
	raw := faulttest.OpenSQL(t, faulttest.InSchema(url, schema))
	raw.Run("INSERT INTO events VALUES (4, " + occurredAt + ", " + eventType + ", " + payload + ")")
	raw.Run("INSERT INTO events VALUES (5, '2026-01-01T00:00:00Z', 'good', '{\"at\":5}')")
	return raw
}

func TestUnusualRowsAreReadAsTheyAreStored(t *testing.T) { // G6 G13 G14
	t.Parallel()
	const someTime, spelled = "'2026-01-01T00:00:00.000001Z'", "2026-01-01T00:00:00.000001Z"
	deep := strings.Repeat("[", 1000) + "7" + strings.Repeat("]", 1000)
	url := pgtest.Database(t)
	for name, c := range map[string]struct {
		occurredAt, spelled string
		eventType           string
		payload, predicate  string
	}{
		"deep nesting":       {someTime, spelled, "odd", deep, strings.Repeat("[", 100) + strings.Repeat("]", 100)},
		"huge number":        {someTime, spelled, "odd", `{"a": 1e300, "b": 1e400, "c": -1e-400}`, `{"a":10e299}`},
		"largest float":      {someTime, spelled, "odd", `{"a": 179769313486231570814527423731704356798070567525844996598917476803157260780028538760589558632766878171540458953514382464234321326889464182768467546703537516986049910576551282076245490090389328944075868508455133942304583236903222948165808559332123347764797926204144723168738177180919299881250404026184124858368}`, `{"a":1.7976931348623157081452742373170435679807056752584499659891747680315726078002853876058955863276687817154045895351438246423432132688946418276846754670353751698604991057655128207624549009038932894407586850845513394230458323690322294816580855933212334776479792620414472316873817718091929988125040402618412485836800e308}`},
		"beyond all floats":  {someTime, spelled, "odd", `{"a": 1e5000, "b": ` + strings.Repeat("9", 5000) + `, "c": 1}`, `{"c":1.0}`},
		"escapes":            {someTime, spelled, "odd", `{"\u0061": "\/\u00e9\ud83d\ude00"}`, `{"a":"/é😀"}`},
		"duplicate keys":     {someTime, spelled, "odd", `{"a": 2, "a": 1}`, `{"a":1}`},
		"empty type":         {someTime, spelled, "", `{"a": 1}`, `{"a":1}`},
		"long type":          {someTime, spelled, strings.Repeat("t", 5000), `{"a": 1}`, `{"a":1}`},
		"quotes in the type": {someTime, spelled, `a"b\c{},` + "\n\t\x01", `{"a": 1}`, `{"a":1}`},
		"time with offset":   {"'2026-01-01 02:00:00.123456789+02:00'", "2026-01-01T00:00:00.123457Z", "odd", `{"a": 1}`, `{"a":1}`},
		"year 1":             {"'0001-01-01T00:00:00Z'", "0001-01-01T00:00:00.000000Z", "odd", `{"a": 1}`, `{"a":1}`},
		"year 9999":          {"'9999-12-31T23:59:59.999999Z'", "9999-12-31T23:59:59.999999Z", "odd", `{"a": 1}`, `{"a":1}`},
		"before Christ":      {"'4713-01-01T00:00:00Z BC'", "-211810204800000000 microseconds since 2000", "odd", `{"a": 1}`, `{"a":1}`},
		"far future":         {"'294276-01-01T00:00:00Z'", "9223339708800000000 microseconds since 2000", "odd", `{"a": 1}`, `{"a":1}`},
		"end of time":        {"'infinity'", "infinity", "odd", `{"a": 1}`, `{"a":1}`},
		"beginning of time":  {"'-infinity'", "-infinity", "odd", `{"a": 1}`, `{"a":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			raw := logWithRow(t, url, name, c.occurredAt, faulttest.Literal(c.eventType), faulttest.Literal(c.payload))
			stored := raw.One("SELECT payload FROM events WHERE sequence_number = 4")
			for i, options := range []factstr.Options{{}, {TailEvents: -1}} {
				store := openStoreWith(t, url, postgres.Options{Schema: name, Options: options})
				records := facttest.All(t, store)
				if len(records) != 5+i || records[3].OccurredAt != c.spelled || records[3].EventType != c.eventType || string(records[3].Payload) != stored {
					t.Fatalf("%d records, %q %q %.200s", len(records), records[3].OccurredAt, records[3].EventType, records[3].Payload)
				}
				filter := factstr.EventFilter{PayloadPredicates: []json.RawMessage{json.RawMessage(c.predicate)}}
				if len(c.eventType) < 1000 && !strings.Contains(c.eventType, "\x01") {
					filter.EventTypes = []string{c.eventType}
				}
				if got := fmt.Sprint(facttest.Numbers(facttest.Query(t, store, factstr.EventQuery{Filters: []factstr.EventFilter{filter}}).EventRecords)); got != "[4]" {
					t.Errorf("matching: %s", got)
				}
				if got := fmt.Sprint(compattest.Replayed(t, store, fmt.Sprint("projection ", i), factstr.AllEvents().After(0))); !strings.HasPrefix(got, "[[1 2 3] [4] [5]") {
					t.Errorf("replay: %v", got)
				}
				if got := facttest.Append(t, store, facttest.Batch(1, "good")...); got.FirstSequenceNumber != uint64(6+i) {
					t.Errorf("append: %+v", got)
				}
			}
		})
	}
}

// G24: heads compare by number and time, whatever the time looks like.
func TestAHeadWithAnOddTimeIsAHead(t *testing.T) { // G9 G15 G16
	url := pgtest.Database(t)
	for _, at := range []string{"infinity", "-infinity", "4713-01-01T00:00:00Z BC", "294276-01-01T00:00:00Z", "0001-01-01T00:00:00Z"} {
		t.Run(at, func(t *testing.T) {
			facttest.Close(t, openStoreWith(t, url, postgres.Options{Schema: at}))
			raw := faulttest.OpenSQL(t, faulttest.InSchema(url, at))
			raw.Run("INSERT INTO events VALUES (1, '" + at + "', 'odd', '{}')")
			store, another := openStoreWith(t, url, postgres.Options{Schema: at}), openStoreWith(t, url, postgres.Options{Schema: at})
			live := facttest.NewDeliveries(t)
			if _, err := store.StreamAll(t.Context(), live); err != nil {
				t.Fatal(err)
			}
			if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "good"), factstr.OfTypes("odd"), nil); factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
				t.Errorf("append_if: %v", err)
			}
			if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "good"), factstr.OfTypes("odd"), factstr.Version(1)); err != nil {
				t.Errorf("append_if: %v", err)
			}
			if got := fmt.Sprint(live.Next()); got != "[2]" {
				t.Errorf("%s", got)
			}
			// The head changes its time while a store is open, after a fact that the other store
			// wrote.
			raw.Run("INSERT INTO events VALUES (3, '" + at + "', 'odd', '{}')")
			if got := facttest.Append(t, another, facttest.Batch(2, "good")...); got.FirstSequenceNumber != 4 {
				t.Errorf("append: %+v", got)
			}
			if got := fmt.Sprint(live.Next(), live.Next()); got != "[3] [4 5]" {
				t.Errorf("%s", got)
			}
		})
	}
}

// Rows with number 0 or below are no facts: numbers start at 1.
func TestRowsNumberedBelowOneAreNoFacts(t *testing.T) { // G2
	url := pgtest.Database(t)
	facttest.Close(t, openStore(t, url))
	raw := faulttest.OpenSQL(t, url)
	raw.Run("INSERT INTO events SELECT n, now(), 'odd', '{}' FROM unnest(ARRAY[0, -1, -9223372036854775808]) n; INSERT INTO append_batches VALUES (-1, 0), (-5, 2)")
	for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
		store := openStoreWith(t, url, postgres.Options{Options: options})
		if records := facttest.All(t, store); len(records) != 0 {
			t.Errorf("%+v", records)
		}
		if result := facttest.Query(t, store, factstr.OfTypes("odd")); len(result.EventRecords) != 0 || result.CurrentContextVersion != nil {
			t.Errorf("%+v", result)
		}
	}
	store := openStore(t, url)
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "good"), factstr.OfTypes("odd"), nil); err != nil {
		t.Errorf("append_if: %v", err)
	}
	for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
		if got := fmt.Sprint(compattest.Replayed(t, openStoreWith(t, url, postgres.Options{Options: options}), fmt.Sprint(options.TailEvents), factstr.AllEvents())); got != "[[1]]" {
			t.Errorf("%s", got)
		}
	}
	// Without the marker, the facts decide about the format.
	raw.Run("DELETE FROM store_metadata; DELETE FROM events WHERE sequence_number > 0; DELETE FROM append_batches")
	if got := facttest.Append(t, openStore(t, url), facttest.Batch(1, "good")...); got.FirstSequenceNumber != 1 {
		t.Errorf("%+v", got)
	}
}

// G3: boundaries that no store writes give the same batches as in the Rust store.
func TestOddBoundariesGiveTheBatchesOfTheRustStore(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	for name, c := range map[string]struct{ change, want string }{
		"of one event":   {"INSERT INTO append_batches VALUES (2, 2), (5, 5)", "[[1] [2] [3] [4] [5]]"},
		"with a hole":    {"DELETE FROM events WHERE sequence_number = 3; INSERT INTO append_batches VALUES (2, 4)", "[[1] [2 4] [5]]"},
		"past the end":   {"INSERT INTO append_batches VALUES (4, 9)", "[[1] [2] [3] [4 5]]"},
		"overlapping":    {"INSERT INTO append_batches VALUES (1, 3), (2, 5)", "[[1 2 3] [4 5]]"},
		"one in another": {"INSERT INTO append_batches VALUES (1, 5), (2, 3)", "[[1 2 3 4 5]]"},
		"a cursor in it": {"INSERT INTO append_batches VALUES (1, 4); INSERT INTO durable_stream_cursors VALUES ('projection', '{\"filters\":null,\"min_sequence_number\":null}', 2)", "[[3 4] [5]]"},
		"backwards":      {"INSERT INTO append_batches VALUES (4, 2)", "[[1] [2] [3] [4] [5]]"},
		"below one":      {"INSERT INTO append_batches VALUES (0, 2), (-3, -1)", "[[1] [2] [3] [4] [5]]"},
	} {
		for at, options := range []factstr.Options{{}, {TailEvents: -1}} {
			t.Run(fmt.Sprint(name, at), func(t *testing.T) {
				schema := fmt.Sprint(name, at)
				store := openStoreWith(t, url, postgres.Options{Schema: schema})
				for range 5 {
					facttest.Append(t, store, facttest.Batch(1, "a")...)
				}
				facttest.Close(t, store)
				faulttest.OpenSQL(t, faulttest.InSchema(url, schema)).Run(c.change)
				store = openStoreWith(t, url, postgres.Options{Schema: schema, Options: options})
				if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				// The cursor is never beyond the end, where it would skip later facts.
				facttest.Append(t, store, facttest.Batch(1, "a")...)
				if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); name != "past the end" && got != "[[6]]" {
					t.Errorf("then %s", got)
				}
			})
		}
	}
}

// The newest facts were deleted, which no store does, but the row of their batch was left. No
// append may wait forever for its number.
func TestABatchBeyondTheEndOfTheLogIsToldAndHoldsNobodyUp(t *testing.T) { // G5
	for name, remove := range map[string]string{"with the append function": "", "without it": "DROP FUNCTION factstr_append_v2"} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
			facttest.Append(t, store, facttest.Batch(3, "a")...)
			facttest.Close(t, store)
			raw.Run("DELETE FROM events WHERE sequence_number > 1; INSERT INTO append_batches VALUES (2, 3); " + remove)
			store = openStoreWith(t, url, postgres.Options{LockTimeout: 500 * time.Millisecond})
			ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
			defer cancel()
			_, err := store.Append(ctx, facttest.Batch(2, "b"))
			facttest.WantError(t, err, factstr.CodeCorrupt, "append_batches")
			if got := raw.One("SELECT max(sequence_number) FROM events"); got != "1" {
				t.Errorf("the log ends at %s", got)
			}
			// Appends of one fact, which need no row, go on, and later so do the others.
			facttest.Append(t, store, facttest.Batch(1, "b")...)
			if got := facttest.Append(t, store, facttest.Batch(2, "b")...); got.FirstSequenceNumber != 3 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTheLastNumberOfAllIsGivenAndNoneBehindIt(t *testing.T) { // G2 G5
	url := pgtest.Database(t)
	facttest.Close(t, openStore(t, url))
	faulttest.OpenSQL(t, url).Run("INSERT INTO events VALUES (9223372036854775806, now(), 'odd', '{}')")
	store, another := openStore(t, url), openStore(t, url)
	_, err := store.Append(t.Context(), facttest.Batch(2, "a"))
	facttest.WantError(t, err, factstr.CodeBackendFailure, "sequence numbers")
	if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != factstr.SequenceMax {
		t.Errorf("%+v", got)
	}
	// The other store learns it from the server.
	_, err = another.Append(t.Context(), facttest.Batch(1, "a"))
	facttest.WantError(t, err, factstr.CodeBackendFailure)
	if got := fmt.Sprint(facttest.Numbers(facttest.All(t, another))); got != "[9223372036854775806 9223372036854775807]" {
		t.Errorf("%s", got)
	}
}

func TestNumbersThatNobodyHasAreNoEnd(t *testing.T) { // G2 G3 G19
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.Append(t, openStore(t, url), facttest.Batch(4, "a")...)
	raw.Run("DELETE FROM events WHERE sequence_number IN (1, 3); INSERT INTO events VALUES (200000, now(), 'a', '{\"at\": 0}')")
	for i, options := range []factstr.Options{{}, {TailEvents: -1}} {
		store := openStoreWith(t, url, postgres.Options{Options: options})
		if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != uint64(200_001+i) {
			t.Errorf("%+v", got)
		}
		if got := fmt.Sprint(compattest.Replayed(t, store, fmt.Sprint(i), factstr.OfTypes("a"))); got != []string{"[[2 4] [200000] [200001]]", "[[2 4] [200000] [200001] [200002]]"}[i] {
			t.Errorf("%s", got)
		}
		if result := facttest.Query(t, store, facttest.PayloadQuery(`{"at":0}`).After(2).AtMost(1)); len(result.EventRecords) != 1 || result.EventRecords[0].SequenceNumber != 200_000 {
			t.Errorf("%+v", result)
		}
	}
}
