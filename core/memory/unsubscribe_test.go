package memory

import (
	"context"
	"runtime"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G17: a delivery that is not made since the stream was just unsubscribed is no failure of its
// handler.
func TestUnsubscribingAmidDeliveriesIsNotToldAsAFailure(t *testing.T) {
	records, logger := facttest.NewRecords()
	store, err := Open(Options{Options: factstr.Options{Logger: logger}})
	if err != nil {
		t.Fatal(err)
	}
	var appender sync.WaitGroup
	over := make(chan struct{})
	appender.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				facttest.Append(t, store, facttest.Fact("a", `{}`))
			}
		}
	})
	handler := factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil })
	for range 3000 {
		var streams []*factstr.EventStream
		for range 4 {
			stream, err := store.StreamAll(t.Context(), handler)
			if err != nil {
				t.Fatal(err)
			}
			streams = append(streams, stream)
		}
		runtime.Gosched()
		for _, stream := range streams {
			stream.Unsubscribe()
		}
	}
	close(over)
	appender.Wait()
	if err := store.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if failed := records.Of(factstr.LogHandlerFailed); len(failed) > 0 {
		t.Errorf("%d times, first %q", len(failed), failed[0].Message)
	}
}
