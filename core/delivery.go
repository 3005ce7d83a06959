package factstr

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	readPause    = 20 * time.Millisecond // before a failed read is tried again, doubled each time
	readPauseMax = 2 * time.Second
)

// run is the life of a stream, on a goroutine of its own: one loop for replay, catching up and live delivery.
func (st *EventStream) run() {
	err := st.follow()
	st.halt(err)
	st.finish()
}

// follow delivers until the stream is stopped, which returns nil, or cannot go on.
func (st *EventStream) follow() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = panicError("stream", reason)
		}
	}()
	s, pause := st.store, readPause
	for {
		known, changed := s.log.currentAndChange()
		if known.epoch != st.epoch || known.head.SequenceNumber < st.position.Load() {
			return NewError(CodeLogTruncated, "the log went backwards or was replaced: it ends at %s, this stream had come to %d; register it again after checking the log", known.head, st.position.Load())
		}
		switch err := st.catchUp(&known); {
		case st.context.Err() != nil:
			return nil
		case err != nil && !passing(err):
			return err
		case err != nil:
			// Losing the backend is no failure of the stream: it goes on where it was.
			if !st.sleep(pause) {
				return nil
			}
			pause = min(2*pause, readPauseMax)
			continue
		}
		pause = readPause
		select {
		case <-changed:
		case <-st.context.Done():
			return nil
		}
	}
}

// passing tells that a read may succeed later.
func passing(err error) bool {
	switch CodeOf(err) {
	case CodeBusy, CodeBackendFailure, CodeTimeout:
		return true
	}
	return false
}

// catchUp delivers everything up to the head of known.
func (st *EventStream) catchUp(known *tail) error {
	for st.position.Load() < known.head.SequenceNumber {
		batches, through, err := st.store.batchesAfter(st.context, known, st.plan, st.position.Load())
		if err != nil {
			return err
		}
		for _, batch := range batches {
			if err := st.deliver(batch.records); err != nil {
				return err
			}
			st.handled(batch.last)
		}
		st.handled(through)
		if err := st.reportReady(); err != nil {
			return err
		}
	}
	return st.reportReady()
}

// deliver hands one batch to the handler. An error ends the stream.
func (st *EventStream) deliver(batch []EventRecord) error {
	delay := st.options.retry.Delay
	for attempt := 0; ; attempt++ {
		if st.context.Err() != nil {
			return st.context.Err()
		}
		err := st.handle(batch)
		if err == nil || st.durable == nil {
			// A live stream's failure affects nothing but this batch.
			return nil
		}
		if st.context.Err() != nil {
			return err
		}
		if attempt >= st.options.retry.MaxAttempts {
			return &Error{Code: CodeHandlerFailed, Cause: err, Message: fmt.Sprintf("%v, at the batch of %d to %d; its cursor stays before it", err,
				batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber)}
		}
		if !st.sleep(delay) {
			return st.context.Err()
		}
		delay = min(2*delay, st.options.retry.DelayMax)
	}
}

// handle calls the handler unless the stream was stopped. halt sets stopped under the same lock that is held here, so that no handler starts after it.
func (st *EventStream) handle(batch []EventRecord) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &StreamHandlerError{Message: fmt.Sprintf("panic: %v", reason)}
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

// handled moves the position, and lets the cursor follow.
func (st *EventStream) handled(through uint64) {
	if through <= st.position.Load() {
		return
	}
	st.position.Store(through)
	if st.durable != nil {
		st.store.cursors.follow(st)
	}
}

// reportReady reports the end of replay once, after the cursor is stored.
func (st *EventStream) reportReady() error {
	select {
	case <-st.ready:
		return nil
	default:
	}
	if st.position.Load() < st.target {
		return nil
	}
	if st.durable != nil {
		if err := st.store.cursors.flush(st.context, st); err != nil {
			return err
		}
	}
	close(st.ready)
	if st.options.onReady != nil {
		st.options.onReady()
	}
	return nil
}

// finish stores the cursor, frees the name and reports the end, in this order.
func (st *EventStream) finish() {
	if st.durable != nil {
		st.store.cursors.flushLast(st)
		st.durable.release()
	}
	if st.pull != nil {
		st.pull.close()
	}
	st.store.streams.remove(st)
	st.mu.Lock()
	reason := st.reason
	st.mu.Unlock()
	defer close(st.done)
	defer func() {
		// A panic of the callback must not take the process down; there is nobody left to tell.
		_ = recover()
	}()
	if st.options.onEnd != nil {
		st.options.onEnd(reason)
	}
}

// sleep waits unless the stream is stopped meanwhile.
func (st *EventStream) sleep(pause time.Duration) (slept bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-st.context.Done():
		return false
	}
}
