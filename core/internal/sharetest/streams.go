package sharetest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// CheckStreams lets processes with the role "writer" append, and checks what a store delivers to
// its streams. The last batch is appended through another store, which may be the same one.
func CheckStreams(t *testing.T, store, another *factstr.Store, place string) {
	t.Helper()
	const wanted = 300
	handlers := map[string]*Arrivals{"live": NewArrivals(), "durable": NewArrivals()}
	ctx := t.Context()
	if _, err := store.StreamAll(ctx, handlers["live"]); err != nil {
		t.Fatal(err)
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "across"}, handlers["durable"])
	if err != nil {
		t.Fatal(err)
	}
	writers := []*proctest.Child{proctest.Start(t, "writer", place, "A", "2"),
		proctest.Start(t, "writer", place, "B", "2")}
	for _, writer := range writers {
		writer.Expect("ready")
		writer.Tell("go")
	}
	for name, handler := range handlers {
		handler.Await(t, name, func(batches [][]factstr.EventRecord) bool { return len(batches) >= wanted })
	}
	total := 0
	for _, writer := range writers {
		total += Written(t, writer)
	}
	// The last batches come although nothing follows them that could wake the streams.
	end := facttest.VersionOrZero(facttest.Query(t, another, factstr.AllEvents().AtMost(0)).CurrentContextVersion)
	for name, handler := range handlers {
		handler.Await(t, name, Reaches(end))
	}
	// One more batch shows how long the way is, and that nothing comes again after the end.
	appended := time.Now()
	last := facttest.Append(t, another, facttest.Fact("Last", `{"at":0}`))
	for name, handler := range handlers {
		handler.Await(t, name, Reaches(last.LastSequenceNumber))
		wantWhole(t, name, handler.batches, total+1, facttest.All(t, store))
		t.Logf("the %s stream got %d batches; the last one %v after its append began", name, len(handler.batches),
			handler.times[len(handler.times)-1].Sub(appended))
	}
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if stored := stream.Progress().StoredCursor; stored != last.LastSequenceNumber {
		t.Fatalf("the cursor is at %d, the log ends at %d", stored, last.LastSequenceNumber)
	}
}

// wantWhole checks the delivered batches, which facttest.Batch made: they begin with the log's
// first fact, are in order and whole, as many as were appended, and equal to what a query returns.
func wantWhole(t *testing.T, name string, batches [][]factstr.EventRecord, count int, log []factstr.EventRecord) {
	t.Helper()
	if len(batches) != count {
		t.Fatalf("the %s stream got %d batches, %d were appended", name, len(batches), count)
	}
	next := uint64(1)
	for _, batch := range batches {
		for i := range batch {
			if batch[i].SequenceNumber != next {
				t.Fatalf("the %s stream got %d where %d was next", name, batch[i].SequenceNumber, next)
			}
			if want := fmt.Appendf(nil, `{"at":%d}`, i); !jsonvalue.Equal(batch[i].Payload, want) {
				t.Fatalf("the %s stream got a batch that is not whole: %s at place %d", name, batch[i].Payload, i)
			}
			if stored := log[next-1]; !reflect.DeepEqual(batch[i], stored) {
				t.Fatalf("the %s stream got %+v, a query %+v", name, batch[i], stored)
			}
			next++
		}
	}
}

// Arrivals is a handler that keeps its batches and when they came.
type Arrivals struct {
	mu      sync.Mutex
	batches [][]factstr.EventRecord
	times   []time.Time
	grown   chan struct{} // closed at the next batch
}

// NewArrivals returns a handler without batches.
func NewArrivals() *Arrivals { return &Arrivals{grown: make(chan struct{})} }

// HandleStream keeps a batch.
func (a *Arrivals) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.batches, a.times = append(a.batches, batch), append(a.times, time.Now())
	close(a.grown)
	a.grown = make(chan struct{})
	return nil
}

// Await waits until enough reports true for the delivered batches.
func (a *Arrivals) Await(t *testing.T, what string, enough func(batches [][]factstr.EventRecord) bool) {
	t.Helper()
	limit := time.After(facttest.WaitMax)
	for {
		a.mu.Lock()
		done, grown := enough(a.batches), a.grown
		count := len(a.batches)
		a.mu.Unlock()
		if done {
			return
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("%s: %d batches came within %v", what, count, facttest.WaitMax)
		}
	}
}

// Reaches returns a condition for Await: a fact with this number, or a later one, was delivered.
func Reaches(number uint64) func([][]factstr.EventRecord) bool {
	return func(batches [][]factstr.EventRecord) bool {
		n := len(batches)
		return n > 0 && batches[n-1][len(batches[n-1])-1].SequenceNumber >= number
	}
}
