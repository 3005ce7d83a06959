package objects

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// WaitFor waits until a stream has come to a number. inside is the stream whose callback the
// calling thread is in, 0 for none: it cannot wait for itself.
func (s *Store) WaitFor(request []byte, inside uint64) error {
	wait, err := s.decodeWait(request)
	if err != nil {
		return err
	}
	if wait.stream != nil && inside == wait.stream.handle && wait.stream.Progress().Position < wait.Number {
		return factstr.NewError(factstr.CodeInvalidState,
			"a callback of a stream cannot wait for the stream itself, which goes on when it returns")
	}
	return wait.do(context.Background())
}

// SubmitWaitFor submits a WaitFor.
func (s *Store) SubmitWaitFor(request []byte, target Target) (number uint64, err error) {
	wait, err := s.decodeWait(request)
	if err != nil {
		return 0, err
	}
	return s.submitOnGoroutine(target, func(ctx context.Context) ([]byte, error) { return nil, wait.do(ctx) })
}

// waiting is a decoded Wait.
type waiting struct {
	interop.Wait
	store  *Store
	stream *Stream // nil for a cursor
}

func (s *Store) decodeWait(request []byte) (waiting, error) {
	decoded, err := interop.DecodeWait(request)
	wait := waiting{Wait: decoded, store: s}
	if err == nil && decoded.Stream != 0 {
		wait.stream, err = s.process.Stream(decoded.Stream)
	}
	if err == nil && wait.stream != nil && wait.stream.store != s {
		err = invalidHandle("stream", decoded.Stream)
	}
	return wait, err
}

// do waits. What the caller has handled of a crossing counts at once.
func (w *waiting) do(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if w.Timeout >= 0 {
		ctx, stop = context.WithDeadline(ctx, time.Now().Add(w.Timeout))
		defer stop()
	}
	if w.stream == nil {
		return w.store.core.WaitForCursor(ctx, w.Durable.Name, w.Number)
	}
	w.stream.advanceNow()
	err = w.stream.core.WaitFor(ctx, w.Number)
	if factstr.CodeOf(err) == factstr.CodeCancelled && w.stream.leaving.Load() {
		err = errStoreClosed()
	}
	return err
}
