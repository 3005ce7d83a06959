package factstr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// deliver hands the first batch to the handler, or as many as it takes at once, and returns how
// many are done. A batch that fails is handed over again if the stream's retries allow it. If
// deliver returns an error, the batch behind those that are done does not count as handled, and the
// stream ends.
func (st *EventStream) deliver(batches []Delivery) (done int, err error) {
	delay := st.options.retry.Delay
	for attempt := 0; ; attempt++ {
		if st.context.Err() != nil {
			return 0, st.context.Err()
		}
		if st.durable != nil && st.durable.confirm != nil {
			if err := st.durable.confirm(st.context); err != nil {
				return 0, err
			}
		}
		handled, err := st.handle(batches)
		if handled > 0 {
			// A batch behind them that failed counts its attempts from one, once they are behind.
			if err != nil {
				st.handled(batches[:handled])
				done, batches = done+handled, batches[handled:]
				attempt, delay = 0, st.options.retry.Delay
			} else if st.failed.due() {
				st.tellRest("; it does no more")
			}
		}
		if err == nil {
			return done + handled, nil
		}
		batch := batches[0].Records
		if errors.Is(err, errNobodyTakes) {
			st.endUntaken()
			return done, err
		}
		if st.context.Err() != nil {
			if !errors.Is(err, context.Canceled) {
				st.tellFailed(err, batch, attempt, "; the stream was stopped meanwhile")
			}
			return done, err // the batch does not count as handled
		}
		if !st.complete {
			st.tellFailed(err, batch, attempt, "; the stream goes on with the next batch")
			return done + 1, nil // a live stream's failure concerns this batch only
		}
		if attempt >= st.options.retry.MaxAttempts && st.options.retry.GiveUp == GiveUpPark {
			if err := st.park(batches[0], err, attempt+1); err != nil {
				return done, err
			}
			return done + 1, nil
		}
		if attempt >= st.options.retry.MaxAttempts {
			kept := "cursor"
			if st.durable == nil {
				kept = "position"
			}
			return done, &Error{Code: CodeHandlerFailed, Cause: err,
				Message: fmt.Sprintf("%v, at the batch of %d to %d; its %s stays before it", err,
					batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber, kept)}
		}
		st.tellFailed(err, batch, attempt, "; the batch is delivered again")
		if !st.sleep(delay) {
			return done, st.context.Err()
		}
		delay = min(2*delay, st.options.retry.DelayMax)
		st.store.counters.redeliveries.Add(1)
	}
}

// handle calls the handler unless the stream is stopped. Unsubscribe stops it under mu, so a
// delivery either started before Unsubscribe returned, or does not start at all.
func (st *EventStream) handle(batches []Delivery) (handled int, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &StreamHandlerError{Message: fmt.Sprintf("panic: %v", reason), stack: string(debug.Stack())}
		}
	}()
	st.mu.Lock()
	stopped := st.stopped
	st.mu.Unlock()
	if stopped {
		return 0, context.Canceled
	}
	if several, ok := st.handler.(HandleBatches); ok {
		handled, err = several.HandleBatches(st.context, batches, func(handled int) bool {
			st.handled(batches[:handled])
			return st.mayDeliver()
		})
	} else {
		st.delivering.Store(batches[0].Position)
		if err = st.handler.HandleStream(st.context, batches[0].Records); err == nil {
			handled = 1
		}
	}
	var known *StreamHandlerError
	switch {
	case err == nil:
		return handled, nil
	case errors.As(err, &known):
		return handled, known
	default:
		return handled, &StreamHandlerError{Message: err.Error(), Cause: err}
	}
}

// handled moves the position behind batches, and lets the stored cursor follow it.
func (st *EventStream) handled(batches []Delivery) {
	position, count := st.position.Load(), 0
	for i := len(batches) - 1; i >= 0 && batches[i].Position > position; i-- {
		count++
	}
	if count > 0 {
		st.moveTo(batches[len(batches)-1].Position, count)
	}
}

// passed moves the position behind facts that do not match.
func (st *EventStream) passed(through uint64) {
	if through > st.position.Load() {
		st.moveTo(through, 1)
	}
}

func (st *EventStream) moveTo(through uint64, batches int) {
	st.position.Store(through)
	if st.moved.Load() != nil {
		if moved := st.moved.Swap(nil); moved != nil {
			close(*moved)
		}
	}
	if st.durable != nil {
		st.store.cursors.follow(st, batches)
	}
}

// atOnce is a context that has ended, for a question whose answer nobody waits for.
var atOnce = func() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}()

// mayDeliver reports whether the next of the batches that a handler holds may be delivered. The
// answer never waits. If it is no, deliver and catchUp find out why.
func (st *EventStream) mayDeliver() bool {
	if st.context.Err() != nil || st.truncated(st.store.log.current()) != nil || closed(st.lost()) {
		return false
	}
	return st.durable == nil || st.durable.confirm == nil || st.durable.confirm(atOnce) == nil
}
