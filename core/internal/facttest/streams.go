package facttest

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Deliveries collects a stream's batches, each as its sequence numbers.
type Deliveries struct {
	t       testing.TB
	batches chan []uint64
}

// NewDeliveries returns a handler without deliveries.
func NewDeliveries(t testing.TB) *Deliveries {
	return &Deliveries{t, make(chan []uint64, 1<<16)}
}

// HandleStream keeps a batch.
func (d *Deliveries) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	d.batches <- Numbers(batch)
	return nil
}

// Next waits for a batch.
func (d *Deliveries) Next() []uint64 {
	d.t.Helper()
	select {
	case batch := <-d.batches:
		return batch
	case <-time.After(WaitMax):
		d.t.Fatalf("nothing was delivered for %v", WaitMax)
	}
	panic("unreachable")
}

// SoFar returns the batches that were delivered and not taken yet.
func (d *Deliveries) SoFar() (batches [][]uint64) {
	for {
		select {
		case batch := <-d.batches:
			batches = append(batches, batch)
		default:
			return batches
		}
	}
}

// DurableStream registers a durable stream, which must succeed.
func DurableStream(t testing.TB, store *factstr.Store, name string, q factstr.EventQuery, handler factstr.HandleStream, options ...factstr.StreamOption) *factstr.EventStream {
	t.Helper()
	stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: name}, q, handler, options...)
	if err != nil {
		t.Fatalf("stream %q: %v", name, err)
	}
	return stream
}

// WaitReady waits until a stream has replayed.
func WaitReady(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), WaitMax)
	defer cancel()
	if err := stream.WaitReady(ctx); err != nil {
		t.Fatalf("wait ready: %v", err)
	}
}

// Eventually waits until something holds that nothing tells of.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for limit := time.Now().Add(WaitMax); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited %v for this to hold: %s", WaitMax, what)
		}
	}
}

// WaitEnd waits for a stream's end and returns its reason.
func WaitEnd(t testing.TB, stream *factstr.EventStream) error {
	t.Helper()
	select {
	case <-stream.Done():
		return stream.Err()
	case <-time.After(WaitMax):
		t.Fatalf("the stream did not end within %v", WaitMax)
	}
	panic("unreachable")
}
