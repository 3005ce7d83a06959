//go:build unix

// Package pgtest gives tests real PostgreSQL servers: fresh databases on a server that all tests of
// a binary share, servers that a test may kill, stop and copy, and a proxy that loses connections
// on demand. Nothing of it is left when the process ends, however it ends.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Main runs the tests and then ends every server that is left. Use it in TestMain:
// os.Exit(pgtest.Main(m)). Without it the servers end a moment after the process.
func Main(m *testing.M) int {
	defer Finish()
	return m.Run()
}

// Finish ends every server that is left and waits until nothing remains of them.
func Finish() { theWarden.finish() }

// Database returns the URL of a fresh, empty database, which is dropped after the test. It is on
// the server that DATABASE_URL names, else on the shared one.
func Database(t testing.TB) string {
	t.Helper()
	server := os.Getenv("DATABASE_URL")
	if server == "" {
		server = Shared(t).URL()
	}
	url, drop, err := CreateDatabase(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

var startShared = sync.OnceValues(func() (*Server, error) { return Start(Options{}) })

// Shared returns the server that all tests of this binary share and that no test may stop. It is
// nil if DATABASE_URL names a server.
func Shared(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("DATABASE_URL") != "" {
		return nil
	}
	server, err := startShared()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// New starts a server for one test. If the test fails, the end of the server's log is shown.
func New(t testing.TB, options Options) *Server {
	t.Helper()
	server, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of the server on port %d:\n%s", server.Port(), lastLines(server.Log(), 50))
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// CreateDatabase creates an empty database with a random name on the server that the URL names. It
// returns the database's URL and a function that drops it.
func CreateDatabase(ctx context.Context, serverURL string) (url string, drop func() error, err error) {
	if _, err := parse(serverURL); err != nil {
		return "", nil, err
	}
	name := "factstr_test_" + strings.ToLower(rand.Text()[:16])
	// The locale does not matter to the store, and every server has C.
	if err := Exec(ctx, serverURL, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		return "", nil, fmt.Errorf("pgtest: making a database: %w", err)
	}
	drop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := Exec(ctx, serverURL, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("pgtest: dropping the database of a test: %w", err)
		}
		return nil
	}
	return WithDatabase(serverURL, name), drop, nil
}

// Exec runs statements on a connection of their own.
func Exec(ctx context.Context, url, sql string) error {
	connection, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()
	_, err = connection.Exec(ctx, sql).ReadAll()
	return err
}

func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
