package storetest

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// open opens a store that is closed after the test.
func open(t testing.TB, log Log) *factstr.Store {
	t.Helper()
	return openWith(t, log, factstr.Options{}, nil)
}

func openWith(t testing.TB, log Log, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) *factstr.Store {
	t.Helper()
	if options.CloseTimeout == 0 {
		options.CloseTimeout = facttest.WaitMax // a busy machine is no failure
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler) // what goes wrong on purpose is no news
	}
	store, err := log.Open(t.Context(), options, wrap)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		// Every test must leave a store that closes in time.
		if err := store.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store
}

// reopen closes a store and opens another one on the same log.
func reopen(t testing.TB, log Log, store *factstr.Store) *factstr.Store {
	t.Helper()
	if err := store.Close(t.Context()); err != nil {
		t.Fatalf("close: %v", err)
	}
	return open(t, log)
}

// appendTypes appends one batch of facts of these types.
func appendTypes(t testing.TB, store *factstr.Store, eventTypes ...string) factstr.AppendResult {
	t.Helper()
	return facttest.Append(t, store, facttest.BatchOf(eventTypes...)...)
}

// wantConflict checks both versions of a conflict.
func wantConflict(t testing.TB, err error, expected, actual *uint64) {
	t.Helper()
	facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
	var known *factstr.Error
	errors.As(err, &known)
	if known.Conflict == nil || !sameVersion(known.Conflict.ExpectedContextVersion, expected) || !sameVersion(known.Conflict.ActualContextVersion, actual) {
		t.Fatalf("conflict %v, want expected %s, actual %s", err, facttest.VersionText(expected),
			facttest.VersionText(actual))
	}
}

// wantHead checks how many facts there are, numbered without gaps from 1.
func wantHead(t testing.TB, store *factstr.Store, head uint64) {
	t.Helper()
	result := facttest.Query(t, store, factstr.AllEvents())
	if uint64(len(result.EventRecords)) != head {
		t.Fatalf("the log holds %d facts, want %d", len(result.EventRecords), head)
	}
	for i := range result.EventRecords {
		if got := result.EventRecords[i].SequenceNumber; got != uint64(i+1) {
			t.Fatalf("fact %d has number %d", i+1, got)
		}
	}
}

// wantStillWorks appends and reads, to prove that the store works after what a test did to it.
func wantStillWorks(t testing.TB, store *factstr.Store, head uint64) {
	t.Helper()
	wantHead(t, store, head)
	if result := appendTypes(t, store, "still works"); result.FirstSequenceNumber != head+1 {
		t.Fatalf("the next append got %d, want %d", result.FirstSequenceNumber, head+1)
	}
}

func sameRecord(a, b *factstr.EventRecord) bool {
	return a.SequenceNumber == b.SequenceNumber && a.OccurredAt == b.OccurredAt && a.EventType == b.EventType && jsonvalue.Equal(a.Payload, b.Payload)
}

func sameVersion(a, b *uint64) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// within waits for something that must happen.
func within[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(facttest.WaitMax):
		t.Fatalf("%s did not happen within %v", what, facttest.WaitMax)
		panic("unreachable")
	}
}
