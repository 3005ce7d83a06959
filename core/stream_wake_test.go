package factstr

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// wakingStore has a stream for each account, all parked, and a log of the accounts delivered.
func wakingStore(t testing.TB, streams int) (*Store, []*EventStream, chan string) {
	backend := &sharedLog{}
	store, err := OpenStore(context.Background(), backend, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	delivered := make(chan string, 1_000)
	open := make([]*EventStream, streams)
	for i := range open {
		account := fmt.Sprintf("a%d", i)
		open[i], err = store.StreamTo(context.Background(), accountContext(account), HandleFunc(func(_ context.Context, batch []EventRecord) error {
			for range batch {
				delivered <- account
			}
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
	}
	waitUntilParked(t, store, streams)
	return store, open, delivered
}

func accountContext(account string) EventQuery {
	return EventQuery{Filters: []EventFilter{{EventTypes: []string{"booked"},
		PayloadPredicates: []json.RawMessage{json.RawMessage(`{"kind":"giro","account":"` + account + `"}`)}}}}
}

func waitUntilParked(t testing.TB, store *Store, streams int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); store.log.waker.parked.Load() != int64(streams); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d streams are parked", store.log.waker.parked.Load(), streams)
		}
	}
}

// G15 G16: facts wake the streams that they match, and the others are at the head nevertheless.
func TestACommitWakesTheStreamsWhoseFactsItHas(t *testing.T) {
	const streams = 50
	store, open, delivered := wakingStore(t, streams)
	gate := make(chan struct{})
	busy, err := store.StreamTo(context.Background(), accountContext("busy"), HandleFunc(func(context.Context, []EventRecord) error {
		<-gate
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	waitUntilParked(t, store, streams+1)
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
		if parked := store.log.waker.parked.Load(); parked < streams-1 {
			t.Fatalf("a fact for one stream left %d of %d parked", parked, streams)
		}
		if account := <-delivered; account != fmt.Sprintf("a%d", round) {
			t.Fatalf("a fact of a%d came to %s", round, account)
		}
		waitUntilParked(t, store, streams)
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
	waitUntilParked(t, store, streams+1)
	for _, stream := range append(open, busy) {
		_ = stream.Close(context.Background())
	}
	if w := &store.log.waker; len(w.filed)+len(w.byTerm)+len(w.always) > 0 || w.parked.Load() != 0 {
		t.Errorf("streams that ended are still filed: %d, %d, %d", len(w.filed), len(w.byTerm), w.parked.Load())
	}
}

func BenchmarkCommitBesideStreams(b *testing.B) {
	for _, streams := range []int{1, 1_000} {
		b.Run(fmt.Sprint(streams), func(b *testing.B) {
			store, _, delivered := wakingStore(b, streams)
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
