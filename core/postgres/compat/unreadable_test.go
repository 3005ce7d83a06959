package compat

import (
	"context"
	"maps"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func TestFormatsThatCannotBeReadAreRefusedAndLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	formats := compattest.UnreadableFormats()
	maps.Copy(formats, map[string]compattest.Unreadable{
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
			raw := faulttest.RestoreRustSchema(t, url, name)
			raw.Run(format.Change)
			before := raw.Catalog(name)
			refusedOpen(t, url, postgres.Options{Schema: name}, factstr.CodeUnsupportedFormat, name, format.Word)
			raw.WantCatalog(name, before)
		})
	}
}

func TestAForeignTableOfEventsIsRefusedAndNothingIsCreatedBesideIt(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	raw.Run("CREATE TABLE events (id BIGINT PRIMARY KEY, what TEXT); INSERT INTO events VALUES (1, 'concert')")
	before := raw.Catalog("public")
	refusedOpen(t, url, postgres.Options{}, factstr.CodeUnsupportedFormat, "public", "events", "sequence_number")
	raw.WantCatalog("public", before)
	// Another schema of the same database is not affected.
	facttest.Append(t, openStoreWith(t, url, postgres.Options{Schema: "app"}), facttest.Batch(1, "a")...)
}

func TestADatabaseOfAnotherEncodingIsRefused(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	for _, encoding := range []string{"SQL_ASCII", "LATIN1", "EUC_JP"} {
		name := raw.One("SELECT current_database()") + "_" + strings.ToLower(encoding)
		raw.Run("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING '" + encoding + "' LC_COLLATE 'C' LC_CTYPE 'C'")
		t.Cleanup(func() {
			if err := pgtest.Exec(context.Background(), url, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		})
		other := pgtest.WithDatabase(url, name)
		refusedOpen(t, other, postgres.Options{}, factstr.CodeUnsupportedFormat, encoding, "UTF8")
		if got := faulttest.OpenSQL(t, other).Catalog("public"); len(got) != 0 {
			t.Errorf("%s: %v was created", encoding, got)
		}
	}
}
