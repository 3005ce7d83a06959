package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// waitMax is how long something may take that must happen. Nothing waits that long unless a test
// fails.
const waitMax = 30 * time.Second

// open opens a store that is closed after the test.
func open(t testing.TB, log Log) *factstr.Store {
	t.Helper()
	return openWith(t, log, factstr.Options{}, nil)
}

func openWith(t testing.TB, log Log, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) *factstr.Store {
	t.Helper()
	if options.CloseTimeout == 0 {
		options.CloseTimeout = waitMax // a busy machine is no failure
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

// reopen closes a store and opens one on the same log.
func reopen(t testing.TB, log Log, store *factstr.Store) *factstr.Store {
	t.Helper()
	if err := store.Close(t.Context()); err != nil {
		t.Fatalf("close: %v", err)
	}
	return open(t, log)
}

func event(eventType, payload string) factstr.NewEvent {
	return factstr.NewEvent{EventType: eventType, Payload: json.RawMessage(payload)}
}

// batch makes events of types, each with its position as payload.
func batch(eventTypes ...string) []factstr.NewEvent {
	events := make([]factstr.NewEvent, len(eventTypes))
	for i, eventType := range eventTypes {
		events[i] = event(eventType, fmt.Sprintf(`{"at":%d}`, i))
	}
	return events
}

func mustAppend(t testing.TB, store *factstr.Store, events ...factstr.NewEvent) factstr.AppendResult {
	t.Helper()
	result, err := store.Append(t.Context(), events)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return result
}

// appendTypes appends one batch of facts of these types.
func appendTypes(t testing.TB, store *factstr.Store, eventTypes ...string) factstr.AppendResult {
	t.Helper()
	return mustAppend(t, store, batch(eventTypes...)...)
}

func mustQuery(t testing.TB, store *factstr.Store, query factstr.EventQuery) *factstr.QueryResult {
	t.Helper()
	result, err := store.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return result
}

// wantCode checks an error's code, and that its message says something.
func wantCode(t testing.TB, err error, code factstr.Code) {
	t.Helper()
	var known *factstr.Error
	if !errors.Is(err, code) || !errors.As(err, &known) || known.Message == "" {
		t.Fatalf("error %v, want %s with a message", err, code)
	}
}

// wantConflict checks both versions of a conflict.
func wantConflict(t testing.TB, err error, expected, actual *uint64) {
	t.Helper()
	wantCode(t, err, factstr.CodeConditionalAppendConflict)
	var known *factstr.Error
	errors.As(err, &known)
	if known.Conflict == nil || !sameVersion(known.Conflict.ExpectedContextVersion, expected) || !sameVersion(known.Conflict.ActualContextVersion, actual) {
		t.Fatalf("conflict %v, want expected %s, actual %s", err, spell(expected), spell(actual))
	}
}

// wantHead checks how many facts there are, numbered without gaps from 1.
func wantHead(t testing.TB, store *factstr.Store, head uint64) {
	t.Helper()
	result := mustQuery(t, store, factstr.AllEvents())
	if uint64(len(result.EventRecords)) != head {
		t.Fatalf("the log holds %d facts, want %d", len(result.EventRecords), head)
	}
	for i := range result.EventRecords {
		if got := result.EventRecords[i].SequenceNumber; got != uint64(i+1) {
			t.Fatalf("fact %d has number %d", i+1, got)
		}
	}
}

// wantStillWorks appends and reads, to prove that what went before left the store working.
func wantStillWorks(t testing.TB, store *factstr.Store, head uint64) {
	t.Helper()
	wantHead(t, store, head)
	if result := appendTypes(t, store, "still works"); result.FirstSequenceNumber != head+1 {
		t.Fatalf("the next append got %d, want %d", result.FirstSequenceNumber, head+1)
	}
}

func numbers(records []factstr.EventRecord) []uint64 {
	list := make([]uint64, len(records))
	for i := range records {
		list[i] = records[i].SequenceNumber
	}
	return list
}

func sameRecord(a, b *factstr.EventRecord) bool {
	return a.SequenceNumber == b.SequenceNumber && a.OccurredAt == b.OccurredAt && a.EventType == b.EventType && jsonvalue.Equal(a.Payload, b.Payload)
}

func sameVersion(a, b *uint64) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func spell(version *uint64) string {
	if version == nil {
		return "none"
	}
	return fmt.Sprint(*version)
}

// within waits for something that must happen.
func within[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(waitMax):
		t.Fatalf("%s did not happen within %v", what, waitMax)
		panic("unreachable")
	}
}
