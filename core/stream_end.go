package factstr

import (
	"context"
	"fmt"
)

// Unsubscribe lets no further delivery start and frees a durable name at once. It never waits: a
// delivery in flight goes on, and the end is reported after it. Further calls do nothing.
func (st *EventStream) Unsubscribe() { st.halt(nil) }

// Drain lets the stream end after it has delivered what was committed before the call. It never
// waits: [EventStream.Done] is closed at the end. A pull stream that drains also ends if nobody
// takes a batch for half a second, or if the loop over its batches was left.
// [EventStream.Unsubscribe] still ends the stream at once.
func (st *EventStream) Drain() { st.drain(draining{}) }

// Close unsubscribes and waits for the end. It does not wait if ctx is the context of the stream's
// own handler.
func (st *EventStream) Close(ctx context.Context) error {
	st.Unsubscribe()
	if inside, ok := ctx.Value(handlerKey{}).(*EventStream); ok && inside == st {
		return nil
	}
	select {
	case <-st.done:
		return nil
	default:
	}
	select {
	case <-st.done:
		return nil
	case <-ctx.Done():
		return ended(ctx, "the stream's handler is still running; the stream ends when it returns")
	}
}

// Done returns a channel that is closed when the stream has ended and its end was reported.
func (st *EventStream) Done() <-chan struct{} { return st.done }

// Err returns why the stream ended. It is nil while the stream has not ended, and after Unsubscribe
// and Close.
func (st *EventStream) Err() error {
	select {
	case <-st.done:
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.reason
	default:
		return nil
	}
}

// draining says up to where a stream delivers before it ends, and with which reason it ends.
type draining struct {
	through uint64
	known   bool // whether through is known; else the stream asks for the head
	reason  error
}

func (st *EventStream) drain(d draining) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return
	}
	if st.draining == nil {
		close(st.drainBegun)
	} else if !st.draining.known || !d.known {
		d.known = false
	}
	st.draining = &d
}

// drained ends the stream if it drains and has delivered everything it was to deliver, and reports
// whether it did.
func (st *EventStream) drained() (bool, error) {
	st.mu.Lock()
	d := st.draining
	st.mu.Unlock()
	if d == nil {
		return false, nil
	}
	for !d.known {
		known, err := st.store.log.refresh(st.context, st.store.backend)
		if err != nil {
			return false, err
		}
		st.mu.Lock()
		if st.draining == d { // else Drain was called again, and more may have been committed before that call
			st.draining = &draining{through: known.head.SequenceNumber, known: true, reason: d.reason}
		}
		d = st.draining
		st.mu.Unlock()
	}
	if st.position.Load() < d.through {
		return false, nil
	}
	if err := st.reportReady(); err != nil {
		return false, err
	}
	st.halt(d.reason)
	return true, nil
}

// halt stops the stream with a reason. Only the first call counts.
func (st *EventStream) halt(reason error) {
	st.mu.Lock()
	first := !st.stopped
	if first {
		st.stopped, st.reason = true, reason
		st.stop() // under mu: whoever sees stopped also sees the context ended
	}
	st.mu.Unlock()
	if first && st.durable != nil && reason == nil {
		st.durable.release()
	}
}

// cutShort stops a stream that drains, and logs which facts it has not delivered.
func (st *EventStream) cutShort(reason error) {
	position := st.store.log.at(st)
	st.mu.Lock()
	d, stopped := st.draining, st.stopped
	st.mu.Unlock()
	st.halt(reason)
	if !stopped && d != nil && d.known && position < d.through {
		st.store.tells.Tell(LogDeliveriesCut, fmt.Sprintf("%s was closed before it had delivered what was committed: facts %d to %d that match were not handled", st, position+1, d.through),
			append(st.attributes(), "position", position, "through", d.through)...)
	}
}

// endUntaken ends a stream that drains, and whose batches nobody takes.
func (st *EventStream) endUntaken() {
	st.mu.Lock()
	reason := st.draining.reason
	st.mu.Unlock()
	st.cutShort(reason)
}

// finish stores the cursor, frees the name and reports the end, in this order. A panic in one of
// these steps is logged, and the next one is done.
func (st *EventStream) finish() {
	defer close(st.done)
	st.store.log.unfile(st)
	tells := st.store.tells
	if st.durable != nil {
		tells.Once(TaskCursors, func() { st.store.cursors.flushLast(st) })
		tells.Once(TaskLeases, st.durable.release)
	}
	st.failure.set(nil)
	st.mu.Lock()
	reason := st.reason
	st.mu.Unlock()
	st.tellEnd(reason) // before remove, after which the store may close and log nothing more
	st.store.streams.remove(st)
	if st.options.onEnd != nil {
		tells.Once(TaskCallback, func() { st.options.onEnd(reason) })
	}
}
