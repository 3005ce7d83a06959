package memory

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// panicking is a backend whose cursors cannot be written nor its names be freed.
type panicking struct{ *backend }

func (p panicking) WriteCursors(context.Context, []factstr.CursorWrite) error { panic("write") }

func (p panicking) ClaimStream(context.Context, string, factstr.DurableQuery) (factstr.StreamClaim, error) {
	return factstr.StreamClaim{Generation: 1, Release: func() { panic("release") }}, nil
}

// G17: a defect of a backend at the end of a stream neither takes the process down nor the end
// away.
func TestAPanicAtTheEndOfAStreamStillEndsIt(t *testing.T) {
	ctx := t.Context()
	store, err := factstr.OpenStore(ctx, panicking{newBackend(nil)}, factstr.Options{TailEvents: -1})
	if err != nil {
		t.Fatal(err)
	}
	handled, ended := make(chan struct{}), make(chan error, 1)
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "panics"}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
		close(handled)
		return nil
	}), factstr.WithOnEnd(func(err error) { ended <- err }))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.WaitReady(ctx); err != nil { // with nothing replayed there is no cursor to write yet
		t.Fatal(err)
	}
	if _, err := store.Append(ctx, []factstr.NewEvent{{EventType: "a", Payload: []byte(`1`)}}); err != nil {
		t.Fatal(err)
	}
	<-handled
	if err := store.Close(ctx); err != nil {
		t.Fatal(err)
	}
	<-stream.Done()
	if err := <-ended; factstr.CodeOf(err) != factstr.CodeStoreClosed {
		t.Errorf("ended with %v", err)
	}
}
