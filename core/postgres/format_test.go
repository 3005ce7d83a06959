package postgres

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/rusttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// inSchema returns a URL whose connections use a schema where none is named.
func inSchema(url, schema string) string {
	return withSearchPath(url, quoted(schema))
}

func withSearchPath(url, path string) string {
	return pgtest.WithParam(url, "options", "-c search_path="+strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n").Replace(path))
}

// restoreSchema puts the facts of the Rust store into a new schema of a database, and returns a connection that uses it.
func restoreSchema(t testing.TB, url, schema string) rawSQL {
	t.Helper()
	dump, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(dump), "public.", quoted(schema)+".")
	if err := pgtest.Exec(t.Context(), url, "CREATE SCHEMA "+quoted(schema)+"; "+text); err != nil {
		t.Fatal(err)
	}
	return openRaw(t, inSchema(url, schema))
}

// catalog is what a schema holds, one line for each column, constraint, index and other thing.
func (r rawSQL) catalog(schema string) []string {
	r.t.Helper()
	return r.rows(`
		SELECT 'relation', c.relname::TEXT, c.relkind::TEXT, c.relpersistence::TEXT FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'column', c.relname || '.' || a.attnum, a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || a.attidentity::TEXT || a.attgenerated::TEXT,
			coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND a.attnum > 0
		UNION ALL SELECT 'constraint', k.conrelid::REGCLASS::TEXT, k.conname::TEXT, pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.connamespace = to_regnamespace($1)
		UNION ALL SELECT 'index', c.relname::TEXT, pg_get_indexdef(c.oid), i.indisvalid::TEXT FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'trigger', c.relname::TEXT, t.tgname::TEXT, '' FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'function', p.proname::TEXT, '', '' FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)
		ORDER BY 1, 2, 3`, quoted(schema))
}

// isOfOurs tells what this store puts beside the Rust store's tables.
func isOfOurs(line string) bool { return strings.Contains(line, "factstr_") }

func TestANewStoreIsWhatTheRustStoreMakes(t *testing.T) {
	ours, rust := pgtest.Database(t), restoreFixture(t)
	store := openStore(t, ours)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(2, "b")...)
	got, want := openRaw(t, ours).catalog("public"), openRaw(t, rust).catalog("public")
	if len(want) < 25 {
		t.Fatalf("the catalog of the fixture is %v", want)
	}
	added := slices.Clone(got)
	added = slices.DeleteFunc(added, func(line string) bool { return !isOfOurs(line) })
	got = slices.DeleteFunc(got, isOfOurs)
	if !slices.Equal(got, want) {
		t.Errorf("ours is\n%s\nthat of the Rust store\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var names []string
	for _, line := range added {
		kind, rest, _ := strings.Cut(line, "|")
		if name, _, _ := strings.Cut(rest, "|"); kind == "relation" || kind == "function" {
			names = append(names, name)
		}
	}
	if want := []string{"factstr_append_v1", "factstr_durable_streams", "factstr_durable_streams_pkey", "factstr_events_type_sequence"}; !slices.Equal(names, want) {
		t.Errorf("beside it there are %v, want %v", names, want)
	}
	const metadata = "SELECT key, value FROM store_metadata ORDER BY key"
	if got, want := openRaw(t, ours).rows(metadata), openRaw(t, rust).rows(metadata); !slices.Equal(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
}

func TestAppendsToADatabaseOfTheRustStoreStayInItsFormat(t *testing.T) { // G1 G2 G3 G6
	url := restoreFixture(t)
	raw, expected := openRaw(t, url), readRustAnswers(t)
	before := raw.catalog("public")
	store := openStore(t, url)
	rusttest.AppendBehind(t, store)
	facttest.Close(t, store)

	rusttest.CheckRowsAfterAppending(t, expected, raw.rows)
	if got := slices.DeleteFunc(raw.catalog("public"), isOfOurs); !slices.Equal(got, before) {
		t.Errorf("the catalog was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(got, "\n"))
	}
	if got := raw.one("SELECT event_type, payload, occurred_at BETWEEN now() - INTERVAL '1 hour' AND now() + INTERVAL '1 hour' FROM events WHERE sequence_number = 206"); got != `one|{"a": "é", "z": 1}|t` {
		t.Errorf("the fact is %s", got)
	}
	for i, row := range raw.rows("SELECT event_type, payload, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.') || rtrim(to_char(occurred_at, 'US'), '0') || 'Z' FROM events WHERE sequence_number <= 205 ORDER BY sequence_number") {
		if event := expected.Events[i]; row != event.EventType+"|"+event.Payload+"|"+event.ReadAt {
			t.Fatalf("a fact of the Rust store was changed: %s, was %v", row, event)
		}
	}
}

// The Rust store knows nothing of generations: it writes cursors of names whose row of ours stays as it was, and of names that have none.
func TestACursorThatTheRustStoreMovesIsWhereOursGoesOn(t *testing.T) { // G19 G22 G23
	url := pgtest.Database(t)
	store, raw := openStore(t, url), openRaw(t, url)
	for range 6 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
	}
	if got := fmt.Sprint(rusttest.Replayed(t, store, "ours", factstr.OfTypes("a"))); got != "[[1] [2] [3] [4] [5] [6]]" {
		t.Errorf("new: %s", got)
	}
	stored := raw.one("SELECT durable_stream_id, event_query, last_processed_sequence_number FROM durable_stream_cursors")
	if want := `ours|{"filters":[{"event_types":["a"],"payload_predicates":null}],"min_sequence_number":null}|6`; stored != want {
		t.Errorf("the cursor row is %s, want %s", stored, want)
	}
	raw.exec("UPDATE durable_stream_cursors SET last_processed_sequence_number = 4 WHERE durable_stream_id = 'ours'")
	if got := fmt.Sprint(rusttest.Replayed(t, store, "ours", factstr.OfTypes("a"))); got != "[[5] [6]]" {
		t.Errorf("moved back: %s", got)
	}
	raw.exec(`INSERT INTO durable_stream_cursors VALUES ('rust', '{"filters":null,"min_sequence_number":null}', 5)`)
	if got := fmt.Sprint(rusttest.Replayed(t, store, "rust", factstr.AllEvents())); got != "[[6]]" {
		t.Errorf("of the Rust store: %s", got)
	}
	// Our own table may get lost.
	facttest.Close(t, store)
	raw.exec("DROP TABLE factstr_durable_streams; UPDATE durable_stream_cursors SET last_processed_sequence_number = 3")
	store = openStore(t, url)
	for _, name := range []string{"ours", "rust"} {
		query := factstr.OfTypes("a")
		if name == "rust" {
			query = factstr.AllEvents()
		}
		if got := fmt.Sprint(rusttest.Replayed(t, store, name, query)); got != "[[4] [5] [6]]" {
			t.Errorf("%s without generations: %s", name, got)
		}
		if got := raw.one("SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", name); got != "6" {
			t.Errorf("the cursor of %s is %s", name, got)
		}
	}
}

func TestADenseStoreWhoseBatchesCoverTheLogGetsTheMarker(t *testing.T) { // G3 G19
	t.Parallel()
	url := pgtest.Database(t)
	for schema, change := range map[string]string{"dense": "", "no_metadata": "; DROP TABLE store_metadata", "no_version": "; DELETE FROM store_metadata", "no_indexes": "; DROP INDEX idx_events_type, idx_events_payload_gin"} {
		t.Run(schema, func(t *testing.T) {
			raw := restoreSchema(t, url, schema)
			raw.exec(rusttest.MakeDense + change)
			store := openStoreWith(t, url, Options{Schema: schema})
			if got := raw.rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, rusttest.Metadata()) {
				t.Errorf("metadata %v", got)
			}
			if got, want := rusttest.Replayed(t, store, "new", factstr.AllEvents()), readRustAnswers(t).AllBatches; !reflect.DeepEqual(got, want) {
				t.Errorf("batches %v, want %v", got, want)
			}
			if got := raw.one("SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'idx_events_%'", schema); got != "3" {
				t.Errorf("%s of the store's three indexes are there", got)
			}
			facttest.Append(t, store, facttest.Batch(1, "sparse")...)
			if got := raw.one("SELECT max(last_sequence_number) FROM append_batches"); got != "205" {
				t.Errorf("a single fact got a row of its own: %s", got)
			}
		})
	}
}

// A creation that was cut off between the Rust store's statements.
func TestAStoreThatWasHalfCreatedIsCompleted(t *testing.T) { // G3
	t.Parallel()
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	openStoreWith(t, url, Options{Schema: "whole"})
	for i := range len(rustCreation) + 1 {
		schema := fmt.Sprint("half ", i)
		raw.exec("CREATE SCHEMA " + quoted(schema) + "; SET search_path = " + quoted(schema) + ";" + strings.Join(rustCreation[:i], ";"))
		store := openStoreWith(t, url, Options{Schema: schema})
		if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != 1 {
			t.Errorf("after %d statements: %+v", i, got)
		}
		if got := fmt.Sprint(rusttest.Replayed(t, store, "new", factstr.AllEvents())); got != "[[1 2]]" {
			t.Errorf("after %d statements: %s", i, got)
		}
		in := func(schema string) string {
			return strings.NewReplacer(quoted(schema)+".", "", schema+".", "").Replace(strings.Join(raw.catalog(schema), "\n"))
		}
		if got, want := in(schema), in("whole"); got != want {
			t.Errorf("after %d statements the schema holds\n%s\nwant\n%s", i, got, want)
		}
		facttest.Close(t, store)
	}
}

// rustCreation are the statements by which the Rust store creates itself, each committed on its own.
var rustCreation = []string{
	"CREATE TABLE IF NOT EXISTS events (sequence_number BIGINT PRIMARY KEY, occurred_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), event_type TEXT NOT NULL, payload JSONB NOT NULL)",
	"CREATE TABLE IF NOT EXISTS append_batches (first_sequence_number BIGINT PRIMARY KEY, last_sequence_number BIGINT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS store_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS durable_stream_cursors (durable_stream_id TEXT PRIMARY KEY, event_query TEXT NOT NULL, last_processed_sequence_number BIGINT NOT NULL)",
	"CREATE INDEX IF NOT EXISTS idx_events_type ON events (event_type)",
	"CREATE INDEX IF NOT EXISTS idx_events_occurred_at ON events (occurred_at)",
	"CREATE INDEX IF NOT EXISTS idx_events_payload_gin ON events USING gin (payload)",
	"INSERT INTO store_metadata (key, value) VALUES ('store_format_version', '1') ON CONFLICT (key) DO NOTHING",
	"INSERT INTO store_metadata (key, value) VALUES ('append_batch_boundary_format', 'sparse_v1')",
}

func TestFormatsThatCannotBeReadAreRefusedAndLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	formats := rusttest.UnreadableFormats()
	maps.Copy(formats, map[string]rusttest.Unreadable{
		"foreign cursors":     {"DROP TABLE durable_stream_cursors; CREATE TABLE durable_stream_cursors (name TEXT)", "durable_stream_cursors"},
		"foreign batches":     {"DROP TABLE append_batches; CREATE TABLE append_batches (first BIGINT, last BIGINT)", "append_batches"},
		"payload of text":     {"DROP INDEX idx_events_payload_gin; ALTER TABLE events ALTER payload TYPE TEXT USING payload::TEXT", "payload"},
		"payload of json":     {"DROP INDEX idx_events_payload_gin; ALTER TABLE events ALTER payload TYPE JSON", "payload"},
		"numbers of 32 bits":  {"ALTER TABLE events ALTER sequence_number TYPE INTEGER", "sequence_number"},
		"times without zone":  {"ALTER TABLE events ALTER occurred_at TYPE TIMESTAMP", "occurred_at"},
		"types of characters": {"ALTER TABLE events ALTER event_type TYPE CHAR(30)", "event_type"},
		"an events view":      {"ALTER TABLE events RENAME TO facts; CREATE VIEW events AS SELECT * FROM facts", "events"},
		"an events sequence":  {"DROP TABLE events; CREATE SEQUENCE events", "events"},
		"no key":              {"ALTER TABLE events DROP CONSTRAINT events_pkey", "events"},
		"our table's name":    {"CREATE TABLE factstr_durable_streams (who TEXT)", "factstr_durable_streams"},
	})
	for name, format := range formats {
		t.Run(name, func(t *testing.T) {
			raw := restoreSchema(t, url, name)
			raw.exec(format.Change)
			before := raw.catalog(name)
			refusedOpen(t, url, Options{Schema: name}, factstr.CodeUnsupportedFormat, name, format.Word)
			if after := raw.catalog(name); !slices.Equal(after, before) {
				t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
		})
	}
}

func TestADenseStoreWithAGapOrAnOverlapIsRefused(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	for name, change := range rusttest.GapsAndOverlaps() {
		t.Run(name, func(t *testing.T) {
			raw := restoreSchema(t, url, name)
			raw.exec(rusttest.MakeDense + ";" + change)
			before := raw.catalog(name)
			refusedOpen(t, url, Options{Schema: name}, factstr.CodeUnsupportedFormat, "append_batches")
			if after := raw.catalog(name); !slices.Equal(after, before) {
				t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
		})
	}
}

func TestAForeignTableOfEventsIsRefusedAndNothingIsCreatedBesideIt(t *testing.T) {
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	raw.exec("CREATE TABLE events (id BIGINT PRIMARY KEY, what TEXT); INSERT INTO events VALUES (1, 'concert')")
	before := raw.catalog("public")
	refusedOpen(t, url, Options{}, factstr.CodeUnsupportedFormat, "public", "events", "sequence_number")
	if after := raw.catalog("public"); !slices.Equal(after, before) {
		t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	// Another schema of the same database is no concern of it.
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(1, "a")...)
}

// What compat.md calls foreign additions: things that others put beside the store's own tables. They stay, and nothing minds them.
func TestWhatOthersAddToTheDatabaseStaysAndDoesNotDisturb(t *testing.T) { // G2 G3 G19
	for name, change := range map[string]string{
		"side table":          "CREATE TABLE factstr_term_index (term BYTEA, n BIGINT, PRIMARY KEY (term, n)); INSERT INTO factstr_term_index VALUES ('x', 1)",
		"indexes":             "CREATE INDEX foreign_index ON events (payload); CREATE INDEX foreign_expression ON events ((payload ->> 'amount')); CREATE INDEX partial ON events (event_type) WHERE event_type = 'money-deposited'",
		"metadata row":        "INSERT INTO store_metadata VALUES ('color', 'blue')",
		"trigger":             "CREATE TABLE log (n BIGINT); CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.sequence_number); RETURN NEW; END'; CREATE TRIGGER log_events AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note()",
		"statement trigger":   "CREATE FUNCTION pass() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER passing AFTER INSERT ON append_batches EXECUTE FUNCTION pass()",
		"views":               "CREATE VIEW deposits AS SELECT * FROM events WHERE event_type = 'money-deposited'; CREATE MATERIALIZED VIEW kept AS SELECT * FROM events",
		"foreign key":         "CREATE TABLE notes (n BIGINT REFERENCES events (sequence_number)); INSERT INTO notes VALUES (7)",
		"columns":             "ALTER TABLE events ADD COLUMN extra TEXT; ALTER TABLE events ADD COLUMN stars INTEGER DEFAULT 5; ALTER TABLE events ADD COLUMN length INTEGER GENERATED ALWAYS AS (length(event_type)) STORED; ALTER TABLE durable_stream_cursors ADD COLUMN note TEXT",
		"dropped column":      "ALTER TABLE events ADD COLUMN extra TEXT; ALTER TABLE events DROP COLUMN extra",
		"check":               "ALTER TABLE events ADD CHECK (sequence_number > 0)",
		"cursor row":          "INSERT INTO durable_stream_cursors VALUES ('foreign', 'not even JSON', 7)",
		"dropped indexes":     "DROP INDEX idx_events_type, idx_events_occurred_at, idx_events_payload_gin",
		"row security":        "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
		"replica identity":    "ALTER TABLE events REPLICA IDENTITY FULL; CREATE PUBLICATION changes FOR TABLE events",
		"clustered":           "ALTER TABLE events CLUSTER ON events_pkey",
		"isolation":           "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_isolation = serializable'; END $$",
		"repeatable read":     "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_isolation = \"repeatable read\"'; END $$",
		"time zone and style": "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET timezone = \"Asia/Kathmandu\"'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET datestyle = \"German\"'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET intervalstyle = \"sql_standard\"'; END $$",
		"bytes and strings":   "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET standard_conforming_strings = off'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET extra_float_digits = -15'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET bytea_output = escape'; END $$",
		"client encoding":     "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET client_encoding = LATIN1'; END $$",
		"nothing, for scale":  "SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := restoreFixture(t)
			raw := openRaw(t, url)
			raw.exec(change)
			isOfStore := func(line string) bool {
				return strings.Contains(line, "factstr_append_v1") || strings.Contains(line, "factstr_durable_streams") || strings.Contains(line, "factstr_events_type_sequence") || strings.Contains(line, "idx_events_")
			}
			before := slices.DeleteFunc(raw.catalog("public"), isOfStore)
			store, expected := openStore(t, url), readRustAnswers(t)
			rusttest.CheckUse(t, store, expected)
			if records := facttest.All(t, store); records[0].OccurredAt != "2026-11-23T15:12:22.282457Z" || string(records[99].Payload) != expected.Events[99].Payload {
				t.Errorf("records: %+v", records[99])
			}
			facttest.Close(t, store)
			if after := slices.DeleteFunc(raw.catalog("public"), isOfStore); !slices.Equal(before, after) {
				t.Errorf("%v became %v", before, after)
			}
			if got := raw.one("SELECT count(*) FROM pg_indexes WHERE indexname IN ('idx_events_type', 'idx_events_occurred_at', 'idx_events_payload_gin')"); got != "3" {
				t.Errorf("%s of the store's three indexes are there", got)
			}
			if name == "trigger" {
				if got := strings.Join(raw.rows("SELECT n FROM log ORDER BY n"), " "); got != "206 207" {
					t.Errorf("the trigger noted %s", got)
				}
			}
		})
	}
}

func TestSchemasMayHaveAnyName(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	names := []string{
		"App", "my-schema", `qu"ote`, `it's \`, "a.b", "Überweisungen 送金 🚀", "{schema}", "%s $1", "$user", "$function$", "select", "public ", ";--", "1", "\t\n?=,", strings.Repeat("ü", 31), `"`, "events",
	}
	for i, name := range names {
		store := openStoreWith(t, url, Options{Schema: name, ConnectionsMax: 1})
		if got := facttest.Append(t, store, facttest.Batch(i%3+1, fmt.Sprint(i))...); got.FirstSequenceNumber != 1 {
			t.Errorf("%q: appended at %d", name, got.FirstSequenceNumber)
		}
		if got := rusttest.Replayed(t, store, "same name", factstr.OfTypes(fmt.Sprint(i))); len(got) != 1 || len(got[0]) != i%3+1 {
			t.Errorf("%q: %v", name, got)
		}
		facttest.Close(t, store)
		// By the option again, and by the URL alone.
		catalog := raw.catalog(name)
		for spelling, url := range map[string]string{"option": url, "search_path": inSchema(url, name)} {
			options := Options{ConnectionsMax: 1}
			if spelling == "option" || name == "$user" { // in a search_path this is the user's own name
				options.Schema = name
			}
			store := openStoreWith(t, url, options)
			if records := facttest.All(t, store); len(records) != i%3+1 || records[0].EventType != fmt.Sprint(i) {
				t.Errorf("%q by %s: %v", name, spelling, records)
			}
			facttest.Close(t, store)
		}
		if after := raw.catalog(name); !slices.Equal(after, catalog) || len(catalog) < 25 {
			t.Errorf("%q: the schema was %v and is %v", name, catalog, after)
		}
	}
	if got := raw.one("SELECT count(DISTINCT relnamespace) FROM pg_class WHERE relname = 'events'"); got != fmt.Sprint(len(names)) {
		t.Errorf("%s schemas hold a store, want %d", got, len(names))
	}
}

func TestNamesThatCannotBeSchemasAreRefused(t *testing.T) {
	url := pgtest.Database(t)
	for name, word := range map[string]string{
		strings.Repeat("n", 64): "63", strings.Repeat("ü", 32): "63", "a\x00b": "schema", "\xff": "UTF-8", "pg_app": "schema", "pg_catalog": "schema", "information_schema": "schema",
	} {
		refusedOpen(t, url, Options{Schema: name}, factstr.CodeInvalidArgument, word)
	}
}

// Where the tables are is what a new table's schema would be, as for the Rust store. What else the path holds does not matter.
func TestAnySearchPathLeadsToOneStore(t *testing.T) {
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	raw.exec(`CREATE SCHEMA one; CREATE SCHEMA "Two, three"; CREATE SCHEMA other; CREATE TABLE other.events (id INTEGER); CREATE TABLE other.append_batches (id INTEGER); CREATE TABLE other.text (id INTEGER);
		-- These take their arguments better than the server's own do.
		CREATE FUNCTION other.unnest(TEXT[]) RETURNS SETOF TEXT LANGUAGE sql AS 'SELECT NULL::TEXT';
		CREATE FUNCTION other.cardinality(TEXT[]) RETURNS INTEGER LANGUAGE sql AS 'SELECT 1 / 0';
		CREATE FUNCTION other.cardinality(BIGINT[]) RETURNS INTEGER LANGUAGE sql AS 'SELECT 1 / 0';
		CREATE FUNCTION other.pg_column_size(JSONB) RETURNS INTEGER LANGUAGE sql AS 'SELECT 1 / 0'`)
	for path, c := range map[string]struct{ option, schema string }{
		`one`: {"", "one"}, `one, other, public`: {"", "one"}, `none, one`: {"", "one"}, `"$user", one`: {"", "one"}, `pg_catalog, one`: {"pg_catalog", "one"}, `"Two, three"`: {"", "Two, three"},
		`other, one`: {"one", "one"}, `other`: {"Two, three", "Two, three"}, `""`: {"one", "one"}, `none`: {"public", "public"},
	} {
		t.Run(path, func(t *testing.T) {
			option := c.option
			if option == "pg_catalog" {
				option = c.schema // new tables would go to the server's own schema
			}
			store := openStoreWith(t, withSearchPath(url, path), Options{Schema: option, Options: factstr.Options{TailEvents: -1}})
			before := raw.one("SELECT coalesce(max(sequence_number), 0) FROM " + quoted(c.schema) + ".events")
			result := facttest.Append(t, store, facttest.Fact(path, `{"tags":["a"]}`), facttest.Fact(path, `{}`))
			if fmt.Sprint(result.FirstSequenceNumber-1) != before {
				t.Errorf("appended at %d behind %s", result.FirstSequenceNumber, before)
			}
			// The condition meets facts that another store wrote meanwhile.
			another := openStoreWith(t, url, Options{Schema: c.schema})
			facttest.Append(t, another, facttest.Fact("another", `{}`))
			matching := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{path}, PayloadPredicates: facttest.JSONTexts(`{"tags":["a"]}`)}}}
			if _, err := store.AppendIf(t.Context(), facttest.Batch(1, path), matching, &result.FirstSequenceNumber); err != nil {
				t.Error(err)
			}
			if got := rusttest.Replayed(t, store, path, factstr.OfTypes(path)); len(got) != 2 {
				t.Errorf("replay: %v", got)
			}
		})
	}
	for _, path := range []string{`""`, "none", `"$user"`} {
		refusedOpen(t, withSearchPath(url, path), Options{}, factstr.CodeInvalidArgument, "search_path", "schema")
	}
	if got := raw.one("SELECT count(*) FROM pg_class WHERE relnamespace = 'other'::regnamespace AND relkind = 'r'"); got != "3" {
		t.Errorf("%s tables in the other schema", got)
	}
}

func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1", "EUC_JP"} {
		name := raw.one("SELECT current_database()") + "_" + strings.ToLower(encoding)
		raw.exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING '" + encoding + "' LC_COLLATE 'C' LC_CTYPE 'C'")
		t.Cleanup(func() {
			if err := pgtest.Exec(context.Background(), url, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		})
		other := pgtest.WithDatabase(url, name)
		refusedOpen(t, other, Options{}, factstr.CodeUnsupportedFormat, encoding, "UTF8")
		if got := openRaw(t, other).catalog("public"); len(got) != 0 {
			t.Errorf("%s: %v was created", encoding, got)
		}
	}
}

func TestStoresThatAreCreatedAtTheSameTimeAreOneStore(t *testing.T) { // G2
	t.Parallel()
	url := pgtest.Database(t)
	for round := range 20 {
		schema := fmt.Sprint("round ", round)
		var opening sync.WaitGroup
		start := make(chan struct{})
		for i := range 4 {
			opening.Go(func() {
				<-start
				store := openStoreWith(t, url, Options{Schema: schema})
				facttest.Append(t, store, facttest.Batch(2, fmt.Sprint(i))...)
				facttest.Close(t, store)
			})
		}
		close(start)
		opening.Wait()
		if records := facttest.All(t, openStoreWith(t, url, Options{Schema: schema})); len(records) != 8 || records[7].SequenceNumber != 8 {
			t.Fatalf("round %d: %v", round, facttest.Numbers(records))
		}
	}
}

// The Rust store may fail then, as it does beside another one of its own, and succeeds when it is tried again.
func TestAStoreMayBeCreatedWhileTheRustStoreCreatesIt(t *testing.T) { // G2
	t.Parallel()
	url := pgtest.Database(t)
	raw := openRaw(t, url)
	for round := range 20 {
		schema := fmt.Sprint("round ", round)
		raw.exec("CREATE SCHEMA " + quoted(schema))
		var opening sync.WaitGroup
		start := make(chan struct{})
		rust := openRaw(t, inSchema(url, schema))
		opening.Go(func() {
			<-start
			for at := 0; at < len(rustCreation); at++ {
				if err := rust.try(rustCreation[at]); err != nil && state(err) != uniqueViolation && state(err) != "42P07" {
					t.Errorf("round %d: %v", round, err)
				}
			}
		})
		for i := range 2 {
			opening.Go(func() {
				<-start
				facttest.Append(t, openStoreWith(t, url, Options{Schema: schema, ConnectionsMax: 1}), facttest.Batch(2, fmt.Sprint(i))...)
			})
		}
		close(start)
		opening.Wait()
		if got := rust.one("SELECT count(*), max(sequence_number) FROM events"); got != "4|4" {
			t.Errorf("round %d: events %s", round, got)
		}
		if got := rust.rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, rusttest.Metadata()) {
			t.Errorf("round %d: metadata %v", round, got)
		}
	}
}
