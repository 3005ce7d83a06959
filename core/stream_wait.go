package factstr

import (
	"context"
	"math"
	"time"
)

// How a program waits for a stream
//
// A program that has appended, and then reads what a stream makes of the facts, waits until the
// stream has come to the number of its append. A position moves in two ways: the stream's goroutine
// moves it (moveTo), or, while the stream is idle, the known head does (streamWaker). So a waiter
// listens to both: to EventStream.moved, which moveTo takes and closes, and to the change of the
// known log. It gets hold of both before it looks at the position, so that no move falls in
// between. A stream without waiters pays for one atomic load a batch.
//
// The cursor of a name that another process holds can only be read again and again. It follows what
// is handled within CursorEvery, and what does not match within a few seconds.

const (
	cursorLook    = 5 * time.Millisecond // between two looks at a stored cursor, doubled each time
	cursorLookMax = 50 * time.Millisecond
)

// WaitFor waits until the stream has come to a sequence number: everything up to there was handled
// or does not match. If the stream ends before, it returns the reason, or CodeCancelled after
// Unsubscribe. Inside the stream's own handler it does not wait, but fails with CodeInvalidState.
func (st *EventStream) WaitFor(ctx context.Context, sequenceNumber uint64) error {
	for {
		over := closed(st.done)
		moved := st.movedNext()
		_, changed := st.store.log.currentAndChange()
		if st.store.log.at(st) >= sequenceNumber {
			return nil
		}
		if over {
			if err := st.Err(); err != nil {
				return err
			}
			return NewError(CodeCancelled, "the stream was unsubscribed before it came to %d", sequenceNumber)
		}
		if inside, ok := ctx.Value(handlerKey{}).(*EventStream); ok && inside == st {
			return NewError(CodeInvalidState, "the handler of a stream cannot wait for the stream itself, which goes on when it returns")
		}
		select {
		case <-moved:
		case <-changed:
		case <-st.done:
		case <-ctx.Done():
			return ended(ctx, "the stream has not come to %d yet; it goes on, wait again", sequenceNumber)
		}
	}
}

// movedNext returns a channel that is closed when the position moves next, unless the stream is
// idle then.
func (st *EventStream) movedNext() <-chan struct{} {
	for {
		if moved := st.moved.Load(); moved != nil {
			return *moved
		}
		moved := make(chan struct{})
		if st.moved.CompareAndSwap(nil, &moved) {
			return moved
		}
	}
}

// WaitForCursor waits until the durable stream of a name has come to a sequence number, in whatever
// process it runs: in this store by its position, in another one by its stored cursor. The name
// need not be active, or known, when the call begins. While the cursor cannot be read, as from a
// lost server, it tries again.
func (s *Store) WaitForCursor(ctx context.Context, name string, sequenceNumber uint64) error {
	if err := validateDurableName(name); err != nil {
		return err
	}
	if sequenceNumber > math.MaxInt64 {
		return NewError(CodeInvalidArgument, "number must be at most %d", int64(math.MaxInt64))
	}
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	bounded, unbind := s.bound(ctx)
	defer unbind()
	for pause := cursorLook; ; pause = min(2*pause, cursorLookMax) {
		err := s.lookForCursor(bounded, name, sequenceNumber)
		switch {
		case err == nil:
			return nil
		case bounded.Err() != nil && s.context.Err() != nil:
			return ErrStoreClosed()
		case bounded.Err() != nil:
			return ended(ctx, "durable stream %q has not come to %d yet; wait again", name, sequenceNumber)
		case !passing(err):
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-bounded.Done():
			timer.Stop()
		}
	}
}

// lookForCursor fails with CodeTimeout if the cursor has not come to the number.
func (s *Store) lookForCursor(ctx context.Context, name string, sequenceNumber uint64) error {
	if stream := s.streams.named(name); stream != nil {
		if err := stream.WaitFor(ctx, sequenceNumber); err == nil || !closed(stream.done) {
			return err
		}
		// It has ended. Another one may go on with its name, here or elsewhere.
	}
	cursor, _, err := s.backend.ReadCursor(ctx, name)
	if err == nil && cursor < sequenceNumber {
		err = NewError(CodeTimeout, "the cursor is at %d", cursor)
	}
	return err
}

// named returns the open stream of a durable name, or nil.
func (r *streams) named(name string) *EventStream {
	r.mu.Lock()
	defer r.mu.Unlock()
	for stream := range r.open {
		if stream.durable != nil && stream.durable.name == name {
			return stream
		}
	}
	return nil
}
