// Package faulttest is the vocabulary of the PostgreSQL store's tests: databases as another program
// sees them, a book of what appends were answered, followers of the log, and the ways to take
// servers and connections away.
package faulttest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// Secret is the password in the URLs of these tests. No error may repeat it.
const Secret = "battery/staple"

// Long reports whether the long lane runs. Otherwise it logs how the test is short.
func Long(t testing.TB, short string) bool {
	if os.Getenv("FACTSTR_TORTURE") == "1" {
		return true
	}
	t.Logf("%s; FACTSTR_TORTURE=1 does more", short)
	return false
}

// Secretly returns a URL with a password that the server does not ask for.
func Secretly(url string) string { return pgtest.WithUser(url, "postgres", Secret) }

// Must fails the test if there is an error, and reports a secret in it.
func Must(t testing.TB, err error) {
	t.Helper()
	KeepsSecrets(t, err)
	if err != nil {
		t.Fatal(err)
	}
}

// WantFailure wants an error with a code, and with a reason if one is given.
func WantFailure(t testing.TB, err error, code factstr.Code, reason factstr.Reason, words ...string) {
	t.Helper()
	KeepsSecrets(t, err)
	if failure := facttest.WantError(t, err, code, words...); reason != "" && failure.Reason != reason {
		t.Fatalf("error %v has the reason %q, want %q", err, failure.Reason, reason)
	}
}

// KeepsSecrets fails the test if an error, or one that it wraps, repeats the secret or a URL.
func KeepsSecrets(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, word := range []string{"battery", "staple", "://postgres", "password="} {
			if strings.Contains(text, word) {
				t.Errorf("the error %s says %q", text, word)
			}
		}
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		KeepsSecrets(t, err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, each := range err.Unwrap() {
			KeepsSecrets(t, each)
		}
	}
}

// Eventually polls for something that no event announces.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(facttest.WaitMax); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true within %v", what, facttest.WaitMax)
		}
	}
}

// Within waits for something that must happen.
func Within[T any](t testing.TB, what string, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(facttest.WaitMax):
		t.Fatalf("%s did not happen within %v", what, facttest.WaitMax)
	}
	return value
}

// HeadOfLog returns the head as the server has it.
func HeadOfLog(t testing.TB, store *factstr.Store) uint64 {
	t.Helper()
	none := uint64(0)
	result, err := store.Query(t.Context(), factstr.EventQuery{Limit: &none})
	Must(t, err)
	if result.CurrentContextVersion == nil {
		return 0
	}
	return *result.CurrentContextVersion
}

func End(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), facttest.WaitMax)
	defer cancel()
	Must(t, stream.Close(ctx))
}

// QueryAtOnce runs queries concurrently and returns an error of one that failed.
func QueryAtOnce(store *factstr.Store, queries int) error {
	answers := make(chan error)
	for range queries {
		go func() {
			_, err := store.Query(context.Background(), factstr.AllEvents())
			answers <- err
		}()
	}
	var failure error
	for range queries {
		if err := <-answers; err != nil {
			failure = err
		}
	}
	return failure
}

func WantStillWorks(t testing.TB, store *factstr.Store) {
	t.Helper()
	head := HeadOfLog(t, store)
	if result := facttest.Append(t, store, facttest.Batch(2, "still works")...); result.FirstSequenceNumber != head+1 {
		t.Errorf("appended at %d, want %d", result.FirstSequenceNumber, head+1)
	}
	if now := HeadOfLog(t, store); now != head+2 {
		t.Errorf("the log ends at %d, want %d", now, head+2)
	}
}
