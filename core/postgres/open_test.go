package postgres

import (
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
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

// refusedOpen wants opening to fail with a code and a message that has all the words.
func refusedOpen(t testing.TB, url string, options Options, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Open(t.Context(), url, options)
	return facttest.Refused(t, store, err, code, words...)
}

// impatient are options whose timeouts are short.
func impatient() Options {
	return Options{ConnectTimeout: 2 * time.Second, LockTimeout: time.Second, ResponseTimeout: 2 * time.Second, PollInterval: 50 * time.Millisecond}
}
