package sqlite

import (
	"context"
	"errors"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G24 G21: what was read ahead before the log was found to have gone backwards is not delivered,
// and no cursor moves over it.
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
