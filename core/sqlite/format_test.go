package sqlite

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

const schemaText = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%' ORDER BY name"

func TestTheEngineHasTheFixOfTheLogFileReset(t *testing.T) { // G5
	var major, minor, patch int
	version := openRaw(t, newPath(t)).one("SELECT sqlite_version()")
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if number := major*1_000_000 + minor*1000 + patch; number < 3_051_003 {
		t.Fatalf("SQLite %s is older than 3.51.3", version)
	}
}

func TestANewDatabaseIsWhatTheRustStoreMakes(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(2, "b")...)
	facttest.Close(t, store)
	ours, rust := openRaw(t, path), openRaw(t, copyFixture(t))
	for _, text := range []string{schemaText, "SELECT key, value, typeof(value) FROM store_metadata ORDER BY key", "PRAGMA user_version", "PRAGMA application_id", "PRAGMA page_size", "PRAGMA journal_mode", "PRAGMA encoding", "PRAGMA auto_vacuum"} {
		if got, want := ours.rows(text), rust.rows(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAppendsToADatabaseOfTheRustStoreStayInItsFormat(t *testing.T) { // G2 G3
	path := copyFixture(t)
	store := openStore(t, path)
	compattest.AppendBehind(t, store)
	facttest.Close(t, store)

	raw, expected := openRaw(t, path), readRustAnswers(t)
	compattest.CheckRowsAfterAppending(t, expected, raw.rows)
	if got := raw.rows("SELECT DISTINCT typeof(sequence_number), typeof(occurred_at), typeof(event_type), typeof(payload) FROM events"); !slices.Equal(got, []string{"integer|text|text|text"}) {
		t.Errorf("storage classes %v", got)
	}
	if got := raw.rows("SELECT DISTINCT typeof(first_sequence_number), typeof(last_sequence_number) FROM append_batches"); !slices.Equal(got, []string{"integer|integer"}) {
		t.Errorf("storage classes %v", got)
	}
	if got, want := raw.rows(schemaText), openRaw(t, copyFixture(t)).rows(schemaText); !slices.Equal(got, want) {
		t.Errorf("schema %v, want %v", got, want)
	}
	occurred := raw.rows("SELECT DISTINCT length(occurred_at), substr(occurred_at, 20, 1), substr(occurred_at, -1) FROM events WHERE sequence_number > 205")
	if !slices.Equal(occurred, []string{"27|.|Z"}) {
		t.Errorf("occurred_at %v", occurred)
	}
	for i, event := range expected.Events {
		if got, want := raw.one("SELECT occurred_at, event_type, payload FROM events WHERE sequence_number = ?", i+1), event.OccurredAt+"|"+event.EventType+"|"+event.Payload; got != want {
			t.Fatalf("a fact of the Rust store was changed: %s, was %s", got, want)
		}
	}
}

func TestADenseStoreWhoseBatchesCoverTheLogGetsTheMarker(t *testing.T) { // G3 G19
	path := copyFixture(t)
	raw := openRaw(t, path)
	raw.exec(compattest.MakeDense)
	store := openStore(t, path)
	if got := raw.one("SELECT value FROM store_metadata WHERE key = 'append_batch_boundary_format'"); got != "sparse_v1" {
		t.Errorf("marker %q", got)
	}
	if got, want := compattest.Replayed(t, store, "new", factstr.AllEvents()), readRustAnswers(t).AllBatches; !reflect.DeepEqual(got, want) {
		t.Errorf("batches %v, want %v", got, want)
	}
}

func TestAnEmptyStoreWithoutTheMarkerGetsIt(t *testing.T) {
	path := newPath(t)
	facttest.Close(t, openStore(t, path))
	raw := openRaw(t, path)
	raw.exec("DELETE FROM store_metadata")
	store := openStore(t, path)
	if got := raw.rows("SELECT * FROM store_metadata ORDER BY key"); !slices.Equal(got, compattest.Metadata()) {
		t.Errorf("metadata %v", got)
	}
	facttest.Append(t, store, facttest.Batch(1, "a")...)
}

func TestFormatsThatCannotBeReadAreRefusedAndLeftAsTheyAre(t *testing.T) {
	formats := compattest.UnreadableFormats()
	maps.Copy(formats, map[string]compattest.Unreadable{
		"foreign cursors":     {"DROP TABLE subscriber_cursors; CREATE TABLE subscriber_cursors (name TEXT)", "subscriber_cursors"},
		"foreign generations": {"CREATE TABLE factstr_durable_streams (id INTEGER PRIMARY KEY, name TEXT)", "factstr_durable_streams"},
	})
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			path := copyFixture(t)
			raw := openRaw(t, path)
			raw.exec("PRAGMA journal_mode = DELETE")
			raw.exec(format.Change)
			raw.close()
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeUnsupportedFormat, path, format.Word)
			if after, _ := os.ReadFile(path); !slices.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

// What 0.4.1 began and 0.5.2 went on with, and what other programs did to the boundaries: rows are
// batches where they are, any other fact is one of its own, and each fact is read and delivered
// once.
func TestAStoreWithoutTheMarkerOpensWhateverItsBatchesAre(t *testing.T) { // G1 G3 G19
	changes := compattest.GapsAndOverlaps()
	changes["as 0.5.2 left it"] = "DELETE FROM append_batches WHERE first_sequence_number = last_sequence_number"
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			path := copyFixture(t)
			raw := openRaw(t, path)
			raw.exec(compattest.MakeDense)
			raw.exec(change)
			store := openStore(t, path)
			if got := raw.rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, compattest.Metadata()) {
				t.Errorf("metadata %v", got)
			}
			if got := len(facttest.All(t, store)); got != 205 {
				t.Errorf("%d facts are read", got)
			}
			batches := compattest.Replayed(t, store, "new", factstr.AllEvents())
			numbers := slices.Concat(batches...)
			for i, number := range numbers {
				if number != strconv.Itoa(i+1) {
					t.Fatalf("delivered %v", batches)
				}
			}
			if len(numbers) != 205 {
				t.Errorf("%d facts were delivered", len(numbers))
			}
			if want := readRustAnswers(t).AllBatches; name == "as 0.5.2 left it" && !reflect.DeepEqual(batches, want) {
				t.Errorf("batches %v, want %v", batches, want)
			}
			if got := facttest.Append(t, store, facttest.Batch(2, "next")...); got.FirstSequenceNumber != 206 {
				t.Errorf("%+v", got)
			}
			if name == "past end" {
				return // its last row makes one batch of 205 and 206, of which 205 was delivered
			}
			if got := compattest.Replayed(t, store, "new", factstr.AllEvents()); fmt.Sprint(got) != "[[206 207]]" {
				t.Errorf("then %v", got)
			}
		})
	}
}

// A row that another program left behind the log's end is of no batch, and must not be in the way
// of the one that comes there.
func TestABoundaryBehindTheEndDoesNotStopAppends(t *testing.T) { // G3
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	openRaw(t, path).exec("INSERT INTO append_batches VALUES (4, 90)")
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if got := fmt.Sprint(compattest.Replayed(t, store, "new", factstr.AllEvents())); got != "[[1 2 3] [4 5] [6]]" {
		t.Errorf("%s", got)
	}
}

// A table of the same name must be told whichever of our other tables are there.
func TestAForeignTableOfEventsIsRefusedAndNothingIsCreatedBesideIt(t *testing.T) {
	for round := range 30 {
		path := newPath(t)
		raw := openRaw(t, path)
		raw.exec("CREATE TABLE events (id INTEGER PRIMARY KEY, what TEXT)")
		raw.exec("INSERT INTO events (what) VALUES ('concert')")
		refusedOpen(t, path, factstr.CodeUnsupportedFormat, "events")
		if got := raw.rows("SELECT name FROM sqlite_master"); !slices.Equal(got, []string{"events"}) {
			t.Fatalf("round %d: tables %v", round, got)
		}
		if got := raw.one("PRAGMA journal_mode"); got != "delete" {
			t.Fatalf("round %d: journal mode %s", round, got)
		}
	}
}

func TestWhatIsNoDatabaseIsRefusedAndLeftAsItIs(t *testing.T) {
	for name, content := range map[string]string{
		"text":           "dear diary",
		"long text":      strings.Repeat("dear diary\n", 1000),
		"broken header":  "SQLite format 3\x00" + strings.Repeat("\xff", 5000),
		"cut header":     "SQLite format 3",
		"header only":    "SQLite format 3\x00",
		"older format":   "** This file contains an SQLite 2.1 database **" + strings.Repeat("\x00", 1000),
		"encrypted look": strings.Repeat("\x81\x13\xfe", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeUnsupportedFormat, path)
			if after, _ := os.ReadFile(path); string(after) != content {
				t.Error("the file was changed")
			}
		})
	}
}

// What compat.md calls foreign additions: things that others put into the file beside the store's
// own tables. They stay, and nothing minds them.
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
			after := slices.DeleteFunc(settings(), func(name string) bool { return strings.HasPrefix(name, "factstr_durable_") })
			if !slices.Equal(before, after) {
				t.Errorf("%v became %v", before, after)
			}
			if got := raw.one("SELECT count(*) FROM sqlite_master WHERE name IN ('idx_events_type', 'idx_events_occurred_at')"); got != "2" {
				t.Errorf("%s of the store's two indexes are there", got)
			}
			if got := raw.one("PRAGMA journal_mode"); got != "wal" {
				t.Errorf("journal mode %s", got)
			}
		})
	}
}

func init() {
	roles["leaver"] = func(side *proctest.Side, arguments []string) error {
		store, err := Open(context.Background(), arguments[0], Options{})
		if err != nil {
			return err
		}
		for n := range 50 {
			if _, err := store.Append(context.Background(), facttest.Batch(n%3+1, "left")); err != nil {
				return err
			}
		}
		side.Say("appended")
		side.Await()
		return nil
	}
}

// A killed process leaves its newest facts in the -wal file. They are there for the next one, also
// in a copy of the two files taken while it lives.
func TestFactsInTheLogFileOfAKilledProcessAreThere(t *testing.T) { // G5
	path, copied := newPath(t), newPath(t)
	leaver := proctest.Start(t, "leaver", path)
	leaver.Expect("appended")
	copyFile(t, path, copied)
	copyFile(t, path+"-wal", copied+"-wal")
	leaver.Kill()
	for name, file := range map[string]string{"left behind": path, "a copy": copied} {
		if info, err := os.Stat(file + "-wal"); err != nil || info.Size() == 0 {
			t.Fatalf("%s: no log file: %v", name, err)
		}
		store := openStore(t, file)
		if records := facttest.All(t, store); len(records) != 99 || records[98].SequenceNumber != 99 {
			t.Errorf("%s: %d facts", name, len(records))
		}
		if got := compattest.Replayed(t, store, "new", factstr.AllEvents()); len(got) != 50 {
			t.Errorf("%s: %d batches", name, len(got))
		}
		if got := facttest.Append(t, store, facttest.Batch(1, "next")...); got.FirstSequenceNumber != 100 {
			t.Errorf("%s: appended at %s", name, strconv.FormatUint(got.FirstSequenceNumber, 10))
		}
	}
}
