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
	pause := readPause
	for {
		changed, err := st.catchUp()
		switch {
		case st.context.Err() != nil:
			return nil
		case err != nil && !passing(err):
			return err
		case err != nil:
			// Losing the backend is no failure of the stream: it goes on where it was.
			st.failure.set(err)
			if !st.sleep(pause) {
				return nil
			}
			pause = min(2*pause, readPauseMax)
			continue
		}
		pause = readPause
		st.failure.set(nil)
		select {
		case <-changed:
		case <-st.lost():
			return ErrStreamLost(st.durable.name)
		case <-st.context.Done():
			return nil
		}
	}
}

func (st *EventStream) lost() <-chan struct{} {
	if st.durable == nil {
		return nil
	}
	return st.durable.lost
}

// passing tells that a read, or the storing of a cursor, may succeed later.
func passing(err error) bool {
	switch CodeOf(err) {
	case CodeBusy, CodeBackendFailure, CodeTimeout, CodeCommitUnknown, CodeReadOnly:
		return true
	}
	return false
}

// catchUp delivers everything up to the newest committed fact, and returns a channel that is closed when there is more.
func (st *EventStream) catchUp() (changed <-chan struct{}, err error) {
	for {
		batches, through, changed, err := st.readOn()
		if err != nil {
			return nil, err
		}
		if through == st.position.Load() {
			return changed, st.reportReady()
		}
		st.failure.set(nil) // a handler may take its time
		for _, batch := range batches {
			if err := st.truncated(st.store.log.current()); err != nil {
				return nil, err
			}
			if err := st.deliver(batch.records); err != nil {
				return nil, err
			}
			st.handled(batch.last)
		}
		st.handled(through)
		if err := st.reportReady(); err != nil {
			return nil, err
		}
	}
}

// readOn reads the next batches. The snapshot of the log lives no longer than this call, so that a slow handler keeps no old facts in memory.
func (st *EventStream) readOn() (batches []deliverable, through uint64, changed <-chan struct{}, err error) {
	s, position := st.store, st.position.Load()
	known, changed := s.log.currentAndChange()
	if err := st.truncated(known); err != nil {
		return nil, 0, nil, err
	}
	if position >= known.head.SequenceNumber {
		return nil, position, changed, nil
	}
	inTail := position >= known.floor()
	if batches, through, err = s.batchesAfter(st.context, &known, st.plan, position); err != nil || inTail {
		return batches, through, changed, err
	}
	// What was read from the backend counts only if the log is still the one whose head was known.
	if known, err = s.log.refresh(st.context, s.backend); err != nil {
		return nil, 0, nil, err
	}
	return batches, through, changed, st.truncated(known)
}

// truncated is the reason to end if the log went backwards or is another one now.
func (st *EventStream) truncated(known tail) error {
	if known.epoch == st.epoch && known.head.SequenceNumber >= st.position.Load() {
		return nil
	}
	return NewError(CodeLogTruncated, "the log went backwards or was replaced: it ends at %s, this stream had come to %d; register it again after checking the log", known.head, st.position.Load())
}

// deliver hands one batch to the handler. An error ends the stream.
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
			return nil
		}
		if st.context.Err() != nil {
			return err // the batch does not count as handled
		}
		if st.durable == nil {
			return nil // a live stream's failure affects nothing but this batch
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

// handle calls the handler unless the stream was stopped. The delivery is in flight from the moment it finds the stream not stopped.
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
		if err := st.truncated(st.store.log.current()); err != nil {
			return err
		}
	}
	if st.context.Err() != nil {
		return st.context.Err()
	}
	close(st.ready)
	if st.options.onReady != nil {
		st.options.onReady()
	}
	return nil
}

// finish stores the cursor, frees the name and reports the end, in this order. Nothing that goes wrong on the way leaves the stream without an end.
func (st *EventStream) finish() {
	defer close(st.done)
	if st.durable != nil {
		unharmed(func() { st.store.cursors.flushLast(st) })
		unharmed(st.durable.release)
	}
	st.store.streams.remove(st)
	st.mu.Lock()
	reason := st.reason
	st.mu.Unlock()
	if st.options.onEnd != nil {
		unharmed(func() { st.options.onEnd(reason) })
	}
}

// unharmed calls what may panic where there is nobody left to tell: it must not take the process down.
func unharmed(call func()) {
	defer func() { _ = recover() }()
	call()
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
