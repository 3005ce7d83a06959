package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G24: a log that lost its newest facts, or has others in their place, is noticed. Nothing goes on
// as if nothing had happened.
func TestALogThatWentBackwardsOrIsAnotherOneEndsStreams(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		head   uint64
	}{
		"shorter":                    {"DELETE FROM events WHERE sequence_number > 7", 7},
		"empty":                      {"DELETE FROM events", 0},
		"as long, with another time": {"UPDATE events SET occurred_at = '2020-01-01T00:00:00.000000Z'", 10},
		"longer, with other facts":   {"UPDATE events SET occurred_at = '2020-01-01T00:00:00.000000Z'; INSERT INTO events VALUES (11, '2020-01-01T00:00:00.000000Z', 'b', '{}')", 11},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			for range 10 {
				facttest.Append(t, store, facttest.Batch(1, "a")...)
			}
			got := facttest.NewDeliveries(t)
			live, err := store.StreamAll(t.Context(), got)
			if err != nil {
				t.Fatal(err)
			}
			durable := facttest.DurableStream(t, store, "projection", factstr.AllEvents(), got)
			facttest.WaitReady(t, durable)
			raw := openRaw(t, path)
			for statement := range strings.SplitSeq(c.change, "; ") {
				raw.exec(statement)
			}
			for _, stream := range []*factstr.EventStream{live, durable} {
				facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated)
			}
			if c.head < 10 {
				_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, got)
				facttest.WantError(t, err, factstr.CodeLogTruncated, "10", fmt.Sprint(c.head))
			}
			if got := uint64(len(facttest.All(t, store))); got != c.head {
				t.Errorf("%d facts, want %d", got, c.head)
			}
			conflict := factstr.Version(10_000)
			_, err = store.AppendIf(t.Context(), facttest.Batch(1, "a"), factstr.AllEvents(), conflict)
			facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
			if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != c.head+1 {
				t.Errorf("appended at %d, the log ended at %d", got.FirstSequenceNumber, c.head)
			}
			if again, err := store.StreamAll(t.Context(), facttest.NewDeliveries(t)); err != nil {
				t.Errorf("a new stream: %v", err)
			} else {
				again.Unsubscribe()
			}
		})
	}
}

// G24: the append itself notices it, where no stream watches.
func TestAppendsGoOnFromTheRealHead(t *testing.T) { // G2
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(10, "a")...)
	raw := openRaw(t, path)
	raw.exec("DELETE FROM events WHERE sequence_number > 4")
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "b"), factstr.OfTypes("a"), factstr.Version(4)); err != nil {
		t.Fatalf("append_if at the real head: %v", err)
	}
	raw.exec("DELETE FROM events")
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "b"), factstr.OfTypes("a", "b"), nil); err != nil {
		t.Fatalf("append_if to an empty log: %v", err)
	}
	if got := fmt.Sprint(facttest.Numbers(facttest.All(t, store))); got != "[1]" {
		t.Errorf("%s", got)
	}
}

// G24 G21: facts that were read ahead, before the log was found to have gone backwards, are not
// delivered, and no cursor moves over them.
func TestAReplayStopsInTheMiddleWhenTheLogGoesBackwards(t *testing.T) {
	for place, tailEvents := range map[string]int{"in the tail": 0, "in the file": 2} {
		t.Run(place, func(t *testing.T) {
			ctx, path := t.Context(), newPath(t)
			store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: tailEvents}})
			for range 100 {
				facttest.Append(t, store, facttest.Batch(1, "a")...)
			}
			begun, goOn := make(chan struct{}), make(chan struct{})
			deliveries := 0
			stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "midway"}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
				if deliveries++; deliveries == 1 {
					close(begun)
					<-goOn
				}
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			<-begun
			openRaw(t, path).exec("DELETE FROM events WHERE sequence_number > 5")
			if _, err := store.Query(ctx, factstr.AllEvents().AtMost(1)); err != nil { // notices it
				t.Fatal(err)
			}
			close(goOn)
			<-stream.Done()
			if !errors.Is(stream.Err(), factstr.CodeLogTruncated) {
				t.Errorf("the stream ended with %v", stream.Err())
			}
			if stored := stream.Progress().StoredCursor; deliveries != 1 || stored > 1 {
				t.Errorf("%d deliveries and a cursor at %d after the log ended at 5", deliveries, stored)
			}
		})
	}
}
