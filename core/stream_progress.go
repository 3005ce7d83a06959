package factstr

import (
	"context"
	"sync/atomic"
)

// WaitReady waits until replay has reached the head that the registration saw; a live stream is
// ready at once. If the stream ends before, it returns the reason, CodeCancelled if that is an
// unsubscribe.
func (st *EventStream) WaitReady(ctx context.Context) error {
	select {
	case <-st.ready:
		return nil
	default:
	}
	select {
	case <-st.ready:
		return nil
	case <-st.done:
		select {
		case <-st.ready:
			return nil
		default:
		}
		if err := st.Err(); err != nil {
			return err
		}
		return NewError(CodeCancelled, "the stream was unsubscribed before its replay was done")
	case <-ctx.Done():
		return ended(ctx, "the replay is not done yet; it goes on, wait again or unsubscribe")
	}
}

// Ready is closed when replay is done.
func (st *EventStream) Ready() <-chan struct{} { return st.ready }

// StreamProgress tells where a stream stands.
type StreamProgress struct {
	Ready        bool
	Ended        bool
	Position     uint64 // everything up to here was handled or does not match
	ReplayTarget uint64 // the head that the registration saw
	StoredCursor uint64 // the durable cursor as last written; for a live stream its start
	// Failure is why the log cannot be read at the moment. The stream tries again until it can, and
	// ends for other reasons only. nil if all is well.
	Failure error
}

// Progress may be called at any time. The numbers are read last, so that a stream that is told as
// ready or ended is told with what it did until then.
func (st *EventStream) Progress() StreamProgress {
	progress := StreamProgress{ReplayTarget: st.target}
	select {
	case <-st.ready:
		progress.Ready = true
	default:
	}
	select {
	case <-st.done:
		progress.Ended = true
	default:
		if progress.Failure = st.failure.get(); progress.Failure == nil {
			progress.Failure = st.store.streams.failure.get()
		}
	}
	progress.Position, progress.StoredCursor = st.position.Load(), st.stored.Load()
	return progress
}

// failure is one that may pass.
type failure struct {
	present atomic.Pointer[error]
	outage  *outage
}

// set is called by one goroutine at a time.
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
