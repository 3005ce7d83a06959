package compat

import (
	"slices"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
)

// Foreign additions are things that others add to the store's tables and schema. They stay, and
// disturb nothing.
func TestWhatOthersAddToTheDatabaseStaysAndDoesNotDisturb(t *testing.T) { // G2 G3 G19
	for name, change := range map[string]string{
		"side table":           "CREATE TABLE factstr_term_index (term BYTEA, n BIGINT, PRIMARY KEY (term, n)); INSERT INTO factstr_term_index VALUES ('x', 1)",
		"indexes":              "CREATE INDEX foreign_index ON events (payload); CREATE INDEX foreign_expression ON events ((payload ->> 'amount')); CREATE INDEX partial ON events (event_type) WHERE event_type = 'money-deposited'",
		"metadata row":         "INSERT INTO store_metadata VALUES ('color', 'blue')",
		"trigger":              "CREATE TABLE log (n BIGINT); CREATE FUNCTION note() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.sequence_number); RETURN NEW; END'; CREATE TRIGGER log_events AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION note()",
		"statement trigger":    "CREATE FUNCTION pass() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER passing AFTER INSERT ON append_batches EXECUTE FUNCTION pass()",
		"views":                "CREATE VIEW deposits AS SELECT * FROM events WHERE event_type = 'money-deposited'; CREATE MATERIALIZED VIEW kept AS SELECT * FROM events",
		"foreign key":          "CREATE TABLE notes (n BIGINT REFERENCES events (sequence_number)); INSERT INTO notes VALUES (7)",
		"columns":              "ALTER TABLE events ADD COLUMN extra TEXT; ALTER TABLE events ADD COLUMN stars INTEGER DEFAULT 5; ALTER TABLE events ADD COLUMN length INTEGER GENERATED ALWAYS AS (length(event_type)) STORED; ALTER TABLE durable_stream_cursors ADD COLUMN note TEXT",
		"columns of any name":  "ALTER TABLE events ADD COLUMN head BIGINT, ADD COLUMN holds TEXT, ADD COLUMN stored TEXT, ADD COLUMN p_head BIGINT, ADD COLUMN p_types TEXT, ADD COLUMN r_number TEXT, ADD COLUMN type TEXT, ADD COLUMN position BIGINT; ALTER TABLE append_batches ADD COLUMN head TEXT, ADD COLUMN first TEXT, ADD COLUMN p_lasts TEXT; ALTER TABLE durable_stream_cursors ADD COLUMN name TEXT, ADD COLUMN number TEXT, ADD COLUMN generation TEXT, ADD COLUMN sequence_number TEXT",
		"rules against change": "CREATE RULE keep AS ON DELETE TO events DO INSTEAD NOTHING; CREATE RULE keep_all AS ON UPDATE TO events DO INSTEAD NOTHING; CREATE RULE keep AS ON DELETE TO append_batches DO INSTEAD NOTHING; CREATE RULE keep AS ON DELETE TO durable_stream_cursors DO INSTEAD NOTHING",
		"no PL/pgSQL":          "DROP EXTENSION plpgsql CASCADE",
		"dropped column":       "ALTER TABLE events ADD COLUMN extra TEXT; ALTER TABLE events DROP COLUMN extra",
		"check":                "ALTER TABLE events ADD CHECK (sequence_number > 0)",
		"cursor row":           "INSERT INTO durable_stream_cursors VALUES ('foreign', 'not even JSON', 7)",
		"dropped indexes":      "DROP INDEX idx_events_type, idx_events_occurred_at, idx_events_payload_gin",
		"row security":         "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
		"replica identity":     "ALTER TABLE events REPLICA IDENTITY FULL; CREATE PUBLICATION changes FOR TABLE events",
		"clustered":            "ALTER TABLE events CLUSTER ON events_pkey",
		"isolation":            "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_isolation = serializable'; END $$",
		"repeatable read":      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET default_transaction_isolation = \"repeatable read\"'; END $$",
		"time zone and style":  "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET timezone = \"Asia/Kathmandu\"'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET datestyle = \"German\"'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET intervalstyle = \"sql_standard\"'; END $$",
		"bytes and strings":    "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET standard_conforming_strings = off'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET extra_float_digits = -15'; EXECUTE 'ALTER DATABASE ' || current_database() || ' SET bytea_output = escape'; END $$",
		"client encoding":      "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET client_encoding = LATIN1'; END $$",
		"nothing, for scale":   "SELECT 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := faulttest.RestoreRustStore(t)
			raw := faulttest.OpenSQL(t, url)
			raw.Run(change)
			isOfStore := func(line string) bool {
				return strings.Contains(line, "factstr_append_v2") || strings.Contains(line, "factstr_durable_streams") ||
					strings.Contains(line, "factstr_events_type_sequence") || strings.Contains(line, "factstr_parked_batches") ||
					strings.Contains(line, "idx_events_")
			}
			before := slices.DeleteFunc(raw.Catalog("public"), isOfStore)
			store, expected := openStore(t, url), readRustAnswers(t)
			compattest.CheckUse(t, store, expected)
			if records := facttest.All(t, store); records[0].OccurredAt != "2026-11-23T15:12:22.282457Z" || string(records[99].Payload) != expected.Events[99].Payload {
				t.Errorf("records: %+v", records[99])
			}
			facttest.Close(t, store)
			if after := slices.DeleteFunc(raw.Catalog("public"), isOfStore); !slices.Equal(before, after) {
				t.Errorf("%v became %v", before, after)
			}
			if got := raw.One("SELECT count(*) FROM pg_indexes WHERE indexname IN ('idx_events_type', 'idx_events_occurred_at', 'idx_events_payload_gin')"); got != "3" {
				t.Errorf("%s of the store's three indexes are there", got)
			}
			if name == "trigger" {
				if got := strings.Join(raw.Rows("SELECT n FROM log ORDER BY n"), " "); got != "206 207" {
					t.Errorf("the trigger noted %s", got)
				}
			}
		})
	}
}
