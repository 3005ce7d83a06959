package objects

import (
	"context"

	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// Cursors makes a call about the cursors of durable names, and returns its answer.
func (s *Store) Cursors(request []byte) ([]byte, error) {
	call, err := interop.DecodeCursorCall(request)
	if err != nil {
		return nil, err
	}
	return s.cursors(context.Background(), call)
}

// SubmitCursors submits Cursors. Each call takes a goroutine, of which a store has no more than
// requests.
func (s *Store) SubmitCursors(request []byte, target Target) (number uint64, err error) {
	call, err := interop.DecodeCursorCall(request)
	if err != nil {
		return 0, err
	}
	sub := &submission{target: target}
	return s.submit(sub, func() error {
		go func() {
			answer := Answer{codec: s.codec}
			answer.Err = guard.Call(&s.Poison, func() (err error) {
				answer.Plain, err = s.cursors(sub.context, call)
				return err
			})
			answer.Nothing = len(answer.Plain) == 0
			sub.finish(answer)
		}()
		return nil
	})
}

// cursors first lets count what callbacks have handled of the batches that they hold.
func (s *Store) cursors(ctx context.Context, call interop.CursorCall) ([]byte, error) {
	s.advanceAll()
	return s.codec.Do(ctx, s.core, call, nil)
}
