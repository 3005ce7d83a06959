package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

const readAheadBatches, readAheadSize = 7, 600 // two batches are a chunk, one if reading takes long

// furtherScans lets the scans that begin a chunk behind the first one go through hook. A chunk ends
// with a batch; scans that begin elsewhere read the rest of one.
type furtherScans struct {
	*chaos
	begun chan struct{}
	hook  func(ctx context.Context, next func() error) error
}

func (f *furtherScans) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	next := func() error { return f.chaos.Scan(ctx, scan, visit) }
	if scan.After == 0 || scan.After%readAheadSize > 0 {
		return next()
	}
	f.begun <- struct{}{}
	return f.hook(ctx, next)
}

// aheadOf replays a log of several chunks to a durable stream. Its handler keeps the first batch
// until the next chunk is being read, and then calls meanwhile. Each delivery is sent to the
// returned channel as the numbers of its first and last fact.
func aheadOf(t *testing.T, log Log, hook func(ctx context.Context, next func() error) error, meanwhile func(c *chaos)) (
	store *factstr.Store, stream *factstr.EventStream, deliveries chan [2]uint64) {
	t.Helper()
	c := &chaos{}
	c.clear()
	scans := &furtherScans{chaos: c, begun: make(chan struct{}, 100), hook: hook}
	store = openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend {
		c.wrap(inner)
		return scans
	})
	for range readAheadBatches {
		appendTypes(t, store, slices.Repeat([]string{"a"}, readAheadSize)...)
	}
	deliveries = make(chan [2]uint64, 100)
	first := true
	handler := factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		if first {
			first = false
			select {
			case <-scans.begun:
			case <-time.After(10 * time.Second):
				return errors.New("nothing is read while the handler runs")
			}
			meanwhile(c)
		}
		deliveries <- [2]uint64{batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber}
		return nil
	})
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "ahead"}, handler)
	if err != nil {
		t.Fatal(err)
	}
	return store, stream, deliveries
}

func wantReplayed(t *testing.T, stream *factstr.EventStream, deliveries chan [2]uint64) {
	t.Helper()
	facttest.WaitReady(t, stream)
	for i := range uint64(readAheadBatches) {
		want := [2]uint64{i*readAheadSize + 1, (i + 1) * readAheadSize}
		if got := <-deliveries; got != want {
			t.Fatalf("delivery %d is of %v, want %v", i, got, want)
		}
	}
	if len(deliveries) > 0 {
		t.Errorf("%v was delivered again", <-deliveries)
	}
}

var readAheadTests = tests{
	{"a replay reads on while the handler runs", func(t *testing.T, log Log) { // G19 G20
		_, stream, deliveries := aheadOf(t, log,
			func(_ context.Context, next func() error) error { return next() }, func(*chaos) {})
		wantReplayed(t, stream, deliveries)
	}},
	{"what could not be read ahead is read when it is needed", func(t *testing.T, log Log) { // G19 G20
		failed := false
		store, stream, deliveries := aheadOf(t, log, func(_ context.Context, next func() error) error {
			if !failed {
				failed = true
				return factstr.BackendFailure(factstr.ReasonIO, "on purpose")
			}
			return next()
		}, func(*chaos) {})
		wantReplayed(t, stream, deliveries)
		statistics, err := store.Statistics(t.Context())
		if err != nil || statistics.ReadRetries != 0 || stream.Progress().Failure != nil {
			t.Errorf("%d retries, %v, %v: nobody had waited for that read",
				statistics.ReadRetries, stream.Progress().Failure, err)
		}
	}},
	{"a stream that ends ends what it reads ahead", func(t *testing.T, log Log) { // G17
		reading, unsubscribed, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		store, stream, _ := aheadOf(t, log, func(ctx context.Context, _ func() error) error {
			close(reading)
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond) // enough for a stream that does not wait to end
			close(over)
			return ctx.Err()
		}, func(*chaos) { <-unsubscribed })
		within(t, "the read ahead", reading)
		stream.Unsubscribe()
		close(unsubscribed)
		end(t, stream)
		select {
		case <-over:
		default:
			t.Error("the stream has ended, and still reads")
		}
		facttest.Close(t, store)
	}},
	{"what was read ahead of a log that is replaced is not delivered", func(t *testing.T, log Log) { // G24
		passing := func(_ context.Context, next func() error) error { return next() }
		_, stream, deliveries := aheadOf(t, log, passing, func(c *chaos) {
			c.set(hooks{head: func(next func() (factstr.Head, error)) (factstr.Head, error) {
				head, err := next()
				head.OccurredAt = "2020-01-01T00:00:00.000000Z"
				return head, err
			}})
		})
		facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated)
		if len(deliveries) > 2 {
			t.Errorf("%d batches were delivered, want those of the first chunk", len(deliveries))
		}
	}},
}
