package factstr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

const (
	readPause    = 20 * time.Millisecond // before a failed read is tried again, doubled each time
	readPauseMax = 2 * time.Second
)

// run is the life of a stream, on a goroutine of its own: one loop for replay, catching up and live
// delivery.
func (st *EventStream) run() {
	err := error(NewError(CodeHandlerFailed, "the handler ended its goroutine instead of returning"))
	defer func() {
		st.halt(err)
		st.finish()
	}()
	err = st.follow()
}

// follow delivers until the stream is stopped, which returns nil, or cannot go on.
func (st *EventStream) follow() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = st.store.panicked("stream", reason)
		}
	}()
	pause := readPause
	for {
		changed, err := st.catchUp()
		if err == nil {
			var over bool
			if over, err = st.drained(); over {
				return nil
			}
		}
		switch {
		case st.context.Err() != nil:
			return nil
		case err != nil && !passing(err):
			return err
		case err != nil:
			// Losing the backend is no failure of the stream: it goes on where it was.
			st.failure.set(err)
			st.store.counters.readRetries.Add(1)
			if !st.sleep(pause) {
				return nil
			}
			pause = min(2*pause, readPauseMax)
			continue
		}
		pause = readPause
		st.failure.set(nil)
		begun := st.drainBegun
		if closed(begun) {
			begun = nil // it waits for what is to come
		}
		select {
		case <-changed:
		case <-begun:
		case <-st.lost():
			return ErrStreamLost(st.durable.name)
		case <-st.context.Done():
			return nil
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (st *EventStream) lost() <-chan struct{} {
	if st.durable == nil {
		return nil
	}
	return st.durable.lost
}

// passing reports whether a read, or the storing of a cursor, may succeed later.
func passing(err error) bool {
	switch CodeOf(err) {
	case CodeBusy, CodeBackendFailure, CodeTimeout, CodeCommitUnknown, CodeReadOnly:
		return true
	}
	return false
}

// catchUp delivers everything up to the newest committed fact, and returns a channel that is closed
// when there is more.
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
			if closed(st.drainBegun) {
				if over, err := st.drained(); over || err != nil {
					return nil, err
				}
			}
		}
		st.handled(through)
		if err := st.reportReady(); err != nil {
			return nil, err
		}
	}
}

// readOn reads the next batches. The snapshot of the log lives no longer than this call, so that a
// slow handler keeps no old facts in memory.
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
			return nil // a live stream's failure affects nothing but this batch
		}
		if attempt >= st.options.retry.MaxAttempts {
			return &Error{Code: CodeHandlerFailed, Cause: err, Message: fmt.Sprintf("%v, at the batch of %d to %d; its cursor stays before it", err,
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

// handle calls the handler unless the stream was stopped. The delivery is in flight from the moment
// it finds the stream not stopped.
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

// cutShort stops a stream that was to deliver the rest before its end.
func (st *EventStream) cutShort(reason error) {
	st.mu.Lock()
	d, stopped, position := st.draining, st.stopped, st.position.Load()
	st.mu.Unlock()
	st.halt(reason)
	if !stopped && d != nil && d.known && position < d.through {
		st.store.tells.Tell(LogDeliveriesCut, fmt.Sprintf("%s was closed before it had delivered what was committed: facts %d to %d that match were not handled", st, position+1, d.through),
			append(st.attributes(), "position", position, "through", d.through)...)
	}
}

// tellFailed tells of a failure of the handler that only the log hears of.
func (st *EventStream) tellFailed(err error, batch []EventRecord, attempt int, goesOn string) {
	tell, skipped := st.failed.pass()
	if !tell {
		return
	}
	attributes := append(st.attributes(), "error", err.Error(), "first", batch[0].SequenceNumber, "last", batch[len(batch)-1].SequenceNumber, "attempt", attempt+1)
	if stack := stackOf(err); stack != "" {
		attributes = append(attributes, "stack", stack)
	}
	if skipped > 0 {
		attributes = append(attributes, "untold", skipped)
	}
	st.store.tells.Tell(LogHandlerFailed, fmt.Sprintf("%s: %v, at the batch of %d to %d%s", st, err, batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber, goesOn), attributes...)
}

// tellRest tells how many failures were not told.
func (st *EventStream) tellRest(now string) {
	if untold := st.failed.rest(); untold > 0 {
		st.store.tells.Tell(LogHandlerFailed, fmt.Sprintf("%s: the handler failed %d more times%s", st, untold, now), append(st.attributes(), "untold", untold)...)
	}
}

// tellEnd tells of an end by failure.
func (st *EventStream) tellEnd(reason error) {
	st.tellRest(" before the stream ended")
	if reason == nil || CodeOf(reason) == CodeStoreClosed {
		return
	}
	attributes := append(st.attributes(), "code", string(CodeOf(reason)), "error", reason.Error(), "position", st.position.Load(), "stored_cursor", st.stored.Load())
	if CodeOf(reason) == CodeDurableStreamLost {
		st.store.tells.Tell(LogLeaseLost, reason.Error(), st.attributes()...)
	}
	if stack := stackOf(reason); stack != "" {
		attributes = append(attributes, "stack", stack)
	}
	st.store.tells.Tell(LogStreamEnded, fmt.Sprintf("%s ended: %v", st, reason), attributes...)
}

func stackOf(err error) string {
	var failure *StreamHandlerError
	if errors.As(err, &failure) {
		return failure.stack
	}
	return ""
}

func (st *EventStream) attributes() []any {
	attributes := []any{"stream", st.number}
	if st.durable != nil {
		attributes = append(attributes, "durable_name", st.durable.name)
	}
	return attributes
}

// String names the stream in messages.
func (st *EventStream) String() string {
	if st.durable != nil {
		return fmt.Sprintf("durable stream %q", st.durable.name)
	}
	return fmt.Sprintf("live stream %d", st.number)
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

// finish stores the cursor, frees the name and reports the end, in this order. Nothing that goes
// wrong on the way leaves the stream without an end.
func (st *EventStream) finish() {
	defer close(st.done)
	tells := st.store.tells
	if st.durable != nil {
		tells.Once("the last write of a cursor", func() { st.store.cursors.flushLast(st) })
		tells.Once("the release of a durable name", st.durable.release)
	}
	st.failure.set(nil)
	st.mu.Lock()
	reason := st.reason
	st.mu.Unlock()
	st.tellEnd(reason) // before the store may be closed, and its last records be told
	st.store.streams.remove(st)
	if st.options.onEnd != nil {
		tells.Once("the function that is told of a stream's end", func() { st.options.onEnd(reason) })
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
