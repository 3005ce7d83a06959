package faulttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQL is the database as another program sees it, on one connection.
type SQL struct {
	t testing.TB
	*pgconn.PgConn
}

func OpenSQL(t testing.TB, url string) SQL {
	t.Helper()
	connection, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), facttest.WaitMax)
		defer cancel()
		_ = connection.Close(ctx)
	})
	return SQL{t, connection}
}

// Run runs statements without parameters, in one transaction unless they say otherwise.
func (r SQL) Run(text string) {
	r.t.Helper()
	if err := r.Try(text); err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
}

func (r SQL) Try(text string) error {
	_, err := r.Exec(context.Background(), text).ReadAll()
	return err
}

// Rows returns a result as text, with the values of a row joined by '|'.
func (r SQL) Rows(text string, args ...any) (found []string) {
	r.t.Helper()
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = []byte(fmt.Sprint(arg))
	}
	result := r.ExecParams(context.Background(), text, values, nil, nil, nil).Read()
	if result.Err != nil {
		r.t.Fatalf("%s: %v", text, result.Err)
	}
	for _, row := range result.Rows {
		texts := make([]string, len(row))
		for i, value := range row {
			texts[i] = string(value)
		}
		found = append(found, strings.Join(texts, "|"))
	}
	return found
}

func (r SQL) One(text string, args ...any) string {
	r.t.Helper()
	return facttest.Only(r.t, text, r.Rows(text, args...))
}

// TypesIn returns the types of a schema's facts, in order.
func (r SQL) TypesIn(schema string) string {
	r.t.Helper()
	return strings.Join(r.Rows("SELECT event_type FROM "+Quoted(schema)+".events ORDER BY sequence_number"), " ")
}

// Catalog returns what a schema holds: one line for each column, constraint, index and so on.
func (r SQL) Catalog(schema string) []string {
	r.t.Helper()
	return r.Rows(`
		SELECT 'relation', c.relname::TEXT, c.relkind::TEXT, c.relpersistence::TEXT FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'column', c.relname || '.' || a.attnum, a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || a.attidentity::TEXT || a.attgenerated::TEXT,
			coalesce(pg_get_expr(d.adbin, d.adrelid), '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND a.attnum > 0
		UNION ALL SELECT 'constraint', k.conrelid::REGCLASS::TEXT, k.conname::TEXT, pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.connamespace = to_regnamespace($1)
		UNION ALL SELECT 'index', c.relname::TEXT, pg_get_indexdef(c.oid), i.indisvalid::TEXT FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'trigger', c.relname::TEXT, t.tgname::TEXT, '' FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE c.relnamespace = to_regnamespace($1)
		UNION ALL SELECT 'function', p.proname::TEXT, '', '' FROM pg_proc p WHERE p.pronamespace = to_regnamespace($1)
		ORDER BY 1, 2, 3`, Quoted(schema))
}

// WantCatalog fails the test if a schema's catalog has changed.
func (r SQL) WantCatalog(schema string, before []string) {
	r.t.Helper()
	if after := r.Catalog(schema); !slices.Equal(after, before) {
		r.t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// Quoted returns a name as a quoted identifier.
func Quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Literal returns a text as a literal.
func Literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}

// NewSQL uses a connection that the caller opened and closes.
func NewSQL(t testing.TB, connection *pgconn.PgConn) SQL { return SQL{t, connection} }
