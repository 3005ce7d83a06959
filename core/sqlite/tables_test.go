package sqlite

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// copyOf returns a statement that makes a table of the store again, with changes of its text.
func copyOf(table string, changes ...string) string {
	texts := map[string]string{
		"events":                  "CREATE TABLE events (sequence_number INTEGER PRIMARY KEY, occurred_at TEXT NOT NULL, event_type TEXT NOT NULL, payload TEXT NOT NULL)",
		"append_batches":          "CREATE TABLE append_batches (first_sequence_number INTEGER PRIMARY KEY, last_sequence_number INTEGER NOT NULL)",
		"subscriber_cursors":      "CREATE TABLE subscriber_cursors (subscriber_id TEXT PRIMARY KEY, event_query TEXT NOT NULL, last_processed_sequence_number INTEGER NOT NULL)",
		"store_metadata":          "CREATE TABLE store_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
		"factstr_durable_streams": "CREATE TABLE factstr_durable_streams (name TEXT PRIMARY KEY, generation INTEGER NOT NULL, exact_query TEXT NOT NULL) WITHOUT ROWID",
	}
	text := strings.NewReplacer(changes...).Replace(texts[table])
	columns := strings.Join(map[string][]string{
		"events": {"sequence_number", "occurred_at", "event_type", "payload"}, "append_batches": {"first_sequence_number", "last_sequence_number"},
		"subscriber_cursors": {"subscriber_id", "event_query", "last_processed_sequence_number"}, "store_metadata": {"key", "value"},
		"factstr_durable_streams": {"name", "generation", "exact_query"},
	}[table], ", ")
	return fmt.Sprintf("ALTER TABLE %[1]s RENAME TO old; DROP INDEX IF EXISTS idx_events_type; %[2]s; INSERT INTO %[1]s (%[3]s) SELECT %[3]s FROM old; DROP TABLE old", table, text, columns)
}

// usedStore makes a store with facts, a batch and a durable stream.
func usedStore(t testing.TB, path string) {
	t.Helper()
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	compattest.Replayed(t, store, "projection", factstr.AllEvents())
	facttest.Close(t, store)
}

// G2 G5: a name proves nothing. If a table would not keep what is written, opening names the reason
// and changes nothing.
func TestTablesThatAreSomethingElseAreRefusedByName(t *testing.T) {
	const other = "CREATE TABLE other (sequence_number INTEGER PRIMARY KEY, occurred_at TEXT, event_type TEXT, payload TEXT)"
	for name, c := range map[string]struct{ change, words string }{
		"events is a view":             {"DROP TABLE events; " + other + "; CREATE VIEW events AS SELECT * FROM other; CREATE TRIGGER t INSTEAD OF INSERT ON events BEGIN SELECT 1; END", "events|view"},
		"cursors are a view":           {"ALTER TABLE subscriber_cursors RENAME TO other; CREATE VIEW subscriber_cursors AS SELECT * FROM other", "subscriber_cursors|view"},
		"events is a virtual table":    {"DROP TABLE events; CREATE VIRTUAL TABLE events USING fts5 (sequence_number, occurred_at, event_type, payload)", "events|virtual table"},
		"an index has a table's name":  {"DROP TABLE append_batches; CREATE INDEX append_batches ON events (payload)", "append_batches|index"},
		"upper case and a view":        {"DROP TABLE events; " + other + "; CREATE VIEW Events AS SELECT * FROM other", "events|view"},
		"numbers without a key":        {copyOf("events", " PRIMARY KEY", ""), "events|sequence_number|primary key"},
		"numbers of any type":          {copyOf("events", "INTEGER PRIMARY KEY", "BLOB PRIMARY KEY"), "events|sequence_number|INTEGER"},
		"numbers beside the row's own": {copyOf("events", "INTEGER PRIMARY KEY", "INT PRIMARY KEY"), "events|sequence_number|primary key"},
		"numbers that descend":         {copyOf("events", "INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY DESC"), "events|sequence_number|primary key"},
		"no row numbers":               {copyOf("events", "payload TEXT NOT NULL)", "payload TEXT NOT NULL) WITHOUT ROWID"), "events|sequence_number|primary key"},
		"a key of two columns":         {copyOf("events", " PRIMARY KEY", "", "payload TEXT NOT NULL", "payload TEXT NOT NULL, PRIMARY KEY (sequence_number, event_type)"), "events|sequence_number|primary key"},
		"batches without a key":        {copyOf("append_batches", " PRIMARY KEY", ""), "append_batches|first_sequence_number"},
		"names without a key":          {copyOf("subscriber_cursors", " PRIMARY KEY", ""), "subscriber_cursors|subscriber_id"},
		"names of either case":         {copyOf("subscriber_cursors", "PRIMARY KEY", "COLLATE NOCASE PRIMARY KEY"), "subscriber_cursors|subscriber_id"},
		"some names":                   {copyOf("subscriber_cursors", " PRIMARY KEY", "") + "; CREATE UNIQUE INDEX some ON subscriber_cursors (subscriber_id) WHERE event_query <> ''", "subscriber_cursors|subscriber_id"},
		"metadata without a key":       {copyOf("store_metadata", " PRIMARY KEY", ""), "store_metadata|key"},
		"generations without a key":    {copyOf("factstr_durable_streams", " PRIMARY KEY", "", " WITHOUT ROWID", ""), "factstr_durable_streams|name"},
		"payloads that are numbers":    {copyOf("events", "payload TEXT", "payload JSON"), "events|payload|JSON|TEXT"},
		"types of any type":            {copyOf("events", "event_type TEXT", "event_type"), "events|event_type|TEXT"},
		"types of either case":         {copyOf("events", "event_type TEXT", "event_type TEXT COLLATE NOCASE"), "events|event_type|collation"},
		"types without their spaces":   {copyOf("events", "event_type TEXT", "event_type TEXT COLLATE RTRIM") + "; CREATE INDEX idx_events_type ON events (event_type COLLATE BINARY)", "events|event_type|collation"},
		"payloads that are generated":  {"DROP TABLE events; CREATE TABLE events (sequence_number INTEGER PRIMARY KEY, occurred_at TEXT, event_type TEXT, p TEXT, payload TEXT AS (p))", "events|payload|generated"},
		"a column that is demanded":    {"DROP TABLE events; " + strings.Split(copyOf("events", "payload TEXT NOT NULL", "payload TEXT NOT NULL, tenant TEXT NOT NULL"), "; ")[2], "events|tenant|NOT NULL"},
		"rows that give way":           {copyOf("events", "INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY ON CONFLICT REPLACE"), "events|ON CONFLICT REPLACE"},
		"types that are unique":        {copyOf("events", "event_type TEXT NOT NULL", "event_type TEXT NOT NULL, n UNIQUE on  conflict ignore"), "events|on  conflict ignore"},
		"types' index is elsewhere":    {"CREATE INDEX idx_events_type ON store_metadata (value)", "idx_events_type"},
		"types' index is partial":      {"CREATE INDEX idx_events_type ON events (event_type) WHERE sequence_number > 1", "idx_events_type"},
		"inserts are swallowed":        {"CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END", "trigger t|events|drop"},
		"some inserts are swallowed":   {`CREATE TRIGGER "before and after" INSERT ON events WHEN new.event_type = 'b' BEGIN SELECT raise ( ignore ); END`, "trigger before and after|events"},
		"batches are swallowed":        {"CREATE TRIGGER t BEFORE INSERT ON append_batches BEGIN SELECT RAISE(IGNORE); END", "trigger t|append_batches"},
		"cursors do not move":          {"CREATE TRIGGER t BEFORE UPDATE OF last_processed_sequence_number ON subscriber_cursors BEGIN SELECT RAISE(IGNORE); END", "trigger t|subscriber_cursors"},
		"generations do not rise":      {"CREATE TRIGGER t BEFORE UPDATE ON factstr_durable_streams BEGIN SELECT RAISE(IGNORE); END", "trigger t|factstr_durable_streams"},
		"facts are changed":            {"CREATE TRIGGER t AFTER INSERT ON events BEGIN UPDATE events SET payload = '{}' WHERE sequence_number = new.sequence_number; END", "trigger t|changes events"},
		"facts are dropped":            {"CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events WHERE sequence_number < new.sequence_number - 1000; END", "trigger t|changes events"},
		"facts are added":              {"CREATE TRIGGER t AFTER INSERT ON events WHEN new.event_type <> 'more' BEGIN INSERT INTO events VALUES (new.sequence_number + 1, '', 'more', '{}'); END", "trigger t|changes events"},
		"facts are dropped, far away":  {"CREATE TABLE log (n); CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT INTO log VALUES (1); END; CREATE TRIGGER u AFTER INSERT ON log BEGIN DELETE FROM events; END", "trigger u|changes events"},
		"a batch's facts are dropped":  {"CREATE TRIGGER t AFTER INSERT ON append_batches BEGIN DELETE FROM events; END", "trigger t|changes events"},
		"a cursor drops facts":         {"CREATE TRIGGER t AFTER UPDATE ON subscriber_cursors BEGIN DELETE FROM events WHERE sequence_number <= new.last_processed_sequence_number; END", "trigger t|changes events"},
		"a fact moves cursors":         {"CREATE TRIGGER t AFTER INSERT ON events BEGIN UPDATE subscriber_cursors SET last_processed_sequence_number = new.sequence_number; END", "trigger t|changes subscriber_cursors"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			usedStore(t, path)
			raw := openRaw(t, path)
			raw.exec("PRAGMA journal_mode = DELETE")
			raw.exec("PRAGMA legacy_alter_table = ON")
			raw.exec(c.change)
			raw.close()
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeUnsupportedFormat, append(strings.Split(c.words, "|"), path)...)
			if after, _ := os.ReadFile(path); !slices.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// Additions that leave the store's rows alone are welcome.
func TestTablesThatHoldTheSameAreUsed(t *testing.T) { // G2 G3 G19
	for name, change := range map[string]string{
		"strict":                      copyOf("events", "payload TEXT NOT NULL)", "payload TEXT NOT NULL) STRICT"),
		"numbers are remembered":      copyOf("events", "PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT"),
		"without NOT NULL":            copyOf("events", " NOT NULL", ""),
		"other words for text":        copyOf("events", "event_type TEXT", "event_type VARCHAR(200)", "payload TEXT", "payload CLOB", "occurred_at TEXT", "occurred_at NATIVE CHARACTER(30)"),
		"upper case":                  copyOf("events", "CREATE TABLE events", "CREATE TABLE Events", "payload", "Payload"),
		"cursors without row numbers": copyOf("subscriber_cursors", "last_processed_sequence_number INTEGER NOT NULL)", "last_processed_sequence_number INTEGER NOT NULL) WITHOUT ROWID"),
		"unique and not null":         copyOf("subscriber_cursors", "TEXT PRIMARY KEY", "TEXT NOT NULL UNIQUE"),
		"checks":                      copyOf("events", "payload TEXT NOT NULL", "payload TEXT NOT NULL CHECK (json_valid(payload))"),
		"demanded with a default":     copyOf("events", "payload TEXT NOT NULL", "payload TEXT NOT NULL, tenant TEXT COLLATE NOCASE NOT NULL DEFAULT 'none'"),
		"conflicts that fail":         copyOf("events", "INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY ON CONFLICT ROLLBACK"),
		"facts that are protected":    "CREATE TRIGGER t BEFORE DELETE ON events BEGIN SELECT RAISE(IGNORE); END; CREATE TRIGGER u BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'facts do not change'); END",
		"facts that are looked at":    "CREATE TRIGGER t BEFORE INSERT ON events WHEN new.event_type = 'forbidden' BEGIN SELECT RAISE(ABORT, 'forbidden'); END",
		"a side table":                "CREATE TABLE side (n INTEGER PRIMARY KEY); CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT OR IGNORE INTO side VALUES (new.sequence_number % 2); SELECT RAISE(IGNORE); END",
		"a search":                    "CREATE VIRTUAL TABLE words USING fts5 (payload, content = events, content_rowid = sequence_number); CREATE TRIGGER t AFTER INSERT ON events BEGIN INSERT INTO words (rowid, payload) VALUES (new.sequence_number, new.payload); END",
		"a view that is broken":       `CREATE VIEW broken AS SELECT * FROM "gone"`,
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			usedStore(t, path)
			raw := openRaw(t, path)
			raw.exec("PRAGMA legacy_alter_table = ON")
			raw.exec(change)
			raw.close()
			for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
				store := openStoreWith(t, path, Options{Options: options})
				had := len(facttest.All(t, store))
				facttest.Append(t, store, facttest.Batch(70, "a")...)
				if got := len(facttest.Query(t, store, factstr.OfTypes("a")).EventRecords); got != had+70 {
					t.Errorf("%d facts, want %d", got, had+70)
				}
				if got := compattest.Replayed(t, store, "projection", factstr.AllEvents()); len(got) != 1 || len(got[0]) != 70 {
					t.Errorf("replay: %v", got)
				}
				facttest.Close(t, store)
			}
		})
	}
}

// G2 G5: the tables may become something else while the store is open. Nothing is acknowledged on
// top of that, and nothing read.
func TestTablesThatBecomeSomethingElseWhileOpenAreNoticed(t *testing.T) {
	for name, c := range map[string]struct{ change, words string }{
		"a view":     {"ALTER TABLE events RENAME TO other; CREATE VIEW events AS SELECT * FROM other WHERE event_type <> 'a'", "events|view"},
		"swallowed":  {"CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END", "trigger t"},
		"changed":    {"CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM events; END", "trigger t"},
		"no table":   {"DROP TABLE append_batches", "dropped"},
		"generation": {"DROP TABLE factstr_durable_streams; CREATE TABLE factstr_durable_streams (name TEXT)", "factstr_durable_streams"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			usedStore(t, path)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			raw := openRaw(t, path)
			raw.exec("PRAGMA legacy_alter_table = ON")
			raw.exec(c.change)
			words := strings.Split(c.words, "|")
			for range 2 {
				_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
				facttest.WantError(t, err, factstr.CodeUnsupportedFormat, words...)
				_, err = store.Query(t.Context(), factstr.OfTypes("a"))
				facttest.WantError(t, err, factstr.CodeUnsupportedFormat, words...)
				_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, facttest.NewDeliveries(t))
				facttest.WantError(t, err, factstr.CodeUnsupportedFormat, words...)
			}
		})
	}
	t.Run("something harmless", func(t *testing.T) {
		path := newPath(t)
		store := openStore(t, path)
		raw := openRaw(t, path)
		for n, change := range []string{"CREATE TABLE side (n)", "CREATE INDEX foreign_index ON events (payload)", "ALTER TABLE events ADD COLUMN extra", "VACUUM"} {
			raw.exec(change)
			if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != uint64(n+1) {
				t.Errorf("%s: %+v", change, got)
			}
		}
	})
}

// G5: an append succeeds only after a check. The statements report how many rows they wrote,
// whatever hid the reason from the look at the tables.
func TestRowsThatWereLeftOutAreCounted(t *testing.T) {
	for table, write := range map[string]func(*factstr.Store) error{
		"events": func(store *factstr.Store) error {
			_, err := store.Append(t.Context(), facttest.Batch(1, "b"))
			return err
		},
		"append_batches": func(store *factstr.Store) error {
			_, err := store.Append(t.Context(), facttest.Batch(2, "b"))
			return err
		},
		"subscriber_cursors": func(store *factstr.Store) error {
			_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "other"}, facttest.NewDeliveries(t))
			return err
		},
	} {
		t.Run(table, func(t *testing.T) {
			path := newPath(t)
			usedStore(t, path)
			// A comment between the words is read by SQLite only.
			openRaw(t, path).exec("CREATE TRIGGER /* */ t BEFORE INSERT ON " + table + " BEGIN SELECT RAISE /* */ (IGNORE); END")
			store := openStore(t, path)
			failure := facttest.WantError(t, write(store), factstr.CodeBackendFailure, table, "trigger", "nothing was written")
			if failure.Reason != factstr.ReasonOther {
				t.Errorf("reason %s", failure.Reason)
			}
			if got := len(facttest.All(t, store)); got != 3 {
				t.Errorf("%d facts", got)
			}
		})
	}
}

// G5: a constraint or trigger of another program that refuses a fact fails that append alone, with
// a certain outcome and the reason.
func TestWhatAConstraintRefusesFailsThatAppendAlone(t *testing.T) {
	for name, c := range map[string]struct{ change, words string }{
		"check":               {copyOf("events", "payload TEXT NOT NULL", "payload TEXT NOT NULL, CONSTRAINT polite CHECK (event_type <> 'forbidden')"), "CHECK|polite"},
		"unique":              {"CREATE UNIQUE INDEX once ON events (event_type) WHERE event_type = 'forbidden'; INSERT INTO events VALUES (4, '', 'forbidden', '{}')", "UNIQUE"},
		"abort":               {"CREATE TRIGGER t BEFORE INSERT ON events WHEN new.event_type = 'forbidden' BEGIN SELECT RAISE(ABORT, 'never this'); END", "never this"},
		"rollback":            {"CREATE TRIGGER t AFTER INSERT ON events WHEN new.event_type = 'forbidden' BEGIN SELECT RAISE(ROLLBACK, 'never this'); END", "never this"},
		"fail":                {"CREATE TRIGGER t BEFORE INSERT ON events WHEN new.event_type = 'forbidden' BEGIN SELECT RAISE(FAIL, 'never this'); END", "never this"},
		"deferred constraint": {"CREATE TABLE allowed (type TEXT PRIMARY KEY); CREATE TABLE seen (type TEXT REFERENCES allowed DEFERRABLE INITIALLY DEFERRED); CREATE TRIGGER t AFTER INSERT ON events WHEN new.event_type = 'forbidden' BEGIN INSERT INTO seen VALUES (new.event_type); END", "FOREIGN KEY"},
		"missing function":    {"CREATE TRIGGER t AFTER INSERT ON append_batches BEGIN SELECT function_of_another_program(1); END", "function_of_another_program"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			usedStore(t, path)
			raw := openRaw(t, path)
			raw.exec("PRAGMA legacy_alter_table = ON")
			raw.exec(c.change)
			store := openStore(t, path)
			head := uint64(len(facttest.All(t, store)))
			var callers sync.WaitGroup
			for range 16 { // in groups with others
				callers.Go(func() {
					if _, err := store.Append(t.Context(), facttest.Batch(1, "a")); err != nil {
						t.Error(err)
					}
				})
				callers.Go(func() {
					_, err := store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("a", `1`), facttest.Fact("forbidden", `2`), facttest.Fact("a", `3`)})
					if failure := facttest.WantError(t, err, factstr.CodeBackendFailure, strings.Split(c.words, "|")...); failure.Reason != factstr.ReasonOther {
						t.Errorf("reason %s", failure.Reason)
					}
				})
			}
			callers.Wait()
			facttest.WantGapless(t, store, int(head)+16)
		})
	}
}
