package sqlite

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// An opening waits in three places: for the turnstile, for a database that somebody else has locked
// exclusively, and for SQLite's write lock to create what is missing.
func TestAnOpeningThatWaitsIsGivenUpAtOnce(t *testing.T) {
	for name, lock := range map[string]func(t *testing.T, path string) (unlock func()){
		"a process of this library that writes": func(t *testing.T, path string) func() {
			file, err := oslock.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			turnstile := oslock.NewTurnstile(file, turnstileOffset)
			if err := turnstile.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			return func() { _ = file.Close() }
		},
		"another program that has the database for itself": func(t *testing.T, path string) func() {
			raw := openRaw(t, path)
			raw.exec("CREATE TABLE other (n)")
			raw.exec("BEGIN EXCLUSIVE")
			return func() { raw.exec("ROLLBACK") }
		},
		"another program that reads while the mode is changed": func(t *testing.T, path string) func() {
			raw := openRaw(t, path)
			raw.exec("CREATE TABLE other (n)")
			raw.exec("BEGIN")
			raw.exec("SELECT count(*) FROM other")
			return func() { raw.exec("ROLLBACK") }
		},
		"another program that writes": func(t *testing.T, path string) func() {
			raw := openRaw(t, path)
			raw.exec("PRAGMA journal_mode = WAL")
			raw.exec("BEGIN IMMEDIATE")
			return func() { raw.exec("ROLLBACK") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			unlock := lock(t, path)
			for code, givenUp := range map[factstr.Code]func() (context.Context, context.CancelFunc){
				factstr.CodeCancelled: func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(50*time.Millisecond, cancel)
					return ctx, cancel
				},
				factstr.CodeTimeout: func() (context.Context, context.CancelFunc) {
					return context.WithTimeout(t.Context(), 50*time.Millisecond)
				},
			} {
				ctx, cancel := givenUp()
				ended := make(chan error, 1)
				go func() {
					_, err := Open(ctx, path, Options{BusyTimeout: time.Hour})
					ended <- err
				}()
				select {
				case err := <-ended:
					facttest.WantError(t, err, code, "sqlite")
				case <-time.After(facttest.WaitMax):
					t.Fatal("the opening goes on")
				}
				cancel()
			}
			unlock()
			// What was given up holds nothing.
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
		})
	}
}

// The time limit of an opening does not apply to anything later.
func TestAStoreOutlivesTheContextThatItWasOpenedWith(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store, err := Open(ctx, newPath(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if got := len(facttest.All(t, store)); got != 1 {
		t.Errorf("%d facts", got)
	}
	facttest.Close(t, store)
}
