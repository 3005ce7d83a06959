package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/objects"
)

// panickingBackend is an empty log whose reads panic when told so.
type panickingBackend struct {
	factstr.CursorKeeper // nil: these calls panic, too
	factstr.ParkKeeper
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

func (b *panickingBackend) ReadCursor(context.Context, string) (uint64, bool, error) {
	panic("the backend panics on purpose")
}

func (b *panickingBackend) Close() error { return nil }

var _ factstr.Backend = (*panickingBackend)(nil)

func openPanicking(t *testing.T) (*panickingBackend, *objects.Store) {
	t.Helper()
	backend := &panickingBackend{}
	core, err := factstr.OpenStore(t.Context(), backend, factstr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return backend, process.Add(core, interop.StoreOptions{})
}

// The types of C have no names in tests, so the exports are called through their signatures.

func query[S, L ~uint64, T, B, W any, R ~int32](export func(S, *T, L, *B, *W) R, store uint64) int {
	return int(export(S(store), nil, 0, nil, nil))
}

func closeStore[S ~uint64, I ~int32, B, W any, R ~int32](export func(S, I, *B, *W) R, store uint64) int {
	return int(export(S(store), 0, nil, nil))
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
		t.Fatalf("a panicking query returns %d", status)
	}
	backend.panics.Store(false)
	if status := query(go_factstr_query, store.Handle()); status != statusInternal {
		t.Errorf("after a panic a query returns %d", status)
	}
	if status := closeStore(go_factstr_store_close, store.Handle()); status != statusOK {
		t.Errorf("closing the poisoned store returns %d", status)
	}
	if status := query(go_factstr_query, store.Handle()); status != statusInvalidHandle {
		t.Errorf("after the close a query returns %d", status)
	}
	if open := process.OpenHandles(); open != 0 {
		t.Errorf("%d handles are open at the end", open)
	}
}

func TestAPanicOfASubmittedQueryIsItsAnswer(t *testing.T) {
	backend, store := openPanicking(t)
	backend.panics.Store(true)
	answers := make(chan error, 1)
	_, err := store.SubmitQuery(nil, objects.Target{Callback: func(_ uint64, answer *objects.Answer) { answers <- answer.Err }})
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
	answer := store.Append(objects.PlainAppend([]byte(`[{"event_type":"a","payload":1}]`)))
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
			t.Errorf("%s returns %d", code, statusOf(code))
		}
	}
	if len(seen) != 22 {
		t.Errorf("%d codes have a status", len(seen))
	}
}

// textOf gives a text to an export as a caller in C does.
func textOf[T any](text []byte) *T { return (*T)(unsafe.Pointer(unsafe.SliceData(text))) }

func memoryOpen[T, S, B any, L ~uint64, R ~int32](export func(*T, L, *S, *B) R, options []byte) (status int, store S) {
	status = int(export(textOf[T](options), L(len(options)), &store, nil))
	return status, store
}

func withText[S, L ~uint64, T, B, W any, R ~int32](export func(S, *T, L, *B, *W) R, store uint64, text []byte) int {
	return int(export(S(store), textOf[T](text), L(len(text)), nil, nil))
}

// appendText calls go_factstr_append with a struct of C, whose fields are found by their names.
func appendText(store uint64, text []byte) int {
	export := reflect.ValueOf(go_factstr_append)
	one := reflect.New(export.Type().In(0).Elem())
	field := func(name string) unsafe.Pointer {
		return unsafe.Pointer(one.Elem().FieldByName(name).UnsafeAddr())
	}
	*(*uint64)(field("store")) = store
	*(**byte)(field("events")) = unsafe.SliceData(text)
	*(*uintptr)(field("events_len")) = uintptr(len(text))
	inTurn := reflect.New(export.Type().In(1)).Elem()
	inTurn.SetInt(1)
	return int(export.Call([]reflect.Value{one, inTurn})[0].Int())
}

func streamOpen[S, L, U, I ~uint64, T, C, B, W any, R ~int32](export func(S, *T, L, *C, U, *I, *B, *W) R, store uint64, registration []byte) int {
	var stream I
	return int(export(S(store), textOf[T](registration), L(len(registration)), nil, 0, &stream, nil, nil))
}

// FuzzEntryPoints gives one text to every entry point that takes text. None may fail inside the
// library, and the store must go on.
func FuzzEntryPoints(f *testing.F) {
	for _, seed := range []string{`[]`, `{}`, `[{"event_type":"a","payload":{"a":[1,null]}}]`, `{"filters":[{"event_types":["a"],"payload_predicates":[{"a":[1]}]}],"limit":3}`,
		`{"durable":{"name":"d"},"query":{}}`, `{"sequence_numbers":"string"}`, `[{"event_type":"a","payload":"\ud800"}]`, "\xff", `{"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		status, store := memoryOpen(go_factstr_memory_open, nil)
		if status != statusOK {
			t.Fatalf("opening a store returns %d", status)
		}
		number := uint64(store)
		for name, status := range map[string]int{
			"append": appendText(number, text), "query": withText(go_factstr_query, number, text),
			"stream_open": streamOpen(go_factstr_stream_open, number, text), "query of all": query(go_factstr_query, number),
		} {
			if status == statusInternal {
				t.Errorf("%s returns Internal for %q", name, text)
			}
		}
		if status := closeStore(go_factstr_store_close, number); status != statusOK {
			t.Errorf("closing returns %d", status)
		}
		status, other := memoryOpen(go_factstr_memory_open, text)
		if status == statusInternal {
			t.Errorf("memory_open returns Internal for %q", text)
		}
		if status == statusOK {
			closeStore(go_factstr_store_close, uint64(other))
		}
	})
}

// A thread of the host's must not run Go while its signals are open, so C enters Go in one place,
// which blocks them.
func TestCEntersGoWhereSignalsAreBlockedOnly(t *testing.T) {
	sources, err := filepath.Glob("*.[ch]")
	if err != nil || len(sources) < 4 {
		t.Fatal(sources, err)
	}
	var places, entered []string
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.Contains(line, "ENTERED(") {
				entered = append(entered, name)
			}
			if strings.Contains(line, "go_factstr_") {
				places = append(places, fmt.Sprintf("%s:%d: %s", name, i+1, strings.Trim(line, " \\")))
			}
		}
	}
	if len(places) != 1 || !strings.HasSuffix(places[0], "(result) = go_factstr_##export") {
		t.Errorf("C enters Go here: %q; use IN_GO or FROM_GO of public.h", places)
	}
	// FROM_GO, and join, which blocks the signals before it may have to enter.
	if want := []string{"blocking_calls.c", "public.h", "public.h"}; !slices.Equal(entered, want) {
		t.Errorf("ENTERED, which does not block signals, is used in %q", entered)
	}
	sources, err = filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	exports := 0
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if export, found := strings.CutPrefix(line, "//"+"export "); found {
				exports++
				if !strings.HasPrefix(export, "go_factstr_") {
					t.Errorf("%s exports %s; begin the name with go_factstr_, by which calls are found", name, export)
				}
			}
		}
	}
	if exports < 25 {
		t.Errorf("%d exports were found", exports)
	}
}
