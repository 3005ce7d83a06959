package compattest

import (
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Metadata are the rows of store_metadata, ordered by key.
func Metadata() []string {
	return []string{"append_batch_boundary_format|sparse_v1", "store_format_version|1"}
}

// MakeDense turns a store into one of before 0.5, where every batch has its row.
const MakeDense = `DELETE FROM store_metadata WHERE key = 'append_batch_boundary_format';
	INSERT INTO append_batches SELECT sequence_number, sequence_number FROM events
		WHERE NOT EXISTS (SELECT 1 FROM append_batches WHERE sequence_number BETWEEN first_sequence_number AND last_sequence_number)`

// GapsAndOverlaps are changes of the database after MakeDense that leave batches which do not cover
// the log.
func GapsAndOverlaps() map[string]string {
	return map[string]string{
		"gap":         "DELETE FROM append_batches WHERE first_sequence_number = 100",
		"overlap":     "UPDATE append_batches SET last_sequence_number = 9 WHERE first_sequence_number = 7",
		"past end":    "UPDATE append_batches SET last_sequence_number = 206 WHERE first_sequence_number = 205",
		"short":       "DELETE FROM append_batches WHERE first_sequence_number = 205",
		"no batches":  "DROP TABLE append_batches",
		"no rows":     "DELETE FROM append_batches",
		"backwards":   "UPDATE append_batches SET last_sequence_number = 4 WHERE first_sequence_number = 5",
		"no metadata": "DROP TABLE store_metadata; DELETE FROM append_batches WHERE first_sequence_number = 1",
	}
}

// Unreadable is a change that makes a store unreadable, and a word that its refusal must name.
type Unreadable = struct{ Change, Word string }

// UnreadableFormats are the changes that make any kind of database unreadable.
func UnreadableFormats() map[string]Unreadable {
	return map[string]Unreadable{
		"version 2": {"UPDATE store_metadata SET value = '2' WHERE key = 'store_format_version'",
			"store_format_version 2"},
		"version 99": {"UPDATE store_metadata SET value = '99' WHERE key = 'store_format_version'",
			"store_format_version 99"},
		"newer batches": {"UPDATE store_metadata SET value = 'dense_v9' WHERE key = 'append_batch_boundary_format'",
			"dense_v9"},
		"foreign metadata": {"DROP TABLE store_metadata; CREATE TABLE store_metadata (k TEXT, v TEXT)",
			"store_metadata"},
	}
}

// AppendBehind appends 103 facts to a store of the database, in batches of one, of a hundred and of
// two.
func AppendBehind(t testing.TB, store *factstr.Store) {
	t.Helper()
	if got := facttest.Append(t, store, facttest.Fact("one", `{"z":1,"a":"é"}`)); got != (factstr.AppendResult{FirstSequenceNumber: 206, LastSequenceNumber: 206, CommittedCount: 1}) {
		t.Fatalf("%+v", got)
	}
	facttest.Append(t, store, facttest.Batch(100, "hundred")...)
	// A conflict consumes nothing.
	_, err := store.AppendIf(t.Context(), facttest.Batch(3, "none"), factstr.OfTypes("one"), nil)
	facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
	facttest.Append(t, store, facttest.Batch(2, "two")...)
}

// CheckRowsAfterAppending looks at the rows after AppendBehind. rows reads them, the values of a
// row joined by '|'.
func CheckRowsAfterAppending(t testing.TB, expected Answers, rows func(text string, args ...any) []string) {
	t.Helper()
	var batches []string
	for _, batch := range expected.AppendBatches {
		batches = append(batches, batch[0]+"|"+batch[1])
	}
	for text, want := range map[string][]string{
		"SELECT min(sequence_number), max(sequence_number), count(*) FROM events": {"1|308|308"},
		"SELECT first_sequence_number, last_sequence_number FROM append_batches ORDER BY 1": append(batches, "207|306",
			"307|308"),
		"SELECT key, value FROM store_metadata ORDER BY key": Metadata(),
	} {
		if got := rows(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// CheckUse uses a store of the database as anybody would: it asks, appends two facts of a type,
// goes on with a durable stream of the type and opens a new one.
func CheckUse(t testing.TB, store *factstr.Store, expected Answers) {
	t.Helper()
	ofType := factstr.OfTypes("money-deposited")
	want := expected.Queries[expected.query(t, "one type")].Result.Numbers
	if got := facttest.Numbers(facttest.Query(t, store, ofType).EventRecords); !slices.Equal(Texts(got), want) {
		t.Errorf("query: %v, want %v", got, want)
	}
	if got := facttest.Append(t, store, facttest.Fact("money-deposited", `{}`), facttest.Fact("money-deposited", `{}`)); got.FirstSequenceNumber != 206 {
		t.Errorf("append: %+v", got)
	}
	if got := Replayed(t, store, "stopped-in-middle", ofType); len(got) != 11+1 || got[0][0] != "72" {
		t.Errorf("resume: %v", got)
	}
	if got := Replayed(t, store, "another", factstr.AllEvents()); len(got) != 90 {
		t.Errorf("replay: %d batches", len(got))
	}
}
