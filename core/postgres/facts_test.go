package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// waitMax is how long something may take that must happen.
const waitMax = 20 * time.Second

func openStore(t testing.TB, url string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, url, Options{})
}

func openStoreWith(t testing.TB, url string, options Options) *factstr.Store {
	t.Helper()
	store, err := Open(t.Context(), url, options)
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
func refusedOpen(t testing.TB, url string, options Options, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Open(t.Context(), url, options)
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
		ctx, cancel := context.WithTimeout(context.Background(), waitMax)
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

func jsonTexts(values ...string) []json.RawMessage {
	list := make([]json.RawMessage, len(values))
	for i, value := range values {
		list[i] = json.RawMessage(value)
	}
	return list
}

// payloadQuery asks for facts whose payload holds one of the predicates.
func payloadQuery(predicates ...string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: jsonTexts(predicates...)}}}
}
