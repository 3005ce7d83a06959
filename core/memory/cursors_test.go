package memory

import (
	"context"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
)

// watchedCursors looks at the cursor writes of a store, and may claim names in a log that is gone.
type watchedCursors struct {
	*backend
	claimed factstr.Head

	mu       sync.Mutex
	writes   []factstr.CursorWrite
	replaced bool // the log is another one by now
	damaged  bool // no row can be read
}

func (w *watchedCursors) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	if w.damaged {
		return factstr.CodeCorrupt
	}
	return w.backend.Scan(ctx, scan, visit)
}

func (w *watchedCursors) Head(ctx context.Context) (factstr.Head, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.replaced {
		return factstr.Head{SequenceNumber: 1, OccurredAt: "restored"}, nil
	}
	return w.backend.Head(ctx)
}

func (w *watchedCursors) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, writes...)
	if w.replaced {
		return factstr.CodeLogTruncated
	}
	return w.backend.WriteCursors(ctx, writes)
}

func (w *watchedCursors) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (factstr.StreamClaim, error) {
	claim, err := w.backend.ClaimStream(ctx, name, query)
	claim.Head = w.claimed
	return claim, err
}

// G24: the head that a cursor write is made on vouches for all that was handled, so it is never
// below the cursor.
func TestACursorIsNeverBeyondTheHeadThatItIsWrittenOn(t *testing.T) {
	w := &watchedCursors{backend: newBackend(nil)}
	store, err := factstr.OpenStore(t.Context(), w, factstr.Options{})
	store = facttest.Opened(t, store, err)
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"},
		factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }),
		factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
	}
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, write := range w.writes {
		if write.SequenceNumber > write.Head.SequenceNumber {
			t.Fatalf("%+v", write)
		}
	}
	if len(w.writes) == 0 {
		t.Error("no cursor was written")
	}
}

// G24: a cursor that was read from a log which is replaced before the head is read says nothing
// about the new one.
func TestARegistrationWhoseLogIsReplacedMeanwhileIsRefused(t *testing.T) {
	w := &watchedCursors{backend: newBackend(nil), claimed: factstr.Head{SequenceNumber: 2,
		OccurredAt: "in the log that is gone"}}
	store, err := factstr.OpenStore(t.Context(), w, factstr.Options{})
	store = facttest.Opened(t, store, err)
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	_, err = sharetest.Register(store, "projection")
	facttest.WantError(t, err, factstr.CodeLogTruncated, "projection", "2")
	// A head that is damaged is there.
	w.damaged = true
	stream, err := sharetest.Register(store, "another")
	if err != nil {
		t.Error(err)
	} else {
		stream.Unsubscribe()
	}
	w.damaged = false
	// The name is free again.
	w.claimed = factstr.Head{}
	if _, err = sharetest.Register(store, "projection"); err != nil {
		t.Error(err)
	}
}

// G24: a cursor write that finds another log ends the stream, and nothing says that it would be
// tried again.
func TestACursorWriteThatFindsAnotherLogEndsTheStream(t *testing.T) {
	w := &watchedCursors{backend: newBackend(nil)}
	records, logger := facttest.NewRecords()
	store, err := factstr.OpenStore(t.Context(), w, factstr.Options{Logger: logger})
	store = facttest.Opened(t, store, err)
	got := facttest.NewDeliveries(t)
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, got,
		factstr.WithCursorEvery(factstr.CursorEvery{Batches: 1}))
	if err != nil {
		t.Fatal(err)
	}
	facttest.WaitReady(t, stream)
	w.mu.Lock()
	w.replaced = true
	w.mu.Unlock()
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated)
	if told := records.Of(factstr.LogCursorNotStored); len(told) > 0 {
		t.Errorf("told %v", told)
	}
}
