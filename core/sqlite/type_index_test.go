package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// Answers are the same with and without SQLite's index on types, which only the Rust store makes,
// and with and without the term index.
func TestQueriesReturnTheSameWithAndWithoutTheIndexOnTypes(t *testing.T) { // G8 G12 G13
	random := rand.New(rand.NewPCG(3, 4))
	scanned := openWithoutTail(t, newPath(t)) // far too few facts for a term index
	path := newPath(t)
	Close(t, openStore(t, path))
	raw := openRaw(t, path)
	for _, statement := range rustIndexes {
		raw.exec(statement)
	}
	indexAlways(t, 50)
	byTerms, both := openWithoutTail(t, newPath(t)), openWithoutTail(t, path)
	const facts = 240
	for _, store := range []*factstr.Store{scanned, byTerms, both} {
		AppendCourses(t, store, 0, facts)
	}
	for range 2 {
		WantSameAnswers(t, random, byTerms, scanned, facts, 150)
		WantSameAnswers(t, random, both, scanned, facts, 150)
		awaitIndex(t, byTerms)
		awaitIndex(t, both)
	}
}

// G8 G20: a Rust store may open the database and make its indexes while this store is open, and
// somebody may drop them again. Neither changes an answer, ends a stream or fails an append.
func TestTheIndexOnTypesMayComeAndGoWhileTheStoreIsOpen(t *testing.T) {
	path := newPath(t)
	store := openWithoutTail(t, path)
	raw := openRaw(t, path)
	stream := make(chan uint64, 100)
	handler := factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		for _, record := range batch {
			stream <- record.SequenceNumber
		}
		return nil
	})
	if _, err := store.StreamTo(t.Context(), factstr.OfTypes("type1"), handler); err != nil {
		t.Fatal(err)
	}
	var want []uint64
	const dropped, droppedToo = "DROP INDEX idx_events_type", "DROP INDEX idx_events_occurred_at"
	for round, changes := range [][]string{nil, rustIndexes, {dropped}, rustIndexes, {dropped, droppedToo}} {
		for _, change := range changes {
			raw.exec(change)
		}
		AppendCourses(t, store, 4*round, 4*round+4)
		want = append(want, uint64(4*round+2))
		result := Query(t, store, factstr.OfTypes("type1"))
		if got := Numbers(result.EventRecords); !slices.Equal(got, want) {
			t.Errorf("after %q: %v, want %v", changes, got, want)
		}
		if got := <-stream; got != want[round] {
			t.Errorf("after %q the stream got %d, want %d", changes, got, want[round])
		}
		_, err := store.AppendIf(t.Context(), Batch(1, "never"), factstr.OfTypes("type1"), nil)
		WantError(t, err, factstr.CodeConditionalAppendConflict)
	}
}

// G8: the index may be dropped between the look at the schema and the read.
func TestAReadWhoseIndexOnTypesWasJustDroppedReadsOn(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: WaitMax})
	if err != nil {
		t.Fatal(err)
	}
	raw := openRaw(t, path)
	raw.exec(rustIndexes[0])
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	Opened(t, store, err)
	AppendCourses(t, store, 0, 8)
	for _, change := range []string{"SELECT 1", "DROP INDEX idx_events_type"} {
		raw.exec(change)
		Query(t, store, factstr.AllEvents()) // looks at the schema
		b.typeIndex.Store(true)
		if got := Numbers(Query(t, store, factstr.OfTypes("type1")).EventRecords); fmt.Sprint(got) != "[2 6]" {
			t.Errorf("after %q: %v", change, got)
		}
	}
	if b.typeIndex.Load() {
		t.Error("the index is still taken to be there")
	}
}
