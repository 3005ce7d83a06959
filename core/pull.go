package factstr

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// Batch is a delivery of a pull stream. Until it is answered by Ack or Fail the stream waits.
type Batch struct {
	Records []EventRecord
	answer  func(error)
	left    chan struct{} // closed when the loop that had it was left without an answer
}

// Ack answers that the batch was handled. Only the first answer counts.
func (b *Batch) Ack() { b.answer(nil) }

// Fail answers that the batch could not be handled.
func (b *Batch) Fail(reason error) { b.answer(reason) }

// pull hands batches from the stream's goroutine to whoever takes them.
type pull struct {
	mu   sync.Mutex
	open *Batch // taken and not answered

	batches  chan *Batch
	draining <-chan struct{} // closed when the stream is to end after what there is
}

func newPull(draining <-chan struct{}) *pull {
	return &pull{batches: make(chan *Batch), draining: draining}
}

// takeWithin is how long a stream that drains waits for somebody to take a batch: whoever took the
// ones before may have left. Tests change it.
var takeWithin = 500 * time.Millisecond

// errNobodyTakes ends a stream that drains.
var errNobodyTakes = errors.New("nobody takes the batches of the stream, which is to end")

// offer is the handler of a pull stream.
func (p *pull) offer(ctx context.Context, records []EventRecord) error {
	answers := make(chan error, 1)
	var once sync.Once
	batch := &Batch{Records: records, left: make(chan struct{})}
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
	// A batch that was taken is being handled, unless whoever took it has left.
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
	// An answer that was given counts, however soon the stream was stopped after it.
	select {
	case err := <-answers:
		return err
	default:
		return ctx.Err()
	}
}

// taken notes the open batch. It is false when the stream was stopped meanwhile.
func (p *pull) taken(st *EventStream, batch *Batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.context.Err() != nil {
		return false
	}
	p.open = batch
	return true
}

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

// Next takes the next batch of a stream without handler. It returns nil without error after the
// stream was unsubscribed or closed, and the reason after another end. One batch is open at a time:
// while it is not answered, Next answers CodeInvalidState.
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
			batches = nil // offered before the stream was stopped, taken after it: the end follows
		case <-st.done:
			return nil, st.Err()
		case <-ctx.Done():
			return nil, ended(ctx, "no batch came in time; ask again")
		}
	}
}

// Batches ranges over the batches of a stream without handler. Going on to the next one answers
// that the batch was handled; leaving the loop does not, unless Ack was called. The loop ends with
// the stream, or with an error when ctx ends.
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
