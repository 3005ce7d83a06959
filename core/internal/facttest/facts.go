// Package facttest holds what the tests of all stores need to make facts, to read and compare them,
// and to look at streams and logged records.
package facttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// WaitMax is how long something may take that must happen. Nothing waits that long unless a test
// fails.
var WaitMax = proctest.Patience(30 * time.Second)

// Opened returns a store that must have been opened, and closes it when the test ends.
func Opened(t testing.TB, store *factstr.Store, err error) *factstr.Store {
	t.Helper()
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { Close(t, store) })
	return store
}

// Refused checks that a store was not opened, with an error of the code whose message holds all the
// words.
func Refused(t testing.TB, store *factstr.Store, err error, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	if err == nil {
		Close(t, store)
	}
	return WantError(t, err, code, words...)
}

// Close closes a store, which must succeed.
func Close(t testing.TB, store *factstr.Store) {
	t.Helper()
	if err := store.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// WantError checks that err is an *Error of the code whose message holds all the words.
func WantError(t testing.TB, err error, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	var failure *factstr.Error
	if !errors.As(err, &failure) || failure.Code != code || failure.Message == "" {
		t.Fatalf("error %v, want %s with a message", err, code)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Fatalf("the message %q does not name %q", failure.Message, word)
		}
	}
	return failure
}

// Fact makes an event.
func Fact(eventType, payload string) factstr.NewEvent {
	return factstr.NewEvent{EventType: eventType, Payload: json.RawMessage(payload)}
}

// Batch makes n facts of one type, each with its position in the batch as payload.
func Batch(n int, eventType string) []factstr.NewEvent {
	return BatchOf(slices.Repeat([]string{eventType}, n)...)
}

// BatchOf makes one fact of each type, each with its position in the batch as payload.
func BatchOf(eventTypes ...string) []factstr.NewEvent {
	events := make([]factstr.NewEvent, len(eventTypes))
	for i, eventType := range eventTypes {
		events[i] = Fact(eventType, fmt.Sprintf(`{"at":%d}`, i))
	}
	return events
}

// Append appends a batch, which must succeed.
func Append(t testing.TB, store *factstr.Store, events ...factstr.NewEvent) factstr.AppendResult {
	t.Helper()
	result, err := store.Append(t.Context(), events)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return result
}

// All reads the whole log.
func All(t testing.TB, store *factstr.Store) []factstr.EventRecord {
	t.Helper()
	return Query(t, store, factstr.AllEvents()).EventRecords
}

// Query runs a query, which must succeed.
func Query(t testing.TB, store *factstr.Store, q factstr.EventQuery) *factstr.QueryResult {
	t.Helper()
	result, err := store.Query(t.Context(), q)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return result
}

// QueryInto is Query with rows that are taken one after the other.
func QueryInto(t testing.TB, store *factstr.Store, q factstr.EventQuery) *factstr.QueryResult {
	t.Helper()
	var rows copies
	result, err := store.QueryInto(t.Context(), q, &rows)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	result.EventRecords = rows
	return result
}

// copies takes rows.
type copies []factstr.EventRecord

func (c *copies) Begin() { *c = nil }

func (c *copies) Take(record *factstr.EventRecord) error {
	row := *record
	row.Payload = bytes.Clone(record.Payload)
	*c = append(*c, row)
	return nil
}

// WantGapless checks that the log holds count facts, numbered from 1 without gaps.
func WantGapless(t *testing.T, store *factstr.Store, count int) {
	t.Helper()
	for i, record := range All(t, store) {
		if record.SequenceNumber != uint64(i+1) {
			t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
		count--
	}
	if count != 0 {
		t.Fatalf("%d facts are missing", count)
	}
}

// Numbers returns the sequence numbers of records.
func Numbers(records []factstr.EventRecord) []uint64 {
	numbers := make([]uint64, len(records))
	for i := range records {
		numbers[i] = records[i].SequenceNumber
	}
	return numbers
}

// Only returns the one row that a statement found.
func Only(t testing.TB, statement string, rows []string) string {
	t.Helper()
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows", statement, len(rows))
	}
	return rows[0]
}

// JSONTexts makes payload predicates from texts.
func JSONTexts(values ...string) []json.RawMessage {
	list := make([]json.RawMessage, len(values))
	for i, value := range values {
		list[i] = json.RawMessage(value)
	}
	return list
}

// PayloadQuery returns a query for facts whose payload matches one of the predicates.
func PayloadQuery(predicates ...string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: JSONTexts(predicates...)}}}
}
