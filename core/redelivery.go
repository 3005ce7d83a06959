package factstr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// deliver hands one batch to the handler, again if it fails and the stream's retries allow it. If
// it returns an error, the batch does not count as handled and the stream ends.
func (st *EventStream) deliver(batch []EventRecord) error {
	delay := st.options.retry.Delay
	for attempt := 0; ; attempt++ {
		if st.context.Err() != nil {
			return st.context.Err()
		}
		if st.durable != nil && st.durable.confirm != nil {
			if err := st.durable.confirm(st.context); err != nil {
				return err
			}
		}
		err := st.handle(batch)
		if err == nil {
			if st.failed.due() {
				st.tellRest("; it does no more")
			}
			return nil
		}
		if errors.Is(err, errNobodyTakes) {
			st.mu.Lock()
			reason := st.draining.reason
			st.mu.Unlock()
			st.cutShort(reason)
			return err
		}
		if st.context.Err() != nil {
			if !errors.Is(err, context.Canceled) {
				st.tellFailed(err, batch, attempt, "; the stream was stopped meanwhile")
			}
			return err // the batch does not count as handled
		}
		if st.durable == nil {
			st.tellFailed(err, batch, attempt, "; the stream goes on with the next batch")
			return nil // a live stream's failure concerns this batch only
		}
		if attempt >= st.options.retry.MaxAttempts {
			return &Error{Code: CodeHandlerFailed, Cause: err,
				Message: fmt.Sprintf("%v, at the batch of %d to %d; its cursor stays before it", err,
					batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber)}
		}
		st.tellFailed(err, batch, attempt, "; the batch is delivered again")
		if !st.sleep(delay) {
			return st.context.Err()
		}
		delay = min(2*delay, st.options.retry.DelayMax)
		st.store.counters.redeliveries.Add(1)
	}
}

// handle calls the handler unless the stream is stopped. Unsubscribe stops it under mu, so a
// delivery either started before Unsubscribe returned, or does not start at all.
func (st *EventStream) handle(batch []EventRecord) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &StreamHandlerError{Message: fmt.Sprintf("panic: %v", reason), stack: string(debug.Stack())}
		}
	}()
	st.mu.Lock()
	stopped := st.stopped
	st.mu.Unlock()
	if stopped {
		return context.Canceled
	}
	if err := st.handler.HandleStream(st.context, batch); err != nil {
		var known *StreamHandlerError
		if errors.As(err, &known) {
			return known
		}
		return &StreamHandlerError{Message: err.Error(), Cause: err}
	}
	return nil
}

// handled moves the position and lets the stored cursor follow it.
func (st *EventStream) handled(through uint64) {
	if through <= st.position.Load() {
		return
	}
	st.position.Store(through)
	if st.durable != nil {
		st.store.cursors.follow(st)
	}
}
