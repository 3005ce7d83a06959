package objects

import (
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/interop"
)

const oneEvent = `[{"event_type":"a","payload":1}]`

// open opens a memory store in a process of its own, whose tables must be empty at the end.
func open(t *testing.T, options string) (*Process, *Store) {
	t.Helper()
	decoded, err := interop.DecodeMemoryOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	core, err := memory.Open(memory.Options{Options: decoded.Store})
	if err != nil {
		t.Fatal(err)
	}
	process := NewProcess(newHeapMemory)
	t.Cleanup(func() {
		if open := process.OpenHandles(); open != 0 {
			t.Errorf("%d handles are open at the end", open)
		}
	})
	return process, process.Add(core, decoded)
}

func closeNow(t *testing.T, store *Store) {
	t.Helper()
	if err := store.Close(false); err != nil {
		t.Error(err)
	}
}

func appendOne(t *testing.T, store *Store) {
	t.Helper()
	if answer := store.Append(PlainAppend([]byte(oneEvent))); answer.Err != nil {
		t.Fatal(answer.Err)
	}
}

func openStream(t *testing.T, store *Store, registration string, callbacks Callbacks) *Stream {
	t.Helper()
	stream, err := store.OpenStream([]byte(registration), callbacks)
	if err != nil {
		t.Fatal(err)
	}
	stream.Opened()
	return stream
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 seconds")
		panic("unreachable")
	}
}
