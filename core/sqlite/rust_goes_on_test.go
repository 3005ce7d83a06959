package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G2 G3 G19 G21: the Rust store 0.5.2 may go on with a database that has our tables of holders and
// of parked batches. What it writes then is written here as it writes it; it looks at neither
// table. (The Rust store itself was run in this place once: core/DESIGN.md.)
func TestParkedBatchesAndHoldersOutlastWhatTheRustStoreWritesInBetween(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(1, "poison")...)
	fail := factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		if batch[0].EventType == "poison" {
			return errors.New("poison")
		}
		return nil
	})
	model := factstr.DurableStream{Name: "model"}
	stream, err := store.StreamAllDurable(t.Context(), model, fail,
		factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	facttest.Close(t, store)

	raw := openRaw(t, path)
	ours := func() []string {
		return append(raw.rows("SELECT * FROM factstr_parked_batches"),
			raw.rows("SELECT * FROM factstr_durable_holders")...)
	}
	before := ours()
	if len(before) != 2 {
		t.Fatalf("rows of our own %q", before)
	}
	// It opens, finds the cursor, appends a batch of two and delivers it.
	for _, statement := range rustIndexes {
		raw.exec(statement)
	}
	raw.exec("INSERT INTO store_metadata (key, value) VALUES ('store_format_version', '1') ON CONFLICT (key) DO NOTHING")
	if got := raw.one("SELECT last_processed_sequence_number FROM subscriber_cursors WHERE subscriber_id = 'model'"); got != "2" {
		t.Fatalf("the cursor is %s", got)
	}
	raw.exec("INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES (3, '2026-01-01T00:00:00Z', 'b', '{}'), (4, '2026-01-01T00:00:00Z', 'b', '{}')")
	raw.exec("INSERT INTO append_batches (first_sequence_number, last_sequence_number) VALUES (3, 4)")
	raw.exec("UPDATE subscriber_cursors SET last_processed_sequence_number = 4 WHERE subscriber_id = 'model'")
	checkGoesOn(t, path, before, ours())
}

// checkGoesOn opens the database behind the Rust store: the stream goes on behind its cursor, and
// what was parked is there and comes when it is asked for.
func checkGoesOn(t *testing.T, path string, before, after []string) {
	t.Helper()
	if !slices.Equal(before, after) {
		t.Errorf("rows of our own %q became %q", before, after)
	}
	store := openStore(t, path)
	cursors, err := store.Cursors(t.Context())
	if err != nil || len(cursors) != 1 || cursors[0].Cursor != 4 {
		t.Fatalf("cursors %+v, %v", cursors, err)
	}
	facttest.Append(t, store, facttest.Batch(1, "c")...)
	if got := compattest.Replayed(t, store, "model", factstr.AllEvents()); fmt.Sprint(got) != "[[5]]" {
		t.Errorf("then %v", got)
	}
	if found, err := store.RedeliverAllParked(t.Context(), "model"); err != nil || found != 1 {
		t.Fatalf("%d are parked, %v", found, err)
	}
	if got := compattest.Replayed(t, store, "model", factstr.AllEvents()); fmt.Sprint(got) != "[[2]]" {
		t.Errorf("delivered again: %v", got)
	}
	if left, err := store.Parked(t.Context(), "model"); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
