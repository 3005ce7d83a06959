package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// testdata holds a database that the Rust store 0.5.2 wrote, that store's answers about it, and
// where this store deviates.
const (
	fixture    = "testdata/factstr-0.5.2.sqlite"
	deviations = "testdata/expected-deviations.json"
)

func readRustAnswers(t testing.TB) compattest.Answers {
	t.Helper()
	return compattest.Read(t, "testdata/expected.json")
}

func copyFixture(t testing.TB) string {
	t.Helper()
	path := newPath(t)
	copyFile(t, fixture, path)
	return path
}

// twice runs a test with the facts in memory, and with the file alone.
func twice(t *testing.T, check func(t *testing.T, store *factstr.Store, expected compattest.Answers, deviations string)) {
	for name, options := range map[string]factstr.Options{"from memory": {}, "from the file": {TailEvents: -1}} {
		t.Run(name, func(t *testing.T) {
			check(t, openStoreWith(t, copyFixture(t), Options{Options: options}), readRustAnswers(t), deviations)
		})
	}
}

func TestEveryFactOfTheRustStoreComesBackAsItIsStored(t *testing.T) { // G1 G6
	twice(t, func(t *testing.T, store *factstr.Store, expected compattest.Answers, deviations string) {
		records := facttest.All(t, store)
		if len(records) != len(expected.Events) {
			t.Fatalf("%d facts, %d expected", len(records), len(expected.Events))
		}
		for i, event := range expected.Events {
			record := records[i]
			if fmt.Sprint(record.SequenceNumber) != event.SequenceNumber || record.EventType != event.EventType || record.OccurredAt != event.OccurredAt || string(record.Payload) != event.Payload {
				t.Errorf("got %v with %s, want %v", record, record.Payload, event)
			}
		}
	})
}

func TestQueriesAnswerWhatTheRustStoreAnswers(t *testing.T) { // G7 G8 G12 G13 G14
	twice(t, compattest.CheckQueries)
}

func TestANewDurableStreamReplaysTheBatchesOfTheRustStore(t *testing.T) { // G3 G19 G20
	twice(t, compattest.CheckReplays)
}

func TestDurableCursorsOfTheRustStoreGoOnWhereTheyWere(t *testing.T) { // G19 G22 G23
	path := copyFixture(t)
	compattest.CheckResumes(t, openStore(t, path), readRustAnswers(t), deviations, func(name string) string {
		return openRaw(t, path).one("SELECT event_query, last_processed_sequence_number FROM subscriber_cursors WHERE subscriber_id = ? AND typeof(event_query) = 'text'", name)
	})
}

func TestEveryDurableQueryIsStoredInTheTextOfTheRustStore(t *testing.T) { // G22
	path := newPath(t)
	store, raw := openStore(t, path), openRaw(t, path)
	// The scanner's tests hold the text of predicates to the same file; here whole queries go
	// through registrations.
	compattest.CheckDurableQueries(t, store, filepath.Join("..", "jsonvalue", "testdata", "canonical_queries.json"), deviations, func(name string) string {
		return raw.one("SELECT event_query FROM subscriber_cursors WHERE subscriber_id = ?", name)
	})
}
