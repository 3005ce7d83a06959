package objects

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/memorytest"
)

// blocks are those of the tests' processes.
var blocks atomic.Int64

func newHeapMemory() interop.Memory { return &memorytest.Heap{Blocks: &blocks, Most: 1 << 40} }

// Results lie outside Go's heap, so whatever becomes of an answer, its memory must be freed.
func TestTheMemoryOfResultsIsFreedWhateverBecomesOfThem(t *testing.T) {
	_, store := open(t, `{"result_bytes_max":200}`)
	begun := blocks.Load()
	appendOne(t, store)
	for _, target := range []Target{{}, {}, {}, {WantHandle: true}, {WantHandle: true}} {
		if _, err := store.SubmitQuery(nil, target); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := store.Completions(1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	taken[0].Answer.Drop()
	for range 4 {
		appendOne(t, store)
	}
	if answer := store.Query(nil); answer.Err == nil {
		t.Error("a result over its limit was answered")
	}
	answered := make(chan bool, 1)
	callback := func(_ uint64, answer *Answer) {
		answered <- len(answer.Text.Bytes()) > 0
		panic("on purpose")
	}
	if _, err := store.SubmitQuery([]byte(`{"limit":1}`), Target{Callback: callback}); err != nil {
		t.Fatal(err)
	}
	if !receive(t, answered) {
		t.Error("a callback got no text")
	}
	closeNow(t, store)
	for end := time.Now().Add(30 * time.Second); blocks.Load() != begun; runtime.GC() {
		if time.Now().After(end) {
			t.Fatalf("%d blocks are not freed", blocks.Load()-begun)
		}
		time.Sleep(time.Millisecond)
	}
}
