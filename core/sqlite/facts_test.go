package sqlite

import (
	"cmp"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// newPath returns the path of a database that does not exist yet.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "facts.sqlite") }

func openStore(t testing.TB, path string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, path, Options{})
}

func openStoreWith(t testing.TB, path string, options Options) *factstr.Store {
	t.Helper()
	// The default, but for an emulator.
	options.CloseTimeout = cmp.Or(options.CloseTimeout, proctest.Patience(5*time.Second))
	store, err := Open(t.Context(), path, options)
	return facttest.Opened(t, store, err)
}

// refusedOpen wants an opening to fail with a code, and a message that has all the words.
func refusedOpen(t testing.TB, path string, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Open(t.Context(), path, Options{BusyTimeout: 50 * time.Millisecond})
	return facttest.Refused(t, store, err, code, words...)
}

// rawSQL is the database as another program sees it.
type rawSQL struct {
	t testing.TB
	*sql.DB
}

func openRaw(t testing.TB, path string) rawSQL {
	t.Helper()
	processSettings()
	uri := "file:" + strings.ReplaceAll((&url.URL{Path: path}).EscapedPath(), "?", "%3F")
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	raw := rawSQL{t, db}
	raw.exec("PRAGMA busy_timeout = 10000")
	return raw
}

func (r rawSQL) exec(text string, args ...any) {
	r.t.Helper()
	if _, err := r.DB.Exec(text, args...); err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
}

func (r rawSQL) close() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// rows returns a result as text, the values of a row joined by '|'.
func (r rawSQL) rows(text string, args ...any) (found []string) {
	r.t.Helper()
	rows, err := r.Query(text, args...)
	if err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = rows.Close() }()
	columns, _ := rows.Columns()
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			r.t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = value.String
		}
		found = append(found, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return found
}

func (r rawSQL) one(text string, args ...any) string {
	r.t.Helper()
	return facttest.Only(r.t, text, r.rows(text, args...))
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func openTestBackend(t testing.TB, path string) *backend {
	t.Helper()
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func filled(t *testing.T, path string, facts int) {
	t.Helper()
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(facts, "a")...)
	facttest.Close(t, store)
}
