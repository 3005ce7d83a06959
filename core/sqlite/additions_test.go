package sqlite

import (
	"slices"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Other programs may put things into the file beside the store's own tables (compat.md: foreign
// additions). They stay, and do not disturb the store.
func TestWhatOthersAddToTheFileStaysAndDoesNotDisturb(t *testing.T) { // G2 G3 G19
	for name, change := range map[string]string{
		"side table":         "CREATE TABLE factstr_term_index (term BLOB, n INTEGER, PRIMARY KEY (term, n)) WITHOUT ROWID; INSERT INTO factstr_term_index VALUES ('x', 1)",
		"indexes":            "CREATE INDEX foreign_index ON events (payload); CREATE INDEX foreign_expression ON events (json_extract(payload, '$.amount'))",
		"metadata row":       "INSERT INTO store_metadata VALUES ('color', 'blue')",
		"trigger":            "CREATE TABLE log (n); CREATE TRIGGER log_events AFTER INSERT ON events BEGIN INSERT INTO log VALUES (new.sequence_number); END",
		"full text table":    "CREATE VIRTUAL TABLE words USING fts5 (text)",
		"view":               "CREATE VIEW deposits AS SELECT * FROM events WHERE event_type = 'money-deposited'",
		"strict table":       "CREATE TABLE strict_one (n INTEGER) STRICT",
		"foreign key":        "CREATE TABLE notes (n INTEGER REFERENCES events (sequence_number))",
		"columns":            "ALTER TABLE events ADD COLUMN extra TEXT; ALTER TABLE events ADD COLUMN stars INTEGER DEFAULT 5; ALTER TABLE events ADD COLUMN length INTEGER GENERATED ALWAYS AS (length(payload)) VIRTUAL; ALTER TABLE subscriber_cursors ADD COLUMN note TEXT",
		"cursor row":         "INSERT INTO subscriber_cursors VALUES ('foreign', 'not even JSON', 7)",
		"dropped indexes":    "DROP INDEX idx_events_type; DROP INDEX idx_events_occurred_at",
		"user version":       "PRAGMA user_version = 77; PRAGMA application_id = 4711",
		"rollback journal":   "PRAGMA journal_mode = DELETE",
		"pages of 8192":      "PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM",
		"automatic vacuum":   "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = FULL; VACUUM",
		"nothing, for scale": "SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			path := copyFixture(t)
			raw := openRaw(t, path)
			for statement := range strings.SplitSeq(strings.ReplaceAll(change, "; END", ";END"), "; ") {
				raw.exec(statement)
			}
			settings := func() (all []string) {
				for _, name := range []string{"user_version", "application_id", "page_size", "auto_vacuum"} {
					all = append(all, raw.one("PRAGMA "+name))
				}
				return append(all, raw.rows("SELECT name FROM sqlite_master WHERE name NOT IN ('idx_events_type', 'idx_events_occurred_at') ORDER BY name")...)
			}
			before := settings()
			store := openStore(t, path)
			compattest.CheckUse(t, store, readRustAnswers(t))
			facttest.Close(t, store)
			after := slices.DeleteFunc(settings(), func(name string) bool {
				return strings.HasPrefix(name, "factstr_durable_") || name == "factstr_parked_batches"
			})
			if !slices.Equal(before, after) {
				t.Errorf("%v became %v", before, after)
			}
			// The Rust store's indexes stay, and are not made again.
			indexes := map[bool]string{true: "0", false: "2"}[name == "dropped indexes"]
			const count = "SELECT count(*) FROM sqlite_master WHERE name IN ('idx_events_type', 'idx_events_occurred_at')"
			if got := raw.one(count); got != indexes {
				t.Errorf("%s of the Rust store's two indexes are there, want %s", got, indexes)
			}
			if got := raw.one("PRAGMA journal_mode"); got != "wal" {
				t.Errorf("journal mode %s", got)
			}
		})
	}
}
