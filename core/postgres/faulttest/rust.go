package faulttest

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// rustStore is a database that the Rust store 0.5.2 wrote, as pg_dump writes it.
//
//go:embed testdata/factstr-0.5.2.pg.sql
var rustStore string

// RestoreRustSchema restores the Rust store's database into a new schema, and returns a connection
// that uses the schema.
func RestoreRustSchema(t testing.TB, url, schema string) SQL {
	t.Helper()
	text := strings.ReplaceAll(rustStore, "public.", Quoted(schema)+".")
	if err := pgtest.Exec(t.Context(), url, "CREATE SCHEMA "+Quoted(schema)+"; "+text); err != nil {
		t.Fatal(err)
	}
	return OpenSQL(t, InSchema(url, schema))
}

// RestoreRustStore returns the URL of a fresh database into which the Rust store's is restored.
func RestoreRustStore(t testing.TB) string {
	t.Helper()
	url := pgtest.Database(t)
	if err := pgtest.Exec(t.Context(), url, rustStore); err != nil {
		t.Fatal(err)
	}
	return url
}
