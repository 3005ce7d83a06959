package objects

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// delivery is what one crossing hands to the caller: a batch, or several, that wait for an answer.
//
// A batch goes from the stream's goroutine (the handler of the core stream: handleBatch,
// severalCalled or pulled) to a callback, or through offers to a caller of Next. In all cases begin
// gives it the next number and makes it the open delivery, and Acknowledge or Refuse answer it by
// that number; a callback answers by its return value as well. The stream's goroutine waits until
// then, so one delivery of a stream is open at a time, and the cursor moves only behind what was
// handled (G21).
//
// mu decides between an answer and the stop of a stream. begin and answer fail after stop, so after
// Unsubscribe no delivery is taken or answered (G17). An answer that was accepted before is in the
// channel, where awaitAnswer finds it even if the stream was stopped right afterwards: the caller
// has a success for it.
//
// Several batches that go over at once are one delivery with a number for each of them. One answer
// settles all: the batches before it were handled, those behind it are given back, and come again.
// Before that the caller may say how many it has handled: see advance.go.
type delivery struct {
	batches []factstr.Delivery
	answer  chan answer // takes one

	// Guarded by Stream.mu.
	number  uint64 // of the first batch
	count   int    // batches that were taken
	handled int    // of them, as far as the stream's goroutine knows
	marked  bool   // the caller marks what is handled, see Marks
	ends    bool   // no other batch of it may be begun
	over    bool   // its handler has returned
	advance func(handled int) (more bool)
	follows *time.Timer
}

func newDelivery(batches []factstr.Delivery, advance func(handled int) bool) *delivery {
	return &delivery{batches: batches, advance: advance, answer: make(chan answer, 1)}
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
func (st pulled) HandleBatches(
	ctx context.Context, batches []factstr.Delivery, advance func(handled int) bool,
) (handled int, err error) {
	<-st.opened
	d := newDelivery(batches, advance)
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
	_, err := st.HandleBatches(ctx, deliveryOf(ctx, records), func(int) bool { return true })
	return err
}

// handleBatch is the handler of a stream whose callback takes one batch.
func (st *Stream) handleBatch(ctx context.Context, records []factstr.EventRecord) error {
	_, err := st.handOver(ctx, newDelivery(deliveryOf(ctx, records), nil), 1)
	return err
}

// deliveryOf returns what HandleStream was called with.
func deliveryOf(ctx context.Context, records []factstr.EventRecord) []factstr.Delivery {
	return []factstr.Delivery{{Records: records, Position: factstr.DeliveryPosition(ctx)}}
}

// severalCalled is the handler of a stream whose callback takes several batches.
type severalCalled struct{ *Stream }

func (st severalCalled) HandleBatches(
	ctx context.Context, batches []factstr.Delivery, advance func(handled int) bool,
) (handled int, err error) {
	return st.handOver(ctx, newDelivery(batches, advance), st.batchesMax)
}

// HandleStream is HandleBatches for one batch.
func (st severalCalled) HandleStream(ctx context.Context, records []factstr.EventRecord) error {
	return st.handleBatch(ctx, records)
}

// handOver calls the callback with a delivery, and returns its answer.
func (st *Stream) handOver(ctx context.Context, d *delivery, most int) (handled int, err error) {
	<-st.opened
	if !st.begin(d, most) {
		return 0, context.Canceled
	}
	defer st.abandon(d) // after a panic
	switch outcome := st.callbacks.Batches(st, d.number, d.batches[:d.count]); outcome {
	case Handled:
		return st.returned(d, d.count, nil)
	case Pending:
		return st.awaitAnswer(ctx, d)
	case Failed:
		return st.returned(d, 0, &factstr.StreamHandlerError{Message: "the handler answered that it failed"})
	default:
		return st.returned(d, 0, &factstr.StreamHandlerError{
			Message: "the handler answered neither handled, failed nor pending",
		})
	}
}

// begin makes d the open delivery, with as many of its batches as fit, unless the stream was
// stopped.
func (st *Stream) begin(d *delivery, most int) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped || d.over {
		return false
	}
	d.number, d.count = st.delivered+1, fit(d.batches, min(most, st.most, st.mostEver))
	st.delivered += uint64(d.count)
	st.open = d
	if d.count > 1 {
		st.beginAdvancing(d)
	}
	return true
}

// end makes d no longer the open delivery. The caller holds mu.
func (st *Stream) end(d *delivery) {
	if st.open == d {
		st.open = nil
		st.endAdvancing(d)
	}
}

// abandon ends a delivery that can no longer be answered.
func (st *Stream) abandon(d *delivery) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.end(d)
	d.over = true
}

// stop lets no further delivery be taken or answered. What was handled of the open one counts.
func (st *Stream) stop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.stopped = true
	if d := st.open; d != nil {
		st.end(d)
		if d.handled > 0 {
			d.advance(d.handled)
		}
	}
}

func (st *Stream) awaitAnswer(ctx context.Context, d *delivery) (handled int, err error) {
	select {
	case answer := <-d.answer:
		return st.returned(d, answer.handled, answer.err)
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
		return st.returned(d, 0, context.Canceled)
	}
}

// returned ends a delivery and returns what its handler does. What was said to be handled before
// counts. After a failure the next delivery has one batch, and the ones behind it twice as many
// each time: what is given back has to be brought over again.
func (st *Stream) returned(d *delivery, handled int, err error) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.end(d)
	d.over = true
	if err != nil {
		st.most = 1
	} else {
		st.most = min(2*st.most, takenMost)
	}
	return max(handled, d.handled), err
}

// Next takes the next batch of a stream without callbacks.
func (st *Stream) Next(timeout time.Duration) (number uint64, next factstr.Delivery, err error) {
	number, batches, err := st.NextMany(1, timeout)
	if err != nil {
		return 0, factstr.Delivery{}, err
	}
	return number, batches[0], nil
}

// NextMany takes the next batches, at least one and at most that many, of a stream without
// callbacks. Their numbers follow each other; the first one's is returned.
func (st *Stream) NextMany(most int, timeout time.Duration) (number uint64, batches []factstr.Delivery, err error) {
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
			return 0, nil, st.endReason()
		default:
			select {
			case d = <-st.offers:
			case <-st.ended:
				return 0, nil, st.endReason()
			case <-expired:
				return 0, nil, ErrNotYet
			}
		}
		if st.begin(d, most) {
			return d.number, d.batches[:d.count], nil
		}
	}
}

// What is taken at once: so many batches, whose texts together have about so many bytes, unless the
// first one alone has more.
const (
	takenMost  = 4096
	takenBytes = 1 << 20
)

// fit returns how many batches are taken at once.
func fit(batches []factstr.Delivery, most int) int {
	count, size := 1, 0
	for ; count < len(batches) && count < most; count++ {
		if size += interop.DeliverySize(&batches[count-1]); size+interop.DeliverySize(&batches[count]) > takenBytes {
			break
		}
	}
	return count
}

func (st *Stream) mayTake() error {
	if st.callbacks.Batches != nil {
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
	d, err := st.openDelivery(number)
	if err != nil {
		return err
	}
	handled := int(number - d.number)
	if failure == nil {
		handled++
	}
	// The last one that is known to be handled may be acknowledged once more: this gives the others
	// back.
	if d.handled > handled || failure != nil && d.handled > int(number-d.number) {
		return notOpen(number)
	}
	st.settle(d, answer{handled, failure})
	return nil
}

// settle answers the open delivery. The caller holds mu. Of several batches those before the last
// one count before the stream's goroutine comes to the answer, as if each had come alone.
func (st *Stream) settle(d *delivery, with answer) {
	if d.count > 1 && with.handled > 0 {
		d.advance(with.handled)
	}
	d.answer <- with
	st.end(d)
}

// openDelivery returns the open delivery, if the number is one of it. The caller holds mu.
func (st *Stream) openDelivery(number uint64) (*delivery, error) {
	d := st.open
	if d == nil || number < d.number || number-d.number >= uint64(d.count) {
		return nil, notOpen(number)
	}
	st.noteMarks(d)
	return d, nil
}

func notOpen(number uint64) error {
	return factstr.NewError(factstr.CodeInvalidHandle, "delivery %d is not open; it was answered before, or the stream was stopped", number)
}
