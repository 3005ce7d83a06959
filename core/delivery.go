package factstr

import (
	"context"
	"time"
)

// How a stream delivers
//
// A stream is a cursor over the log and nothing else: there is no list of subscribers that commits
// are pushed to, and no buffer that could overflow. Each stream has one goroutine. It reads the
// batches above its position, delivers them, and waits when it has reached the known head, for
// facts that it may match (streamWaker); one that drains waits for any change of the log
// (knownLog.changed). Replay, catching up after an outage and live delivery are the same loop; a
// stream that is live just finds its next batches in the tail.
//
// The position is a watermark: everything up to it was delivered and handled, or does not match. It
// moves behind a batch only after the handler has returned, and behind a range without matches at
// once. So a stream of rare facts does not fall behind, and what it holds in memory is at most two
// chunks of batches: one that is delivered, and one that is read meanwhile (read_ahead.go).
//
// # Which log
//
// A stream belongs to the epoch in which it was opened. readOn checks the epoch before it reads
// and, if it read from the backend, after it as well: only then is it certain that what was read is
// of the stream's own log (see knownLog). catchUp checks it again before each batch, since a
// handler may take long. A stream of a log that went backwards ends with CodeLogTruncated. It could
// not go on: its position names a fact that another log numbers otherwise.
//
// # Durable streams
//
// A durable stream also holds a name (its claim) and moves the name's stored cursor. Three things
// keep a delivery from happening twice at the same time or getting lost:
//
//   - Before each delivery the claim's Confirm must say that the name is still this store's. A
//     server can free a name when its connection breaks; until the claim is confirmed again, the
//     stream waits.
//   - The cursor is stored after the handler has returned, never before. A crash in between repeats
//     the delivery; the opposite order would lose it. A handler that holds several batches says
//     meanwhile how many of them it has handled (HandleBatches).
//   - The cursor is stored late (CursorEvery) and by compare-and-set on the name's generation.
//     Storing it after each batch would cost a sync a batch, and would save only repetitions after
//     a crash. A store that has lost the name has an old generation, so its late write has no
//     effect.
//
// At its end a stream stores its cursor, frees the name and reports the end, in this order
// (finish), so that the next owner of the name starts behind everything that was handled here.
// Unsubscribe is the exception: it frees the name at once, since it must not wait for a handler. A
// registration in the same store then writes the cursor first (flushName); one in another process
// may repeat the batches whose cursor was not stored yet.
//
// # Failures
//
// A failed read is no failure of the stream: it tries again, with growing pauses, for as long as
// the error is one that may pass (passing), and shows the error in its progress. A failed handler
// is one for a complete stream, which delivers the batch again, or ends before it: the next
// registration begins there, at its cursor or at the number that its caller keeps. A live stream
// has nothing to come back to: it logs the failure and goes on.

const (
	readPause    = 20 * time.Millisecond // before a failed read is tried again, doubled each time
	readPauseMax = 2 * time.Second
	endReasonMax = 2 * time.Second // for a look at the log before a lost name ends a stream
)

// run is the goroutine of a stream.
func (st *EventStream) run() {
	err := error(NewError(CodeHandlerFailed, "the handler ended its goroutine instead of returning"))
	defer func() {
		st.halt(err)
		st.endReadAhead()
		st.finish()
	}()
	err = st.follow()
}

// follow delivers until the stream is stopped, which returns nil, or cannot go on.
func (st *EventStream) follow() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = st.store.panicked(TaskStream, reason)
		}
	}()
	return st.endReason(st.keepUp())
}

// keepUp is follow, without what comes of a panic and of a lost name.
func (st *EventStream) keepUp() error {
	pause := readPause
	for {
		err := st.redeliver()
		var changed <-chan struct{}
		if err == nil {
			changed, err = st.catchUp()
		}
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
			begun = nil // seen already: wait for the rest of the log
		} else if st.store.log.idle(st) {
			changed = st.wake
		} else {
			continue // the log has grown
		}
		err = st.wait(changed, begun)
		st.store.log.goOn(st)
		if err != nil || st.context.Err() != nil {
			return err
		}
	}
}

// endReason returns what ends the stream. A registration that is gone may have gone along with
// facts, as in a failover that lost commits: then it is said that facts are missing.
func (st *EventStream) endReason(err error) error {
	if CodeOf(err) != CodeDurableStreamLost {
		return err
	}
	ctx, cancel := context.WithTimeout(st.context, endReasonMax)
	defer cancel()
	if known, unread := st.store.log.refresh(ctx, st.store.backend); unread == nil {
		if truncated := st.truncated(known); truncated != nil {
			return truncated
		}
	}
	return err
}

// wait waits for a change of the log, for the begin of draining, or for the end of the stream.
func (st *EventStream) wait(changed, begun <-chan struct{}) error {
	select {
	case <-changed:
	case <-begun:
	case <-st.looking():
	case <-st.lost():
		return ErrStreamLost(st.durable.name)
	case <-st.context.Done():
	}
	return nil
}

// closed reports whether a channel is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// lost returns a channel that is closed when the stream's durable name is taken over; nil if it
// cannot be.
func (st *EventStream) lost() <-chan struct{} {
	if st.durable == nil {
		return nil
	}
	return st.durable.lost
}

// passing reports whether a read, or the write of a cursor, that failed with err may succeed later.
func passing(err error) bool {
	switch CodeOf(err) {
	case CodeBusy, CodeBackendFailure, CodeTimeout, CodeCommitUnknown, CodeReadOnly:
		return true
	}
	return false
}

// catchUp delivers everything up to the known head. It returns a channel that is closed when the
// log changes after that.
func (st *EventStream) catchUp() (changed <-chan struct{}, err error) {
	for {
		batches, through, changed, err := st.readOn()
		if err != nil {
			return nil, err
		}
		if through == st.position.Load() {
			return changed, st.reportReady()
		}
		st.failure.set(nil) // now, since a handler may take long
		for len(batches) > 0 {
			if err := st.truncated(st.store.log.current()); err != nil {
				return nil, err
			}
			if err := st.redeliver(); err != nil {
				return nil, err
			}
			count, err := st.deliver(batches)
			st.handled(batches[:count])
			if err != nil {
				return nil, err
			}
			batches = batches[count:]
			if closed(st.drainBegun) {
				if over, err := st.drained(); over || err != nil {
					return nil, err
				}
			}
		}
		st.passed(through)
		if err := st.reportReady(); err != nil {
			return nil, err
		}
	}
}

// readOn reads the next batches. Everything up to through was looked at. The snapshot of the log
// lives no longer than this call, so that a slow handler keeps no old facts in memory.
func (st *EventStream) readOn() (batches []Delivery, through uint64, changed <-chan struct{}, err error) {
	s, position := st.store, st.position.Load()
	known, changed := s.log.currentAndChange()
	if err := st.truncated(known); err != nil {
		return nil, 0, nil, err
	}
	if position >= known.head.SequenceNumber {
		return nil, position, changed, nil
	}
	batches, through, ok := st.takeReadAhead(position)
	if !ok {
		inTail := position >= known.floor()
		if batches, through, err = s.batchesAfter(st.context, &known, st.plan, position); err != nil || inTail {
			return batches, through, changed, err
		}
	}
	// What was read from the backend counts only if the log is still the known one.
	if known, err = s.log.refresh(st.context, s.backend); err != nil {
		return nil, 0, nil, err
	}
	if err := st.truncated(known); err != nil {
		return nil, 0, nil, err
	}
	if len(batches) > 0 && through < known.floor() {
		st.beginReadAhead(known.head, through)
	}
	return batches, through, changed, nil
}

// truncated returns the reason to end if the log went backwards or is another one now, else nil.
func (st *EventStream) truncated(known tail) error {
	if known.epoch == st.epoch && known.head.SequenceNumber >= st.position.Load() {
		return nil
	}
	return NewError(CodeLogTruncated, "the log went backwards or was replaced: it ends at %s, this stream had come to %d; register it again after checking the log", known.head, st.position.Load())
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
