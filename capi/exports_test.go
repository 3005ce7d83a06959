package main

import (
	"context"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/session"
)

// panickingBackend is an empty log whose reads panic when told so.
type panickingBackend struct {
	panics atomic.Bool
}

func (b *panickingBackend) Kind() string { return "panicking" }

func (b *panickingBackend) Head(context.Context) (factstr.Head, error) {
	if b.panics.Load() {
		panic("the backend panics on purpose")
	}
	return factstr.Head{}, nil
}

func (b *panickingBackend) Scan(context.Context, factstr.Scan, func(factstr.EventRecord) bool) error {
	panic("the backend panics on purpose")
}

func (b *panickingBackend) Boundaries(context.Context, uint64, uint64, func(factstr.Boundary)) error {
	return nil
}

func (b *panickingBackend) Commit(context.Context, *factstr.Group) error {
	panic("the backend panics on purpose")
}

func (b *panickingBackend) ClaimStream(context.Context, string, factstr.DurableQuery) (factstr.StreamClaim, error) {
	panic("the backend panics on purpose")
}

func (b *panickingBackend) WriteCursors(context.Context, []factstr.CursorWrite) error { return nil }

func (b *panickingBackend) Close() error { return nil }

var _ factstr.Backend = (*panickingBackend)(nil)

func openPanicking(t *testing.T) (*panickingBackend, *session.Store) {
	t.Helper()
	backend := &panickingBackend{}
	core, err := factstr.OpenStore(t.Context(), backend, factstr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return backend, process.Add(core, interop.StoreOptions{})
}

// The types of C have no names in tests, so the exports are called through their signatures.

func query[S, L ~uint64, T, B any, R ~int32](export func(S, *T, L, *B) R, store uint64) int {
	return int(export(S(store), nil, 0, nil))
}

func closeStore[S ~uint64, I ~int32, B any, R ~int32](export func(S, I, *B) R, store uint64) int {
	return int(export(S(store), 0, nil))
}

const (
	statusOK            = 0
	statusInvalidHandle = 15
	statusInternal      = 31
)

func TestAPanicInAnExportIsAnInternalErrorAndPoisonsTheStore(t *testing.T) {
	backend, store := openPanicking(t)
	backend.panics.Store(true)
	if status := query(go_factstr_query, store.Handle()); status != statusInternal {
		t.Fatalf("a panicking query answers %d", status)
	}
	backend.panics.Store(false)
	if status := query(go_factstr_query, store.Handle()); status != statusInternal {
		t.Errorf("after a panic a query answers %d", status)
	}
	if status := closeStore(go_factstr_store_close, store.Handle()); status != statusOK {
		t.Errorf("closing the poisoned store answers %d", status)
	}
	if status := query(go_factstr_query, store.Handle()); status != statusInvalidHandle {
		t.Errorf("after the close a query answers %d", status)
	}
	if open := process.OpenHandles(); open != 0 {
		t.Errorf("%d handles are open at the end", open)
	}
}

func TestAPanicOfASubmittedQueryIsItsAnswer(t *testing.T) {
	backend, store := openPanicking(t)
	backend.panics.Store(true)
	answers := make(chan error, 1)
	_, err := store.SubmitQuery(nil, session.Target{Callback: func(_ uint64, answer *session.Answer) { answers <- answer.Err }})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-answers; factstr.CodeOf(err) != factstr.CodeInternal {
		t.Errorf("got %v", err)
	}
	if err := store.Close(false); err != nil {
		t.Error(err)
	}
}

func TestAPanicOfACommitIsItsAnswer(t *testing.T) { // G5
	_, store := openPanicking(t)
	answer := store.Append([]byte(`[{"event_type":"a","payload":1}]`))
	if factstr.CodeOf(answer.Err) != factstr.CodeInternal {
		t.Errorf("got %v", answer.Err)
	}
	if err := store.Close(false); err != nil {
		t.Error(err)
	}
}

func TestEveryCodeHasAStatusOfItsOwn(t *testing.T) {
	seen := map[int]factstr.Code{}
	for code, status := range statuses {
		if other, twice := seen[int(status)]; twice {
			t.Errorf("%s and %s share status %d", code, other, status)
		}
		seen[int(status)] = code
		if statusOf(code) != status {
			t.Errorf("%s answers %d", code, statusOf(code))
		}
	}
	if len(seen) != 22 {
		t.Errorf("%d codes have a status", len(seen))
	}
}
