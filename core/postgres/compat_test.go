package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rusttest"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// testdata holds a database that the Rust store 0.5.2 wrote, as pg_dump writes it; what that store answers for it, where it is not what its SQLite store answers for the same
// facts; and where ours answers something else.
const (
	fixture    = "testdata/factstr-0.5.2.pg.sql"
	deviations = "testdata/expected-deviations.json"
)

func readRustAnswers(t testing.TB) rusttest.Answers {
	t.Helper()
	return rusttest.Read(t, "../sqlite/testdata/expected.json", "testdata/expected.json")
}

// restoreFixture returns the URL of a fresh database with the facts of the Rust store.
func restoreFixture(t testing.TB) string {
	t.Helper()
	url := pgtest.Database(t)
	dump, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	if err := pgtest.Exec(t.Context(), url, string(dump)); err != nil {
		t.Fatal(err)
	}
	return url
}

// replayed registers a durable stream and returns what it was delivered until it was ready.
func replayed(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery) [][]string {
	t.Helper()
	return rusttest.Replayed(t, store, name, query)
}

// twice runs a test over the facts that the store keeps in memory, and over the database alone.
func twice(t *testing.T, run func(t *testing.T, store *factstr.Store)) {
	for name, options := range map[string]factstr.Options{"from memory": {}, "from the database": {TailEvents: -1}} {
		t.Run(name, func(t *testing.T) { run(t, openStoreWith(t, restoreFixture(t), Options{Options: options})) })
	}
}

func TestEveryFactOfTheRustStoreComesBackAsItIsStored(t *testing.T) { // G1 G6 G14
	twice(t, func(t *testing.T, store *factstr.Store) {
		expected, records := readRustAnswers(t), queryAll(t, store)
		payloads, rustTimes, ourTimes := rusttest.NewComparison(t, deviations, "payload"), []string{}, []string{}
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
		rusttest.NewComparison(t, deviations, "times").Compare("spelling", rustTimes, ourTimes)
	})
}

func TestQueriesAnswerWhatTheRustStoreAnswers(t *testing.T) { // G7 G8 G12 G13 G14
	twice(t, func(t *testing.T, store *factstr.Store) {
		rusttest.CheckQueries(t, store, readRustAnswers(t), deviations)
	})
}

func TestANewDurableStreamReplaysTheBatchesOfTheRustStore(t *testing.T) { // G3 G19 G20
	twice(t, func(t *testing.T, store *factstr.Store) {
		rusttest.CheckReplays(t, store, readRustAnswers(t), deviations)
	})
}

func TestDurableCursorsOfTheRustStoreGoOnWhereTheyWere(t *testing.T) { // G19 G22 G23
	url, expected := restoreFixture(t), readRustAnswers(t)
	store := openStore(t, url)
	rusttest.CheckResumes(t, store, expected, deviations)
	closeStore(t, store)
	// The Rust store compares the text that it wrote byte by byte: it must still stand there.
	raw := openRaw(t, url)
	for _, cursor := range expected.Cursors {
		stored := raw.one("SELECT event_query, last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", cursor.Name)
		if want := cursor.Query + "|205"; stored != want {
			t.Errorf("%s: the cursor row is %s, want %s", cursor.Name, stored, want)
		}
	}
}

func TestEveryDurableQueryIsStoredInTheTextOfTheRustStore(t *testing.T) { // G22
	url := pgtest.Database(t)
	store, raw := openStore(t, url), openRaw(t, url)
	rusttest.CheckDurableQueries(t, store, filepath.Join("..", "jsonvalue", "testdata", "canonical_queries.json"), deviations, func(name string) string {
		return raw.one("SELECT event_query FROM durable_stream_cursors WHERE durable_stream_id = $1", name)
	})
}
