package objects

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// delivery is a batch that waits for its answer.
//
// A batch goes from the stream's goroutine (handleBatch, the handler of the core stream) to the
// callback, or through offers to a caller of Next. In both cases begin gives it the next number and
// makes it the open delivery, and Acknowledge or Refuse answer it by that number; a callback
// answers by its return value as well. The stream's goroutine waits until then, so one delivery of
// a stream is open at a time, and the cursor moves only behind an answer (G21).
//
// mu decides between an answer and the stop of a stream. begin and answer fail after stop, so after
// Unsubscribe no delivery is taken or answered (G17). An answer that was accepted before is in the
// channel, where awaitAnswer finds it even if the stream was stopped right afterwards: the caller
// has a success for it.
type delivery struct {
	number  uint64
	records []factstr.EventRecord
	answer  chan error // takes one answer
}

// handleBatch is the stream's handler. It returns when the delivery is answered, or when the stream
// was stopped, after which it cannot be answered.
func (st *Stream) handleBatch(ctx context.Context, records []factstr.EventRecord) error {
	<-st.opened
	d := &delivery{records: records, answer: make(chan error, 1)}
	if st.callbacks.Batch == nil {
		select {
		case st.offers <- d:
		case <-st.storeEnds():
			st.leave()
			return context.Canceled
		case <-ctx.Done():
			return ctx.Err()
		}
		return st.awaitAnswer(ctx, d)
	}
	if !st.begin(d) {
		return context.Canceled
	}
	defer st.abandon(d)
	switch outcome := st.callbacks.Batch(st, d.number, records); outcome {
	case Handled:
		return nil
	case Pending:
		return st.awaitAnswer(ctx, d)
	case Failed:
		return &factstr.StreamHandlerError{Message: "the handler answered that it failed"}
	default:
		return &factstr.StreamHandlerError{Message: "the handler answered neither handled, failed nor pending"}
	}
}

// begin makes d the open delivery, unless the stream was stopped.
func (st *Stream) begin(d *delivery) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return false
	}
	st.delivered++
	d.number = st.delivered
	st.open = d
	return true
}

func (st *Stream) abandon(d *delivery) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open == d {
		st.open = nil
	}
}

// stop lets no further delivery be taken or answered.
func (st *Stream) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stopped, st.open = true, nil
}

func (st *Stream) awaitAnswer(ctx context.Context, d *delivery) error {
	select {
	case err := <-d.answer:
		return err
	case <-st.storeEnds():
		st.abandon(d)
		st.leave()
	case <-ctx.Done():
		st.abandon(d)
	}
	// An answer that was accepted counts, however soon the stream was stopped after it.
	select {
	case err := <-d.answer:
		return err
	default:
		return context.Canceled
	}
}

// Next takes the next batch of a stream without callbacks.
func (st *Stream) Next(timeout time.Duration) (number uint64, records []factstr.EventRecord, err error) {
	if err := st.mayTake(); err != nil {
		return 0, nil, err
	}
	expired, stop := timer(timeout)
	defer stop()
	for {
		// A batch that is there is taken even if the time is over.
		select {
		case d := <-st.offers:
			if st.begin(d) {
				return d.number, d.records, nil
			}
			continue
		case <-st.ended:
			return 0, nil, st.end()
		default:
		}
		select {
		case d := <-st.offers:
			if st.begin(d) {
				return d.number, d.records, nil
			}
		case <-st.ended:
			return 0, nil, st.end()
		case <-expired:
			return 0, nil, ErrNotYet
		}
	}
}

func (st *Stream) mayTake() error {
	if st.callbacks.Batch != nil {
		return factstr.NewError(factstr.CodeInvalidState, "the stream delivers to its callbacks; open it without them to take batches")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open != nil {
		return factstr.NewError(factstr.CodeInvalidState, "delivery %d is open; acknowledge or refuse it before taking the next", st.open.number)
	}
	return nil
}

// Acknowledge answers an open delivery as handled.
func (st *Stream) Acknowledge(number uint64) error { return st.answer(number, nil) }

// Refuse answers an open delivery as failed.
func (st *Stream) Refuse(number uint64, message string) error {
	if message == "" {
		message = "the delivery was refused"
	}
	return st.answer(number, &factstr.StreamHandlerError{Message: message})
}

func (st *Stream) answer(number uint64, answer error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open == nil || st.open.number != number {
		return factstr.NewError(factstr.CodeInvalidHandle, "delivery %d is not open; it was answered before, or the stream was stopped", number)
	}
	st.open.answer <- answer
	st.open = nil
	return nil
}
