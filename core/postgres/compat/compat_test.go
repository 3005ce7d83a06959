package compat

import (
	"fmt"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// deviations lists where this store's answers differ from the Rust store's.
const deviations = "testdata/expected-deviations.json"

// readRustAnswers reads the Rust stores' answers for the facts of the fixture. The file in this
// folder holds the answers of its PostgreSQL store that differ from its SQLite store's.
func readRustAnswers(t testing.TB) compattest.Answers {
	t.Helper()
	return compattest.Read(t, "../../sqlite/testdata/expected.json", "testdata/expected.json")
}

// twice runs a test on a store that keeps facts in memory, and on one that reads the database
// alone.
func twice(t *testing.T, check func(t *testing.T, store *factstr.Store, expected compattest.Answers, deviations string)) {
	for name, options := range map[string]factstr.Options{"from memory": {}, "from the database": {TailEvents: -1}} {
		t.Run(name, func(t *testing.T) {
			check(t, openStoreWith(t, faulttest.RestoreRustStore(t), postgres.Options{Options: options}), readRustAnswers(t), deviations)
		})
	}
}

func TestEveryFactOfTheRustStoreComesBackAsItIsStored(t *testing.T) { // G1 G6 G14
	twice(t, func(t *testing.T, store *factstr.Store, expected compattest.Answers, deviations string) {
		records := facttest.All(t, store)
		payloads, rustTimes, ourTimes := compattest.NewComparison(t, deviations, "payload"), []string{}, []string{}
		if len(records) != len(expected.Events) {
			t.Fatalf("%d facts, %d expected", len(records), len(expected.Events))
		}
		for i, event := range expected.Events {
			record := records[i]
			if fmt.Sprint(record.SequenceNumber) != event.SequenceNumber || record.EventType != event.EventType || string(record.Payload) != event.Payload {
				t.Errorf("got %v with %s, want %v", record, record.Payload, event)
			}
			if record.OccurredAt != event.ReadAt {
				rustTimes, ourTimes = append(rustTimes, event.ReadAt), append(ourTimes, record.OccurredAt)
			}
			ours := string(record.Payload)
			if jsonvalue.Equal(record.Payload, event.ReadPayload) {
				ours = string(event.ReadPayload)
			}
			payloads.Compare(event.SequenceNumber, string(event.ReadPayload), ours)
		}
		compattest.NewComparison(t, deviations, "times").Compare("spelling", rustTimes, ourTimes)
	})
}

func TestQueriesAnswerWhatTheRustStoreAnswers(t *testing.T) { // G7 G8 G12 G13 G14
	twice(t, compattest.CheckQueries)
}

func TestANewDurableStreamReplaysTheBatchesOfTheRustStore(t *testing.T) { // G3 G19 G20
	twice(t, compattest.CheckReplays)
}

func TestDurableCursorsOfTheRustStoreGoOnWhereTheyWere(t *testing.T) { // G19 G22 G23
	url := faulttest.RestoreRustStore(t)
	compattest.CheckResumes(t, openStore(t, url), readRustAnswers(t), deviations, func(name string) string {
		return faulttest.OpenSQL(t, url).One("SELECT event_query, last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", name)
	})
}

func TestEveryDurableQueryIsStoredInTheTextOfTheRustStore(t *testing.T) { // G22
	url := pgtest.Database(t)
	store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	compattest.CheckDurableQueries(t, store, filepath.Join("..", "..", "jsonvalue", "testdata", "canonical_queries.json"), deviations, func(name string) string {
		return raw.One("SELECT event_query FROM durable_stream_cursors WHERE durable_stream_id = $1", name)
	})
}

// A Rust store that was built with an older parser spelled numbers in another way. The newer one
// refuses such cursors.
func TestACursorWhoseQueryIsSpelledInAnotherWayGoesOnAndKeepsItsText(t *testing.T) { // G22
	url := pgtest.Database(t)
	store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	for range 3 {
		facttest.Append(t, store, facttest.Fact("a", `{"n":1e16,"m":[1]}`))
	}
	query := facttest.PayloadQuery(`{"n":1e16,"m":[1]}`)
	query.Filters[0].EventTypes = []string{"a"}
	for i, text := range []string{
		`{"filters":[{"event_types":["a"],"payload_predicates":[{"m":[1],"n":1e16}]}],"min_sequence_number":null}`,
		`{"filters":[{"event_types":["a"],"payload_predicates":[{"m":[1],"n":1e+16}]}],"min_sequence_number":null}`,
		`{ "min_sequence_number": null, "filters": [ { "payload_predicates": [ { "n": 10000000000000000.0, "m": [ 1 ] } ], "event_types": [ "\u0061" ] } ] }`,
	} {
		name := fmt.Sprint("cursor ", i)
		raw.Run("INSERT INTO durable_stream_cursors VALUES ('" + name + "', '" + text + "', 1)")
		if got := fmt.Sprint(compattest.Replayed(t, store, name, query)); got != "[[2] [3]]" {
			t.Errorf("%s: %s", text, got)
		}
		if got := raw.One("SELECT event_query, last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", name); got != text+"|3" {
			t.Errorf("%s became %s", text, got)
		}
		_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: name}, facttest.PayloadQuery(`{"n":1e16,"m":[1]}`), facttest.NewDeliveries(t))
		facttest.WantError(t, err, factstr.CodeDurableStreamQueryMismatch, name)
	}
	for _, text := range []string{"", "not even JSON", "null", "[]", `{"filters":null}`, `{"filters":[{"event_types":["a"],"payload_predicates":[{"m":[1],"n":1e16}]}],"min_sequence_number":null} x`} {
		raw.Run("UPDATE durable_stream_cursors SET event_query = '" + text + "' WHERE durable_stream_id = 'cursor 0'; DELETE FROM factstr_durable_streams")
		_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: "cursor 0"}, query, facttest.NewDeliveries(t))
		facttest.WantError(t, err, factstr.CodeDurableStreamQueryMismatch, "cursor 0")
	}
}
