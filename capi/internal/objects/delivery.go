package objects

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// delivery is a batch that waits for its answer.
//
// A batch goes from the stream's goroutine (handleBatch or pulled, the handler of the core stream)
// to the callback, or through offers to a caller of Next. In both cases begin gives it the next
// number and makes it the open delivery, and Acknowledge or Refuse answer it by that number; a
// callback answers by its return value as well. The stream's goroutine waits until then, so one
// delivery of a stream is open at a time, and the cursor moves only behind an answer (G21).
//
// mu decides between an answer and the stop of a stream. begin and answer fail after stop, so after
// Unsubscribe no delivery is taken or answered (G17). An answer that was accepted before is in the
// channel, where awaitAnswer finds it even if the stream was stopped right afterwards: the caller
// has a success for it.
//
// A caller of NextMany takes several batches with one delivery, which then has a number for each of
// them. One answer settles all: the batches before it were handled, those behind it are given back,
// and come again.
type delivery struct {
	number  uint64 // of the first batch
	count   int    // batches that were taken
	batches [][]factstr.EventRecord
	answer  chan answer // takes one
}

// answer is how many batches of a delivery were handled, and why the next one was not.
type answer struct {
	handled int
	err     error
}

// pulled is the handler of a stream whose batches are pulled.
type pulled struct{ *Stream }

// HandleBatches returns when the delivery is answered, or when the stream was stopped, after which
// it cannot be answered.
func (st pulled) HandleBatches(ctx context.Context, batches [][]factstr.EventRecord) (handled int, err error) {
	<-st.opened
	d := &delivery{batches: batches, answer: make(chan answer, 1)}
	select {
	case st.offers <- d:
		return st.awaitAnswer(ctx, d)
	case <-st.storeEnds():
		st.leave()
		return 0, context.Canceled
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// HandleStream is HandleBatches for one batch.
func (st pulled) HandleStream(ctx context.Context, records []factstr.EventRecord) error {
	_, err := st.HandleBatches(ctx, [][]factstr.EventRecord{records})
	return err
}

// handleBatch is the handler of a stream with callbacks.
func (st *Stream) handleBatch(ctx context.Context, records []factstr.EventRecord) error {
	<-st.opened
	d := &delivery{batches: [][]factstr.EventRecord{records}, answer: make(chan answer, 1)}
	if !st.begin(d, 1) {
		return context.Canceled
	}
	defer st.abandon(d)
	switch outcome := st.callbacks.Batch(st, d.number, records); outcome {
	case Handled:
		return nil
	case Pending:
		_, err := st.awaitAnswer(ctx, d)
		return err
	case Failed:
		return &factstr.StreamHandlerError{Message: "the handler answered that it failed"}
	default:
		return &factstr.StreamHandlerError{Message: "the handler answered neither handled, failed nor pending"}
	}
}

// begin makes d the open delivery, with that many of its batches, unless the stream was stopped.
func (st *Stream) begin(d *delivery, count int) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return false
	}
	d.number, d.count = st.delivered+1, count
	st.delivered += uint64(count)
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

func (st *Stream) awaitAnswer(ctx context.Context, d *delivery) (handled int, err error) {
	select {
	case answer := <-d.answer:
		return answer.handled, answer.err
	case <-st.storeEnds():
		st.abandon(d)
		st.leave()
	case <-ctx.Done():
		st.abandon(d)
	}
	// An answer that was accepted counts, however soon the stream was stopped after it.
	select {
	case answer := <-d.answer:
		return answer.handled, answer.err
	default:
		return 0, context.Canceled
	}
}

// Next takes the next batch of a stream without callbacks.
func (st *Stream) Next(timeout time.Duration) (number uint64, records []factstr.EventRecord, err error) {
	number, batches, err := st.NextMany(1, timeout)
	if err != nil {
		return 0, nil, err
	}
	return number, batches[0], nil
}

// NextMany takes the next batches, at least one and at most that many, of a stream without
// callbacks. Their numbers follow each other; the first one's is returned.
func (st *Stream) NextMany(most int, timeout time.Duration) (number uint64, batches [][]factstr.EventRecord, err error) {
	if err := st.mayTake(); err != nil {
		return 0, nil, err
	}
	expired, stop := timer(timeout)
	defer stop()
	for {
		// A batch that is there is taken even if the time is over.
		var d *delivery
		select {
		case d = <-st.offers:
		case <-st.ended:
			return 0, nil, st.end()
		default:
			select {
			case d = <-st.offers:
			case <-st.ended:
				return 0, nil, st.end()
			case <-expired:
				return 0, nil, ErrNotYet
			}
		}
		if count := fit(d.batches, most); st.begin(d, count) {
			return d.number, d.batches[:count], nil
		}
	}
}

// fit returns how many batches are taken at once: their texts together have about takenBytes,
// unless the first one alone has more.
func fit(batches [][]factstr.EventRecord, most int) int {
	const takenBytes = 1 << 20
	count, size := 1, 0
	for ; count < len(batches) && count < most; count++ {
		if size += interop.BatchSize(batches[count-1]); size+interop.BatchSize(batches[count]) > takenBytes {
			break
		}
	}
	return count
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

// Acknowledge answers an open delivery as handled, with those before it that NextMany took along.
// Those behind it are given back.
func (st *Stream) Acknowledge(number uint64) error { return st.answer(number, nil) }

// Refuse answers an open delivery as failed, and those before it as handled. Those behind it are
// given back.
func (st *Stream) Refuse(number uint64, message string) error {
	if message == "" {
		message = "the delivery was refused"
	}
	return st.answer(number, &factstr.StreamHandlerError{Message: message})
}

func (st *Stream) answer(number uint64, failure error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	d := st.open
	if d == nil || number < d.number || number-d.number >= uint64(d.count) {
		return factstr.NewError(factstr.CodeInvalidHandle, "delivery %d is not open; it was answered before, or the stream was stopped", number)
	}
	handled := int(number - d.number)
	if failure == nil {
		handled++
	}
	d.answer <- answer{handled, failure}
	st.open = nil
	return nil
}
