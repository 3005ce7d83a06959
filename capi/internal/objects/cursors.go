package objects

import (
	"context"

	"github.com/factstr/factstr-go/interop"
)

// Cursors makes a call about the cursors of durable names, and returns its answer.
func (s *Store) Cursors(request []byte) ([]byte, error) {
	call, err := interop.DecodeCursorCall(request)
	if err != nil {
		return nil, err
	}
	return s.cursors(context.Background(), call)
}

// SubmitCursors submits Cursors.
func (s *Store) SubmitCursors(request []byte, target Target) (number uint64, err error) {
	call, err := interop.DecodeCursorCall(request)
	if err != nil {
		return 0, err
	}
	return s.submitOnGoroutine(target, func(ctx context.Context) ([]byte, error) { return s.cursors(ctx, call) })
}

// cursors first lets count what callbacks have handled of the batches that they hold.
func (s *Store) cursors(ctx context.Context, call interop.CursorCall) ([]byte, error) {
	s.advanceAll()
	return s.codec.Do(ctx, s.core, call, nil)
}
