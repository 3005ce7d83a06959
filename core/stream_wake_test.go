package factstr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// namedLog is a log whose durable names live as long as itself.
type namedLog struct {
	sharedLog
	cursors  map[string]uint64
	written  atomic.Int64 // cursor writes
	together atomic.Int64 // the most that came at once
}

func (l *namedLog) ClaimStream(_ context.Context, name string, _ DurableQuery) (StreamClaim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return StreamClaim{Generation: 1, Cursor: l.cursors[name], Release: func() {}}, nil
}

func (l *namedLog) WriteCursors(_ context.Context, writes []CursorWrite) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, write := range writes {
		if write.SequenceNumber > l.head().SequenceNumber {
			return errors.New("a cursor above the head")
		}
		l.cursors[write.Name] = max(l.cursors[write.Name], write.SequenceNumber)
	}
	l.written.Add(int64(len(writes)))
	l.together.Store(max(l.together.Load(), int64(len(writes))))
	return nil
}

func (l *namedLog) ListParked(context.Context, string) ([]ParkedBatch, error) { return nil, nil }

func (l *namedLog) cursor(name string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cursors[name]
}

// wakingStore has a stream for each account, all idle, and a log of the accounts delivered.
func wakingStore(t testing.TB, streams int, durable bool) (*Store, []*EventStream, chan string) {
	backend := &namedLog{cursors: map[string]uint64{}}
	store, err := OpenStore(context.Background(), backend, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	delivered := make(chan string, 1_000)
	open := make([]*EventStream, streams)
	for i := range open {
		account := fmt.Sprintf("a%d", i)
		handler := HandleFunc(func(_ context.Context, batch []EventRecord) error {
			for range batch {
				delivered <- account
			}
			return nil
		})
		if durable {
			name := DurableStream{Name: account}
			open[i], err = store.StreamToDurable(context.Background(), name, accountContext(account), handler)
		} else {
			open[i], err = store.StreamTo(context.Background(), accountContext(account), handler)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	waitUntilIdle(t, store, streams)
	return store, open, delivered
}

func accountContext(account string) EventQuery {
	return EventQuery{Filters: []EventFilter{{EventTypes: []string{"booked"},
		PayloadPredicates: []json.RawMessage{json.RawMessage(`{"kind":"giro","account":"` + account + `"}`)}}}}
}

func waitUntilIdle(t testing.TB, store *Store, streams int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); store.log.waker.idle.Load() != int64(streams); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d streams are idle", store.log.waker.idle.Load(), streams)
		}
	}
}

// G15 G16 G19: facts wake the streams that they match, and the others are at the head nevertheless.
func TestACommitWakesTheStreamsWhoseFactsItHas(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprintf("durable %t", durable), func(t *testing.T) { wantWoken(t, durable) })
	}
}

func wantWoken(t *testing.T, durable bool) {
	const streams = 50
	store, open, delivered := wakingStore(t, streams, durable)
	gate := make(chan struct{})
	busy, err := store.StreamTo(context.Background(), accountContext("busy"), HandleFunc(func(context.Context, []EventRecord) error {
		<-gate
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	waitUntilIdle(t, store, streams+1)
	for round := range 20 {
		batch := []NewEvent{
			{EventType: "booked", Payload: json.RawMessage(fmt.Sprintf(`{"kind":"giro","account":"a%d"}`, round))},
			{EventType: "booked", Payload: json.RawMessage(`{"kind":"savings","account":"a40"}`)}, // another kind
			{EventType: "closed", Payload: json.RawMessage(`{"kind":"giro","account":"a41"}`)},    // another type
		}
		if round == 0 {
			batch = append(batch, NewEvent{EventType: "booked", Payload: json.RawMessage(`{"kind":"giro","account":"busy"}`)})
		}
		result, err := store.Append(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		if idle := store.log.waker.idle.Load(); idle < streams-1 {
			t.Fatalf("a fact for one stream left %d of %d idle", idle, streams)
		}
		if account := <-delivered; account != fmt.Sprintf("a%d", round) {
			t.Fatalf("a fact of a%d came to %s", round, account)
		}
		waitUntilIdle(t, store, streams)
		for i, stream := range open {
			if position := stream.Progress().Position; position != result.LastSequenceNumber {
				t.Fatalf("stream %d is at %d, the log ends at %d", i, position, result.LastSequenceNumber)
			}
		}
	}
	if position, head := busy.Progress().Position, store.log.current().head.SequenceNumber; position >= head {
		t.Errorf("a stream whose handler runs is at %d of %d", position, head)
	}
	close(gate)
	waitUntilIdle(t, store, streams+1)
	for _, stream := range append(open, busy) {
		_ = stream.Close(context.Background())
	}
	if w := &store.log.waker; len(w.filed)+len(w.byTerm)+len(w.always) > 0 || w.idle.Load() != 0 {
		t.Errorf("streams that ended are still filed: %d, %d, %d", len(w.filed), len(w.byTerm), w.idle.Load())
	}
}

// G21 G23: the cursors of streams that sleep follow the facts that do not match them, at once when
// the stream ends and else within seconds, without a write for each fact and stream.
func TestCursorsOfStreamsThatSleepFollow(t *testing.T) {
	const streams, facts = 250, 400
	store, open, delivered := wakingStore(t, streams, true)
	backend := store.backend.(*namedLog)
	begun := time.Now()
	for range facts {
		other := NewEvent{EventType: "other", Payload: json.RawMessage("1")}
		if _, err := store.Append(context.Background(), []NewEvent{other}); err != nil {
			t.Fatal(err)
		}
	}
	if err := open[0].Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if cursor := backend.cursor("a0"); cursor != facts {
		t.Fatalf("a stream ended with its cursor at %d of %d", cursor, facts)
	}
	for i := 1; i < streams; i++ {
		for backend.cursor(fmt.Sprintf("a%d", i)) < facts {
			if time.Since(begun) > 10*time.Second {
				t.Fatalf("the cursor of a%d is at %d of %d", i, backend.cursor(fmt.Sprintf("a%d", i)), facts)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if seconds := int64(time.Since(begun)/time.Second) + 1; backend.written.Load() > streams*seconds+1 {
		t.Errorf("%d cursor writes for %d streams in %d s", backend.written.Load(), streams, seconds)
	}
	if most := backend.together.Load(); most > 100 {
		t.Errorf("%d cursors in one write", most)
	}
	booked := NewEvent{EventType: "booked", Payload: json.RawMessage(`{"kind":"giro","account":"a7"}`)}
	if _, err := store.Append(context.Background(), []NewEvent{booked}); err != nil {
		t.Fatal(err)
	}
	if account := <-delivered; account != "a7" {
		t.Fatalf("a fact of a7 came to %s", account)
	}
}

func BenchmarkCommitBesideStreams(b *testing.B) {
	for _, c := range []struct {
		streams int
		durable bool
	}{{1, false}, {1_000, false}, {1, true}, {1_000, true}} {
		streams := c.streams
		b.Run(fmt.Sprintf("%d durable %t", streams, c.durable), func(b *testing.B) {
			store, _, delivered := wakingStore(b, streams, c.durable)
			for i := 0; b.Loop(); i++ {
				account := fmt.Sprintf("a%d", i%streams)
				if _, err := store.Append(context.Background(), []NewEvent{{EventType: "booked", Payload: json.RawMessage(`{"kind":"giro","account":"` + account + `"}`)}}); err != nil {
					b.Fatal(err)
				}
				if got := <-delivered; got != account {
					b.Fatalf("%s came to %s", account, got)
				}
			}
		})
	}
}
