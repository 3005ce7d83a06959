// Package faults has the tests that see the PostgreSQL store as a program does while servers,
// connections, hosts and processes are taken away. Tests that look inside are beside the store;
// those of the Rust format are in compat.
package faults

import (
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
)

// The openers below stand in core/postgres and compat as well: faulttest cannot import the store,
// since the store's own tests use faulttest.

func openStore(t testing.TB, url string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, url, postgres.Options{})
}

func openStoreWith(t testing.TB, url string, options postgres.Options) *factstr.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), url, options)
	return facttest.Opened(t, store, err)
}

// impatient are options whose timeouts are short.
func impatient() postgres.Options {
	return postgres.Options{ConnectTimeout: 2 * time.Second, LockTimeout: time.Second, ResponseTimeout: 2 * time.Second, PollInterval: 50 * time.Millisecond}
}
