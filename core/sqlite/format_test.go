package sqlite

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

const schemaText = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex%' ORDER BY name"

// rustIndexes are statements that the Rust store runs whenever it opens a database.
var rustIndexes = []string{
	"CREATE INDEX IF NOT EXISTS idx_events_type ON events(event_type)",
	"CREATE INDEX IF NOT EXISTS idx_events_occurred_at ON events(occurred_at)",
}

// G2 G3: a new database is what the Rust store makes, but for two indexes, which that store makes
// when it opens the database.
func TestANewDatabaseIsWhatTheRustStoreMakes(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(2, "b")...)
	facttest.Close(t, store)
	ours, rust := openRaw(t, path), openRaw(t, copyFixture(t))
	if got := ours.rows("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"); len(got) > 0 {
		t.Errorf("indexes %q, which each append pays for", got)
	}
	for _, statement := range rustIndexes {
		ours.exec(statement)
	}
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

// A store that 0.4.1 began and 0.5.2 went on with, and what other programs did to the boundaries:
// rows are batches where they are, any other fact is a batch of its own, and each fact is read and
// delivered once.
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

// A foreign table of the same name must be noticed whichever of the store's tables are there.
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
			if beside, _ := filepath.Glob(path + "?*"); len(beside) > 0 {
				t.Errorf("beside it there are %v", beside)
			}
		})
	}
}

// G2: a table that somebody made between the look at an empty file and the lock is not taken for a
// store.
func TestTablesThatComeBeforeTheLockAreRefused(t *testing.T) {
	path := newPath(t)
	raw := openRaw(t, path)
	raw.exec("PRAGMA journal_mode = WAL")
	c, err := openConn(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	c.beforeParse = func(text string) {
		if text == "BEGIN IMMEDIATE" {
			raw.exec("CREATE TABLE events (id INTEGER PRIMARY KEY)")
		}
	}
	facttest.WantError(t, prepareSchema(c, path), factstr.CodeUnsupportedFormat, "events")
	if got := raw.rows("SELECT name FROM sqlite_master"); !slices.Equal(got, []string{"events"}) {
		t.Errorf("tables %v", got)
	}
}

// G2: what was there before must fit the tables that are made, or they are not made.
func TestATriggerThatWaitsForTheTablesIsRefused(t *testing.T) {
	path := newPath(t)
	raw := openRaw(t, path)
	raw.exec("CREATE TABLE subscriber_cursors (subscriber_id TEXT PRIMARY KEY, event_query TEXT NOT NULL, last_processed_sequence_number INTEGER NOT NULL)")
	raw.exec("CREATE TRIGGER t AFTER UPDATE ON subscriber_cursors BEGIN DELETE FROM events; END")
	refusedOpen(t, path, factstr.CodeUnsupportedFormat, "trigger t", "events")
	if got := raw.one("SELECT count(*) FROM sqlite_master WHERE name = 'events'"); got != "0" {
		t.Error("the table of events was made")
	}
}
