package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/jackc/pgx/v5/pgconn"
)

func openStore(t testing.TB, url string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, url, Options{})
}

func openStoreWith(t testing.TB, url string, options Options) *factstr.Store {
	t.Helper()
	store, err := Open(t.Context(), url, options)
	return facttest.Opened(t, store, err)
}

// refusedOpen wants an error of a code whose message has all the words.
func refusedOpen(t testing.TB, url string, options Options, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Open(t.Context(), url, options)
	return facttest.Refused(t, store, err, code, words...)
}

// rawSQL is the database as another program sees it, on one connection.
type rawSQL struct {
	t testing.TB
	*pgconn.PgConn
}

func openRaw(t testing.TB, url string) rawSQL {
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
	return rawSQL{t, connection}
}

// exec runs statements without parameters, in one transaction unless they say otherwise.
func (r rawSQL) exec(text string) {
	r.t.Helper()
	if err := r.try(text); err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
}

func (r rawSQL) try(text string) error {
	_, err := r.Exec(context.Background(), text).ReadAll()
	return err
}

// rows reads a result as text, the values of a row joined by '|'.
func (r rawSQL) rows(text string, args ...any) (found []string) {
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

func (r rawSQL) one(text string, args ...any) string {
	r.t.Helper()
	return facttest.Only(r.t, text, r.rows(text, args...))
}
