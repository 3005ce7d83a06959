package factstr

import "context"

// How a stream reads ahead
//
// While the handler has the batches of one chunk, the next chunk is read by a goroutine of its own,
// so that a replay takes as long as the slower of the two, not as both. It is one chunk, so a
// stream holds two of them at most (batch_reader.go has their bounds), and it is read from the
// backend only: what the tail holds needs no reading.
//
// What was read ahead is believed for the same reason as what was read just now: facts never
// change, and readOn looks at the log after it took the chunk. It counts only if the stream's
// position is where the chunk begins; a failed delivery, a cursor that was given up or a stream
// that ends leave it elsewhere, and the chunk is dropped. A failure is dropped as well: the stream
// reads again when it needs the facts, and a failure that is still there shows then.
//
// The stream's goroutine owns EventStream.ahead. It alone begins the read, and before it ends or
// reads elsewhere it ends it and waits: the backend is closed only after all streams have ended.

// readAhead is a chunk that is being read, or was.
type readAhead struct {
	after   uint64
	end     context.CancelFunc
	done    chan struct{} // closed when the fields below are set
	batches []Delivery
	through uint64
	err     error
}

// beginReadAhead begins to read the batches above a number.
func (st *EventStream) beginReadAhead(head Head, after uint64) {
	ctx, end := context.WithCancel(st.context)
	ahead := &readAhead{after: after, end: end, done: make(chan struct{})}
	st.ahead = ahead
	go func() {
		defer close(ahead.done)
		defer func() {
			if reason := recover(); reason != nil {
				ahead.err = st.store.panicked(TaskStream, reason)
			}
		}()
		// An empty tail, so that a slow handler keeps no facts of a real one in memory.
		ahead.batches, ahead.through, ahead.err = st.store.batchesAfter(ctx, &tail{head: head}, st.plan, after)
	}()
}

// takeReadAhead returns the batches above a number if they were read ahead, and waits for a read
// that is under way. In any case none is under way afterwards.
func (st *EventStream) takeReadAhead(after uint64) (batches []Delivery, through uint64, ok bool) {
	ahead := st.ahead
	if ahead == nil {
		return nil, 0, false
	}
	st.ahead = nil
	wanted := ahead.after == after
	if !wanted {
		ahead.end()
	}
	<-ahead.done
	ahead.end()
	return ahead.batches, ahead.through, wanted && ahead.err == nil
}

// endReadAhead ends a read that is under way, and waits for it.
func (st *EventStream) endReadAhead() {
	if st.ahead != nil {
		st.ahead.end()
		<-st.ahead.done
		st.ahead = nil
	}
}
