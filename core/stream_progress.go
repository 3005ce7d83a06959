package factstr

import (
	"context"
	"sync/atomic"
)

// WaitReady waits until the replay has reached the head that the registration saw. A live stream
// has none and is ready at once. If the stream ends before that, WaitReady returns the reason, or
// CodeCancelled after Unsubscribe.
func (st *EventStream) WaitReady(ctx context.Context) error {
	if !st.complete || closed(st.ready) {
		return nil
	}
	select {
	case <-st.ready:
		return nil
	case <-st.done:
		if closed(st.ready) {
			return nil
		}
		if err := st.Err(); err != nil {
			return err
		}
		return NewError(CodeCancelled, "the stream was unsubscribed before its replay was done")
	case <-ctx.Done():
		return ended(ctx, "the replay is not done yet; it goes on, wait again or unsubscribe")
	}
}

// Ready returns a channel that is closed when the replay is done.
func (st *EventStream) Ready() <-chan struct{} { return st.ready }

// StreamProgress is how far a stream is.
type StreamProgress struct {
	Ready        bool
	Ended        bool
	Position     uint64 // everything up to here was handled or does not match
	ReplayTarget uint64 // the head that the registration saw
	StoredCursor uint64 // the durable cursor as last written; for another stream its start
	// Failure is why the log cannot be read at the moment, nil if it can. The stream tries again
	// until it can.
	Failure error
}

// Progress returns how far the stream is. It may be called at any time.
func (st *EventStream) Progress() StreamProgress {
	progress := StreamProgress{ReplayTarget: st.target, Ready: !st.complete || closed(st.ready)}
	select {
	case <-st.done:
		progress.Ended = true
	default:
		if progress.Failure = st.failure.get(); progress.Failure == nil {
			progress.Failure = st.store.streams.failure.get()
		}
	}
	// The positions are read after the state, so they are never older than it.
	progress.Position, progress.StoredCursor = st.store.log.at(st), st.stored.Load()
	return progress
}

// failure is an error of reading the log that may pass.
type failure struct {
	present atomic.Pointer[error]
	outage  *outage
}

// set notes how a read ended. One goroutine at a time may call it.
func (f *failure) set(err error) {
	var now *error
	if err != nil {
		now = &err
	}
	before := f.present.Swap(now)
	f.outage.changed(before != nil, err)
}

func (f *failure) get() error {
	if err := f.present.Load(); err != nil {
		return *err
	}
	return nil
}

// reportReady reports the end of the replay once, after the cursor was stored.
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
