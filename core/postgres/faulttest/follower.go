package faulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Follower is the handler of a stream of all facts. It checks that each fact comes once, in order.
type Follower struct {
	mu      sync.Mutex
	last    uint64 // delivered, or what the stream starts after
	wrong   error
	changed chan struct{}
	handle  func() // runs inside each delivery
}

func NewFollower(after uint64) *Follower { return &Follower{last: after, changed: make(chan struct{})} }

func (f *Follower) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	f.mu.Lock()
	for _, record := range batch {
		if record.SequenceNumber != f.last+1 && f.wrong == nil {
			f.wrong = fmt.Errorf("%d was delivered after %d", record.SequenceNumber, f.last)
		}
		f.last = record.SequenceNumber
	}
	close(f.changed)
	f.changed = make(chan struct{})
	handle := f.handle
	f.mu.Unlock()
	if handle != nil {
		handle()
	}
	return nil
}

// Reach waits until a fact was delivered.
func (f *Follower) Reach(t testing.TB, number uint64) {
	t.Helper()
	limit := time.NewTimer(facttest.WaitMax)
	defer limit.Stop()
	for {
		f.mu.Lock()
		last, wrong, changed := f.last, f.wrong, f.changed
		f.mu.Unlock()
		if wrong != nil {
			t.Fatal(wrong)
		}
		if last >= number {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%d was not delivered within %v, only %d", number, facttest.WaitMax, last)
		}
	}
}

// Follow opens a live stream.
func Follow(t testing.TB, store *factstr.Store) *Follower {
	t.Helper()
	f := NewFollower(HeadOfLog(t, store))
	stream, err := store.StreamAll(t.Context(), f)
	Must(t, err)
	t.Cleanup(func() { WantRunning(t, stream) })
	return f
}

// FollowDurably opens a durable stream that must start after the cursor.
func FollowDurably(t testing.TB, store *factstr.Store, name string, cursor uint64) (*Follower, *factstr.EventStream) {
	t.Helper()
	f := NewFollower(cursor)
	stream := facttest.DurableStream(t, store, name, factstr.AllEvents(), f)
	facttest.WaitReady(t, stream)
	return f, stream
}

func WantRunning(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	if stream.Progress().Ended && stream.Err() != nil && !errors.Is(stream.Err(), factstr.CodeStoreClosed) {
		t.Errorf("the stream ended: %v", stream.Err())
	}
}
