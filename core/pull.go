package factstr

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// Batch is a Delivery of a pull stream, which waits until Ack or Fail answers it.
type Batch struct {
	Delivery
	answer func(error)
	left   chan struct{} // closed when the loop over Batches was left before an answer
}

// Ack answers that the batch was handled. Only the first answer of a batch counts.
func (b *Batch) Ack() { b.answer(nil) }

// Fail answers that the batch could not be handled, like a handler that returns an error.
func (b *Batch) Fail(reason error) { b.answer(reason) }

// pull hands batches from the stream's goroutine, whose handler is offer, to the callers of Next.
// mu guards open, so that Next can refuse a second batch.
type pull struct {
	mu   sync.Mutex
	open *Batch // taken and not answered

	batches  chan *Batch
	draining <-chan struct{} // closed when the stream drains
}

func newPull(draining <-chan struct{}) *pull {
	return &pull{batches: make(chan *Batch), draining: draining}
}

// takeWithin is how long a stream that drains waits for somebody to take a batch: the program may
// have stopped taking them. Tests change it.
var takeWithin = 500 * time.Millisecond

// errNobodyTakes ends a stream that drains and whose batches nobody takes.
var errNobodyTakes = errors.New("nobody takes the batches of the stream, which is to end")

// offer is the handler of a pull stream: it offers a batch and returns its answer.
func (p *pull) offer(ctx context.Context, records []EventRecord) error {
	answers := make(chan error, 1)
	var once sync.Once
	batch := &Batch{Delivery: Delivery{records, DeliveryPosition(ctx)}, left: make(chan struct{})}
	batch.answer = func(err error) {
		p.answered(batch)
		once.Do(func() { answers <- err })
	}
	defer p.answered(batch)
	if closed(p.draining) {
		left := time.NewTimer(takeWithin)
		defer left.Stop()
		select {
		case p.batches <- batch:
		case <-left.C:
			return errNobodyTakes
		case <-ctx.Done():
			return ctx.Err()
		}
	} else {
		select {
		case p.batches <- batch:
		case <-p.draining:
			return p.offer(ctx, records)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// The batch was taken: wait for its answer. Only while draining does a loop that was left count
	// as nobody taking batches.
	draining, left, late := p.draining, (<-chan struct{})(nil), (<-chan time.Time)(nil)
	for waiting := true; waiting; {
		select {
		case err := <-answers:
			return err
		case <-draining:
			draining, left = nil, batch.left
		case <-left:
			left, late = nil, time.After(takeWithin)
		case <-late:
			return errNobodyTakes
		case <-ctx.Done():
			waiting = false
		}
	}
	// An answer counts however soon after it the stream was stopped.
	select {
	case err := <-answers:
		return err
	default:
		return ctx.Err()
	}
}

// taken notes the open batch, or reports false if the stream was stopped meanwhile.
func (p *pull) taken(st *EventStream, batch *Batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.context.Err() != nil {
		return false
	}
	p.open = batch
	return true
}

// answered notes that a batch is not open any more.
func (p *pull) answered(batch *Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == batch {
		p.open = nil
	}
}

func (p *pull) isOpen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open != nil
}

// Next takes the next batch of a pull stream, and waits for it. After Unsubscribe, Close or Drain
// it returns nil and no error at the end of the stream; after any other end it returns the reason.
// One batch is open at a time: until it is answered, Next fails with CodeInvalidState.
func (st *EventStream) Next(ctx context.Context) (*Batch, error) {
	if st.pull == nil {
		return nil, NewError(CodeInvalidState, "the stream delivers to a handler; register it without one to take batches")
	}
	if st.pull.isOpen() {
		return nil, NewError(CodeInvalidState, "the batch before is open; answer it by Ack or Fail before taking the next")
	}
	batches := st.pull.batches
	for {
		select {
		case batch := <-batches:
			if st.pull.taken(st, batch) {
				return batch, nil
			}
			batches = nil // the stream was stopped after the offer: its end follows
		case <-st.done:
			return nil, st.Err()
		case <-ctx.Done():
			return nil, ended(ctx, "no batch came in time; ask again")
		}
	}
}

// Batches ranges over the batches of a pull stream. The next iteration acknowledges the batch
// before; leaving the loop does not, so call Ack before leaving it if the batch was handled. The
// loop ends with the stream, or with an error when ctx ends.
func (st *EventStream) Batches(ctx context.Context) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		var open *Batch
		defer func() {
			if open != nil {
				close(open.left)
			}
		}()
		for {
			batch, err := st.Next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if batch == nil {
				return
			}
			if open = batch; !yield(batch, nil) {
				return
			}
			open = nil
			batch.Ack()
		}
	}
}
