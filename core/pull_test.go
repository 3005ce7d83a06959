package factstr

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

// drainingPull opens a store with a pull stream that has one batch to deliver, and lets the stream
// drain once that was taken.
func drainingPull(t *testing.T) (store *Store, stream *EventStream) {
	t.Helper()
	usual := takeWithin
	t.Cleanup(func() { takeWithin = usual }) // after the store was closed
	takeWithin = time.Millisecond
	store = openShared(t, &sharedLog{}, 0)
	stream, err := store.StreamAll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := store.Append(t.Context(), []NewEvent{{EventType: "a", Payload: json.RawMessage("1")}}); err != nil {
			t.Fatal(err)
		}
	}
	return store, stream
}

func TestAStreamThatDrainsWaitsForTheBatchThatIsHandled(t *testing.T) { // G17
	_, stream := drainingPull(t)
	taken := 0
	for batch, err := range stream.Batches(t.Context()) {
		if err != nil || batch == nil {
			t.Fatal(err)
		}
		if taken++; taken == 1 {
			stream.Drain()
			select { // longer than anybody is waited for who does not take
			case <-stream.Done():
				t.Fatal("the stream ended during the handling of a batch")
			case <-time.After(50 * takeWithin):
			}
			takeWithin = time.Minute
		}
	}
	if taken != 2 {
		t.Errorf("%d of 2 batches were taken", taken)
	}
}

func TestAStreamThatDrainsDoesNotWaitForALoopThatWasLeft(t *testing.T) { // G17
	for how, body := range map[string]func(){
		"by break": func() {}, "by a panic": func() { panic("on purpose") },
	} {
		store, stream := drainingPull(t)
		func() {
			defer func() { _ = recover() }()
			for range stream.Batches(t.Context()) {
				body()
				break
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), store.options.CloseTimeout/2)
		if err := store.Close(ctx); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("left %s: %v", how, err)
		}
		cancel()
	}
}
