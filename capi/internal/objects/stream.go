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

// Outcome is what a batch callback answers.
type Outcome int

// The outcomes of a batch callback.
const (
	Handled Outcome = iota
	Failed
	Pending // answered later by Acknowledge or Refuse
	Unknown // something else, which is a failure
)

// Callbacks are the functions of a stream. Without Batch the stream is pulled by Next. Ready and
// End may be nil.
type Callbacks struct {
	Batch func(stream *Stream, delivery uint64, records []factstr.EventRecord) Outcome
	Ready func(stream *Stream)
	End   func(stream *Stream, err error)
}

// Stream is a registered stream with a handle.
type Stream struct {
	guard.Poison
	handle    uint64
	store     *Store
	callbacks Callbacks
	core      *factstr.EventStream
	number    atomic.Uint64 // of core, 0 while it is being registered
	durable   bool

	// opened is closed when the caller knows the handle: no callback comes before.
	opened  chan struct{}
	ended   chan struct{} // closed after the end was reported
	endErr  error         // valid when over
	over    atomic.Bool   // the end is being reported, or was
	leaving atomic.Bool   // it ends since its store closes
	offers  chan *delivery

	mu        sync.Mutex
	delivered uint64    // how many deliveries there were
	open      *delivery // the one that waits for its answer
	stopped   bool      // no delivery can be answered any more
}

// OpenStream registers a stream. The caller calls Opened when it has handed the handle on.
func (s *Store) OpenStream(registration []byte, callbacks Callbacks) (*Stream, error) {
	decoded, err := interop.DecodeRegistration(registration, s.limits)
	if err != nil {
		return nil, err
	}
	stream := &Stream{store: s, callbacks: callbacks, durable: decoded.Durable != nil, opened: make(chan struct{}), ended: make(chan struct{}), offers: make(chan *delivery)}
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

// forget lets go of the handle.
func (st *Stream) forget() {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.streams, st)
	s.process.streams.Remove(st.handle)
}

func (st *Stream) register(registration interop.Registration) (err error) {
	core, handler := st.store.core, factstr.HandleFunc(st.handleBatch)
	options := []factstr.StreamOption{
		factstr.WithRetry(registration.Retry), factstr.WithCursorEvery(registration.Cursor), factstr.WithOnReady(st.onReady), factstr.WithOnEnd(st.onEnd),
	}
	if registration.Durable == nil {
		st.core, err = core.StreamTo(context.Background(), registration.Query, handler, options...)
	} else {
		st.core, err = core.StreamToDurable(context.Background(), *registration.Durable, registration.Query, handler, options...)
	}
	if err == nil {
		st.number.Store(st.core.Number())
	}
	return err
}

// Opened lets callbacks through. Until then the handle names nothing.
func (st *Stream) Opened() {
	defer close(st.opened)
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	// The store may have been closed in the meantime, and its handles released.
	if _, listed := s.streams[st]; listed {
		s.process.streams.Put(st.handle, st)
	}
}

// Handle is the stream's handle.
func (st *Stream) Handle() uint64 { return st.handle }

// Store is the store that the stream is of.
func (st *Stream) Store() *Store { return st.store }

func (st *Stream) onReady() {
	<-st.opened
	if st.callbacks.Ready != nil {
		st.callbacks.Ready(st)
	}
}

// onEnd is the last call of the core. Whatever the caller's function does, the stream is over after
// it.
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

// end is the status of a stream that has ended.
func (st *Stream) end() error {
	if st.endErr != nil {
		return st.endErr
	}
	return ErrEnded
}

// WaitReady waits for the end of replay; a live stream has none. Inside a callback of the stream
// itself it does not wait, since replay goes on after that.
func (st *Stream) WaitReady(timeout time.Duration, inside bool) error {
	if !st.durable {
		return nil
	}
	if inside && !closed(st.core.Ready()) {
		if st.over.Load() {
			return st.end()
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
	// What has happened comes before a time that is over.
	switch {
	case closed(st.core.Ready()):
		return nil
	case closed(st.ended):
		return st.end()
	default:
		return ErrNotYet
	}
}

// Progress tells where the stream stands. A live stream has no replay, and one that has ended reads
// nothing that could fail.
func (st *Stream) Progress() factstr.StreamProgress {
	ended := st.over.Load() // before the numbers, which change until then
	progress := st.core.Progress()
	progress.Ready = progress.Ready || !st.durable
	if progress.Ended = ended; ended {
		progress.Failure = nil
	}
	return progress
}

// Unsubscribe lets no further delivery start. It never waits.
func (st *Stream) Unsubscribe() {
	st.core.Unsubscribe() // first, so that a delivery that is refused is known to be refused for that
	st.stop()
}

// Drain lets the stream end when it has delivered what was committed before the call. It never
// waits.
func (st *Stream) Drain() { st.core.Drain() }

// storeEnds ends when the store begins to close and nobody may be there who answers the stream's
// deliveries. nil for a durable stream, which ends by itself then.
func (st *Stream) storeEnds() <-chan struct{} {
	if st.durable {
		return nil
	}
	return st.store.ending
}

// leave ends the stream at once, since its store closes.
func (st *Stream) leave() {
	st.leaving.Store(true)
	st.Unsubscribe()
}

// Close unsubscribes, waits for a running callback and the end, and releases the handle. Inside a
// callback of the stream itself it does not wait.
func (st *Stream) Close(inside bool) error {
	st.Unsubscribe()
	defer st.forget()
	if inside {
		return ErrClosing
	}
	<-st.ended
	return nil
}
