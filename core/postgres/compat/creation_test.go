package compat

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// The Rust store's creation was interrupted between two of its statements.
func TestAStoreThatWasHalfCreatedIsCompleted(t *testing.T) { // G3
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	openStoreWith(t, url, postgres.Options{Schema: "whole"})
	for i := range len(rustCreation) + 1 {
		schema := fmt.Sprint("half ", i)
		raw.Run("CREATE SCHEMA " + faulttest.Quoted(schema) + "; SET search_path = " + faulttest.Quoted(schema) + ";" + strings.Join(rustCreation[:i], ";"))
		store := openStoreWith(t, url, postgres.Options{Schema: schema})
		if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != 1 {
			t.Errorf("after %d statements: %+v", i, got)
		}
		if got := fmt.Sprint(compattest.Replayed(t, store, "new", factstr.AllEvents())); got != "[[1 2]]" {
			t.Errorf("after %d statements: %s", i, got)
		}
		in := func(schema string) string {
			return strings.NewReplacer(faulttest.Quoted(schema)+".", "", schema+".", "").Replace(strings.Join(raw.Catalog(schema), "\n"))
		}
		want := in("whole")
		if i > slices.Index(rustCreation, rustPayloadIndex) {
			want = strings.ReplaceAll(want, " jsonb_path_ops", "") // the Rust store's index stays as it is
		}
		if got := in(schema); got != want {
			t.Errorf("after %d statements the schema holds\n%s\nwant\n%s", i, got, want)
		}
		facttest.Close(t, store)
	}
}

// rustCreation are the statements by which the Rust store creates its tables, each committed on its
// own.
var rustCreation = []string{
	"CREATE TABLE IF NOT EXISTS events (sequence_number BIGINT PRIMARY KEY, occurred_at TIMESTAMPTZ NOT NULL DEFAULT NOW(), event_type TEXT NOT NULL, payload JSONB NOT NULL)",
	"CREATE TABLE IF NOT EXISTS append_batches (first_sequence_number BIGINT PRIMARY KEY, last_sequence_number BIGINT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS store_metadata (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
	"CREATE TABLE IF NOT EXISTS durable_stream_cursors (durable_stream_id TEXT PRIMARY KEY, event_query TEXT NOT NULL, last_processed_sequence_number BIGINT NOT NULL)",
	"CREATE INDEX IF NOT EXISTS idx_events_type ON events (event_type)",
	"CREATE INDEX IF NOT EXISTS idx_events_occurred_at ON events (occurred_at)",
	rustPayloadIndex,
	"INSERT INTO store_metadata (key, value) VALUES ('store_format_version', '1') ON CONFLICT (key) DO NOTHING",
	"INSERT INTO store_metadata (key, value) VALUES ('append_batch_boundary_format', 'sparse_v1')",
}

const rustPayloadIndex = "CREATE INDEX IF NOT EXISTS idx_events_payload_gin ON events USING gin (payload)"

// A new log gets the index that takes less to ask. The Rust store finds an index of its name, asks
// it for the same, and one that it made stays: no store makes a large index anew while it opens.
func TestTheIndexOnPayloadsIsTheSmallerOneUnlessThereIsOne(t *testing.T) { // G9
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	const identity = "SELECT indexrelid::TEXT || ' ' || pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid = 'idx_events_payload_gin'::regclass"
	for schema, operators := range map[string]string{"ours": " jsonb_path_ops", "rust": ""} {
		raw.Run("CREATE SCHEMA " + schema + "; SET search_path = " + schema)
		if schema == "rust" {
			raw.Run(strings.Join(rustCreation, ";"))
		} else {
			openStoreWith(t, url, postgres.Options{Schema: schema})
		}
		before := raw.One(identity)
		if !strings.HasSuffix(before, "USING gin (payload"+operators+")") {
			t.Errorf("%s: the index is %s", schema, before)
		}
		raw.Run(strings.Join(rustCreation[:len(rustCreation)-1], ";"))
		store := openStoreWith(t, url, postgres.Options{Schema: schema})
		if after := raw.One(identity); after != before {
			t.Errorf("%s: the index was %s and is %s", schema, before, after)
		}
		facttest.Append(t, store, factstr.NewEvent{EventType: "a", Payload: []byte(`{"a":{},"b":[{"c":1}],"d":null}`)})
		raw.Run("SET enable_seqscan = off; SET enable_indexscan = off")
		for _, predicate := range []string{`{}`, `{"a":{}}`, `{"b":[]}`, `{"b":[{"c":1.0}]}`, `{"d":null}`} {
			if got := raw.One("SELECT count(*) FROM events WHERE payload @> '" + predicate + "'"); got != "1" {
				t.Errorf("%s: the index finds %s facts by %s", schema, got, predicate)
			}
			query := factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: []json.RawMessage{json.RawMessage(predicate)}}}}
			if result, err := store.Query(t.Context(), query); err != nil || len(result.EventRecords) != 1 {
				t.Errorf("%s: %s finds %v, %v", schema, predicate, result, err)
			}
		}
	}
}

func TestStoresThatAreCreatedAtTheSameTimeAreOneStore(t *testing.T) { // G2
	t.Parallel()
	url := pgtest.Database(t)
	for round := range 20 {
		schema := fmt.Sprint("round ", round)
		var opening sync.WaitGroup
		start := make(chan struct{})
		for i := range 4 {
			opening.Go(func() {
				<-start
				store := openStoreWith(t, url, postgres.Options{Schema: schema})
				facttest.Append(t, store, facttest.Batch(2, fmt.Sprint(i))...)
				facttest.Close(t, store)
			})
		}
		close(start)
		opening.Wait()
		if records := facttest.All(t, openStoreWith(t, url, postgres.Options{Schema: schema})); len(records) != 8 || records[7].SequenceNumber != 8 {
			t.Fatalf("round %d: %v", round, facttest.Numbers(records))
		}
	}
}

// The Rust store may fail then, as it may beside another Rust store, and succeeds when it tries
// again.
func TestAStoreMayBeCreatedWhileTheRustStoreCreatesIt(t *testing.T) { // G2
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	for round := range 20 {
		schema := fmt.Sprint("round ", round)
		raw.Run("CREATE SCHEMA " + faulttest.Quoted(schema))
		var opening sync.WaitGroup
		start := make(chan struct{})
		rust := faulttest.OpenSQL(t, faulttest.InSchema(url, schema))
		opening.Go(func() {
			<-start
			for at := 0; at < len(rustCreation); at++ {
				var failure *pgconn.PgError
				if err := rust.Try(rustCreation[at]); err != nil && !(errors.As(err, &failure) && (failure.Code == "23505" || failure.Code == "42P07")) {
					t.Errorf("round %d: %v", round, err)
				}
			}
		})
		for i := range 2 {
			opening.Go(func() {
				<-start
				facttest.Append(t, openStoreWith(t, url, postgres.Options{Schema: schema, ConnectionsMax: 1}), facttest.Batch(2, fmt.Sprint(i))...)
			})
		}
		close(start)
		opening.Wait()
		if got := rust.One("SELECT count(*), max(sequence_number) FROM events"); got != "4|4" {
			t.Errorf("round %d: events %s", round, got)
		}
		if got := rust.Rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, compattest.Metadata()) {
			t.Errorf("round %d: metadata %v", round, got)
		}
	}
}
