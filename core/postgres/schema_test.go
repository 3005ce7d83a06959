package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func TestSchemasMayHaveAnyName(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	names := []string{
		"App", "my-schema", `qu"ote`, `it's \`, "a.b", "Überweisungen 送金 🚀", "{schema}", "%s $1", "$user", "$function$", "select", "public ", ";--", "1", "\t\n?=,", strings.Repeat("ü", 31), `"`, "events",
	}
	for i, name := range names {
		store := openStoreWith(t, url, Options{Schema: name, ConnectionsMax: 1})
		if got := facttest.Append(t, store, facttest.Batch(i%3+1, fmt.Sprint(i))...); got.FirstSequenceNumber != 1 {
			t.Errorf("%q: appended at %d", name, got.FirstSequenceNumber)
		}
		if got := compattest.Replayed(t, store, "same name", factstr.OfTypes(fmt.Sprint(i))); len(got) != 1 || len(got[0]) != i%3+1 {
			t.Errorf("%q: %v", name, got)
		}
		facttest.Close(t, store)
		// Opened again by the option, and by the URL alone.
		catalog := raw.Catalog(name)
		for spelling, url := range map[string]string{"option": url, "search_path": faulttest.InSchema(url, name)} {
			options := Options{ConnectionsMax: 1}
			if spelling == "option" || name == "$user" { // in a search_path it stands for the user's name
				options.Schema = name
			}
			store := openStoreWith(t, url, options)
			if records := facttest.All(t, store); len(records) != i%3+1 || records[0].EventType != fmt.Sprint(i) {
				t.Errorf("%q by %s: %v", name, spelling, records)
			}
			facttest.Close(t, store)
		}
		if after := raw.Catalog(name); !slices.Equal(after, catalog) || len(catalog) < 25 {
			t.Errorf("%q: the schema was %v and is %v", name, catalog, after)
		}
	}
	if got := raw.One("SELECT count(DISTINCT relnamespace) FROM pg_class WHERE relname = 'events'"); got != fmt.Sprint(len(names)) {
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

// The tables are in the schema in which a new table would be created, as for the Rust store. The
// rest of the path does not matter.
func TestAnySearchPathLeadsToOneStore(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	raw.Run(`CREATE SCHEMA one; CREATE SCHEMA "Two, three"; CREATE SCHEMA other; CREATE TABLE other.events (id INTEGER); CREATE TABLE other.append_batches (id INTEGER); CREATE TABLE other.text (id INTEGER);
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
				option = c.schema // otherwise new tables would go to the server's own schema
			}
			store := openStoreWith(t, faulttest.WithSearchPath(url, path), Options{Schema: option, Options: factstr.Options{TailEvents: -1}})
			before := raw.One("SELECT coalesce(max(sequence_number), 0) FROM " + quoted(c.schema) + ".events")
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
			if got := compattest.Replayed(t, store, path, factstr.OfTypes(path)); len(got) != 2 {
				t.Errorf("replay: %v", got)
			}
		})
	}
	for _, path := range []string{`""`, "none", `"$user"`} {
		refusedOpen(t, faulttest.WithSearchPath(url, path), Options{}, factstr.CodeInvalidArgument, "search_path", "schema")
	}
	if got := raw.One("SELECT count(*) FROM pg_class WHERE relnamespace = 'other'::regnamespace AND relkind = 'r'"); got != "3" {
		t.Errorf("%s tables in the other schema", got)
	}
}
