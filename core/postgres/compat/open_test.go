// Package compat has the tests of the format: databases of the Rust store 0.5.2 and its appenders,
// what others put into the tables, and formats that cannot be read.
package compat

import (
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
)

// The openers below stand in core/postgres and faults as well: faulttest cannot import the store,
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

// refusedOpen wants opening to fail with a code and a message that has all the words.
func refusedOpen(t testing.TB, url string, options postgres.Options, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := postgres.Open(t.Context(), url, options)
	return facttest.Refused(t, store, err, code, words...)
}
