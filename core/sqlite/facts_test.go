package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// waitMax is how long something may take that must happen.
const waitMax = 20 * time.Second

// newPath is a path of a database that does not exist yet.
func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "facts.sqlite") }

func openStore(t testing.TB, path string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, path, Options{})
}

func openStoreWith(t testing.TB, path string, options Options) *factstr.Store {
	t.Helper()
	store, err := Open(t.Context(), path, options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, store) })
	return store
}

func closeStore(t testing.TB, store *factstr.Store) {
	t.Helper()
	if err := store.Close(context.Background()); err != nil {
		t.Errorf("close: %v", err)
	}
}

// refusedOpen wants an error of a code whose message has all the words.
func refusedOpen(t testing.TB, path string, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Open(t.Context(), path, Options{BusyTimeout: 50 * time.Millisecond})
	if err == nil {
		closeStore(t, store)
	}
	return wantError(t, err, code, words...)
}

func wantError(t testing.TB, err error, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	var failure *factstr.Error
	if !errors.As(err, &failure) || failure.Code != code {
		t.Fatalf("error %v, want %s", err, code)
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Fatalf("the message %q does not name %q", failure.Message, word)
		}
	}
	return failure
}

func fact(eventType, payload string) factstr.NewEvent {
	return factstr.NewEvent{EventType: eventType, Payload: json.RawMessage(payload)}
}

// batchOf makes n facts of a type that count up.
func batchOf(n int, eventType string) []factstr.NewEvent {
	events := make([]factstr.NewEvent, n)
	for i := range events {
		events[i] = fact(eventType, fmt.Sprintf(`{"at":%d}`, i))
	}
	return events
}

func appendFacts(t testing.TB, store *factstr.Store, events ...factstr.NewEvent) factstr.AppendResult {
	t.Helper()
	result, err := store.Append(t.Context(), events)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return result
}

func queryAll(t testing.TB, store *factstr.Store) []factstr.EventRecord {
	t.Helper()
	return query(t, store, factstr.AllEvents()).EventRecords
}

func query(t testing.TB, store *factstr.Store, q factstr.EventQuery) *factstr.QueryResult {
	t.Helper()
	result, err := store.Query(t.Context(), q)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return result
}

func numbersOf(records []factstr.EventRecord) []uint64 {
	numbers := make([]uint64, len(records))
	for i := range records {
		numbers[i] = records[i].SequenceNumber
	}
	return numbers
}

// rawSQL is the database as another program sees it.
type rawSQL struct {
	t testing.TB
	*sql.DB
}

func openRaw(t testing.TB, path string) rawSQL {
	t.Helper()
	processSettings()
	uri := "file:" + strings.ReplaceAll((&url.URL{Path: path}).EscapedPath(), "?", "%3F")
	db, err := sql.Open("sqlite", uri)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	raw := rawSQL{t, db}
	raw.exec("PRAGMA busy_timeout = 10000")
	return raw
}

func (r rawSQL) exec(text string, args ...any) {
	r.t.Helper()
	if _, err := r.DB.Exec(text, args...); err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
}

func (r rawSQL) close() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// rows reads a result as text, the values of a row joined by '|'.
func (r rawSQL) rows(text string, args ...any) (found []string) {
	r.t.Helper()
	rows, err := r.Query(text, args...)
	if err != nil {
		r.t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = rows.Close() }()
	columns, _ := rows.Columns()
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			r.t.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = value.String
		}
		found = append(found, strings.Join(texts, "|"))
	}
	if err := rows.Err(); err != nil {
		r.t.Fatal(err)
	}
	return found
}

func (r rawSQL) one(text string, args ...any) string {
	r.t.Helper()
	rows := r.rows(text, args...)
	if len(rows) != 1 {
		r.t.Fatalf("%s: %d rows", text, len(rows))
	}
	return rows[0]
}

// deliveries collects a stream's batches, each as its sequence numbers.
type deliveries struct {
	t       testing.TB
	batches chan []uint64
}

func newDeliveries(t testing.TB) *deliveries {
	return &deliveries{t, make(chan []uint64, 1<<16)}
}

func (d *deliveries) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	d.batches <- numbersOf(batch)
	return nil
}

func (d *deliveries) next() []uint64 {
	d.t.Helper()
	select {
	case batch := <-d.batches:
		return batch
	case <-time.After(waitMax):
		d.t.Fatalf("nothing was delivered for %v", waitMax)
	}
	panic("unreachable")
}

// soFar takes what was delivered until now.
func (d *deliveries) soFar() (batches [][]uint64) {
	for {
		select {
		case batch := <-d.batches:
			batches = append(batches, batch)
		default:
			return batches
		}
	}
}

func durableStream(t testing.TB, store *factstr.Store, name string, q factstr.EventQuery, handler factstr.HandleStream, options ...factstr.StreamOption) *factstr.EventStream {
	t.Helper()
	stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: name}, q, handler, options...)
	if err != nil {
		t.Fatalf("stream %q: %v", name, err)
	}
	return stream
}

func waitReady(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	if err := stream.WaitReady(ctx); err != nil {
		t.Fatalf("wait ready: %v", err)
	}
}

// waitEnd waits for a stream's end and returns its reason.
func waitEnd(t testing.TB, stream *factstr.EventStream) error {
	t.Helper()
	select {
	case <-stream.Done():
		return stream.Err()
	case <-time.After(waitMax):
		t.Fatalf("the stream did not end within %v", waitMax)
	}
	panic("unreachable")
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
