package objects

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// Outcome is the return value of a batch callback.
type Outcome int

// The outcomes of a batch callback.
const (
	Handled Outcome = iota
	Failed
	Pending // answered later by Acknowledge or Refuse
	Unknown // any other value, which is a failure
)

// Callbacks are the functions of a stream. Without Batches the caller pulls batches by Next. Ready
// and End may be nil.
type Callbacks struct {
	// Batches gets one batch, or several if the stream takes several, which have the numbers from
	// first on. Its outcome is that of all of them, except that with Failed only the first one that
	// is not handled failed, and the others come again.
	Batches func(stream *Stream, first uint64, batches []factstr.Delivery) Outcome
	Ready   func(stream *Stream)
	End     func(stream *Stream, err error)
}

// Stream is a registered stream with a handle.
type Stream struct {
	guard.Poison
	handle    uint64
	store     *Store
	callbacks Callbacks
	core      *factstr.EventStream
	number    atomic.Uint64 // core's number of the stream, 0 while it is being registered
	complete  bool          // it replays, and core ends it when its store closes: it is not live
	positions bool          // what is delivered has its position

	// opened is closed when the caller knows the handle. Callbacks wait for it.
	opened  chan struct{}
	ended   chan struct{} // closed after the end was reported
	endErr  error         // valid once over is set
	over    atomic.Bool   // the end is being reported, or was reported
	leaving atomic.Bool   // the stream ends because its store closes
	offers  chan *delivery

	batchesMax  int           // that the callback takes at once; 0: one, and not in an array
	followEvery time.Duration // see advance.go
	mostEver    int           // batches that are ever handed over at once

	mu        sync.Mutex
	most      int       // batches that are handed over at once; 1 after a failure
	delivered uint64    // the number of the last delivery
	open      *delivery // the delivery that waits for its answer
	stopped   bool      // no delivery can be taken or answered any more
}

// OpenStream registers a stream. The caller calls Opened after it has passed the handle on.
func (s *Store) OpenStream(registration []byte, callbacks Callbacks) (*Stream, error) {
	decoded, err := interop.DecodeRegistration(registration, s.limits)
	if err != nil {
		return nil, err
	}
	stream := &Stream{store: s, callbacks: callbacks, complete: decoded.Durable != nil || decoded.After != nil,
		positions: decoded.Positions,
		opened:    make(chan struct{}), ended: make(chan struct{}), offers: make(chan *delivery), most: takenMost, mostEver: takenMost, followEvery: followEvery}
	if err := s.addStream(stream); err != nil {
		return nil, err
	}
	if err := stream.register(decoded); err != nil {
		stream.forget()
		s.active.Done()
		return nil, err
	}
	return stream, nil
}

func (s *Store) addStream(stream *Stream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errStoreClosed()
	}
	s.active.Add(1)
	s.streams[stream] = struct{}{}
	stream.handle = s.process.streams.Reserve()
	return nil
}

// forget removes the handle.
func (st *Stream) forget() {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
	s.process.streams.Remove(st.handle)
}

func (st *Stream) register(registration interop.Registration) (err error) {
	handler := factstr.HandleStream(pulled{st})
	switch {
	case registration.BatchesMax > 0 && st.callbacks.Batches == nil:
		return factstr.NewError(factstr.CodeInvalidArgument,
			"registration.batches_max is for a stream with callbacks; "+
				"factstr_stream_next_many takes it as an argument")
	case registration.BatchesMax > 0:
		st.batchesMax = registration.BatchesMax
		handler = severalCalled{st}
	case st.callbacks.Batches != nil:
		handler = factstr.HandleFunc(st.handleBatch)
	}
	// The cursor is to follow so many batches, and so much time. // G23
	if every := registration.Cursor; every.Batches > 0 {
		st.mostEver = min(takenMost, every.Batches)
	}
	if every := registration.Cursor; every.Time > 0 {
		st.followEvery = max(min(followEvery, every.Time/4), time.Millisecond)
	}
	st.core, err = registration.Open(context.Background(), st.store.core, handler,
		factstr.WithOnReady(st.onReady), factstr.WithOnEnd(st.onEnd))
	if err == nil {
		st.number.Store(st.core.Number())
	}
	return err
}

// Opened lets callbacks begin, and makes the handle valid.
func (st *Stream) Opened() {
	defer close(st.opened)
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	// The store may have been closed meanwhile, and its handles removed.
	if _, listed := s.streams[st]; listed {
		s.process.streams.Put(st.handle, st)
	}
}

// Handle returns the stream's handle.
func (st *Stream) Handle() uint64 { return st.handle }

// TakesSeveral reports whether the callback takes an array of batches.
func (st *Stream) TakesSeveral() bool { return st.batchesMax > 0 }

// AppendDelivery appends the text of a delivery, as the registration asked for it.
func (st *Stream) AppendDelivery(dst []byte, delivery *factstr.Delivery) []byte {
	return st.store.codec.AppendDelivery(dst, delivery, st.positions)
}

// AppendDeliveries is AppendDelivery for an array.
func (st *Stream) AppendDeliveries(dst []byte, deliveries []factstr.Delivery) []byte {
	return st.store.codec.AppendDeliveries(dst, deliveries, st.positions)
}

// Store returns the stream's store.
func (st *Stream) Store() *Store { return st.store }

func (st *Stream) onReady() {
	<-st.opened
	if st.callbacks.Ready != nil {
		st.callbacks.Ready(st)
	}
}

// onEnd is core's last call. The stream is over after it, even if the caller's function panics.
func (st *Stream) onEnd(err error) {
	<-st.opened
	st.stop()
	if err == nil && st.leaving.Load() {
		err = errStoreClosed()
	}
	st.endErr = err
	st.over.Store(true)
	defer st.store.active.Done()
	defer close(st.ended)
	if st.callbacks.End != nil {
		st.callbacks.End(st, err)
	}
}

// endReason returns why a stream has ended: an error or ErrEnded.
func (st *Stream) endReason() error {
	if st.endErr != nil {
		return st.endErr
	}
	return ErrEnded
}

// WaitReady waits until replay is done; a live stream has none. Inside a callback of the stream
// itself waiting would never end, since replay goes on only after the callback, so it is refused.
func (st *Stream) WaitReady(timeout time.Duration, inside bool) error {
	if !st.complete {
		return nil
	}
	if inside && !closed(st.core.Ready()) {
		if st.over.Load() {
			return st.endReason()
		}
		return factstr.NewError(factstr.CodeInvalidState, "replay cannot be awaited inside a callback of the stream itself; use on_ready or another thread")
	}
	expired, stop := timer(timeout)
	defer stop()
	select {
	case <-st.core.Ready():
	case <-st.ended:
	case <-expired:
	}
	// What has happened counts even if the time is over as well.
	switch {
	case closed(st.core.Ready()):
		return nil
	case closed(st.ended):
		return st.endReason()
	default:
		return ErrNotYet
	}
}

// Progress returns where the stream stands. A stream that has ended reads nothing that could fail.
func (st *Stream) Progress() factstr.StreamProgress {
	ended := st.over.Load() // first: until the end the numbers change
	st.advanceNow()
	progress := st.core.Progress()
	if progress.Ended = ended; ended {
		progress.Failure = nil
	}
	return progress
}

// Number returns the number of the stream in its store, 0 while it is being registered.
func (st *Stream) Number() uint64 { return st.number.Load() }

// Unsubscribe lets no further delivery start. It never waits.
func (st *Stream) Unsubscribe() {
	st.advanceNow()       // before a durable name is free
	st.core.Unsubscribe() // before stop: core then knows why a delivery is refused
	st.stop()
}

// Drain lets the stream end when it has delivered what was committed before the call. It never
// waits.
func (st *Stream) Drain() { st.core.Drain() }

// storeEnds returns a channel that is closed when the store begins to close. A live stream that
// waits for an answer ends then, since the closing thread may be the one that would answer. It is
// nil for any other stream, which core ends.
func (st *Stream) storeEnds() <-chan struct{} {
	if st.complete {
		return nil
	}
	return st.store.ending
}

// leave ends the stream at once because its store closes.
func (st *Stream) leave() {
	st.leaving.Store(true)
	st.Unsubscribe()
}

// Close unsubscribes, waits for a running callback and the end, and removes the handle. inside is
// whether the calling thread is inside a callback of this stream: then Close does not wait, and
// returns ErrClosing.
func (st *Stream) Close(inside bool) error {
	st.Unsubscribe()
	defer st.forget()
	if inside {
		return ErrClosing
	}
	<-st.ended
	return nil
}
