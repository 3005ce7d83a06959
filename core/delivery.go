package factstr

import "time"

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
			err = st.store.panicked(TaskStream, reason)
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
