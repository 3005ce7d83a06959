package factstr

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/factstr/factstr-go/core/internal/commit"
)

// Store is an open event store.
type Store struct {
	backend Backend
	options Options
	tells   *Observer
	// context lasts as long as the store. Commits and streams run on it, so that no caller's
	// cancellation breaks another's work.
	context context.Context
	cancel  context.CancelFunc

	queue *commit.Queue[*appendRequest]
	clock clock // owned by the goroutine that leads the queue
	log   knownLog
	// commitTime is how long the longest commit took lately: see timed.
	commitTime atomic.Int64

	poison atomic.Pointer[*Error] // set once, when a commit's outcome is unknown; appends are refused from then on

	streams  streams
	cursors  cursorWriter
	ahead    aheadLine
	counters counters
	retried  repeats // the logged LogGroupRetried; owned by the goroutine that leads the queue

	life sync.Mutex
	// calls counts the calls that are running, so that the backend is closed after the last one.
	// life guards it and the fields below.
	calls    int
	closing  bool
	lastCall chan struct{} // closed when closing and calls is 0
	closed   chan struct{} // closed when everything is released
	closeErr error
}

// OpenStore makes a store of a backend, which the store owns from then on, also if OpenStore fails.
// Programs use the Open function of a store package instead.
func OpenStore(ctx context.Context, backend Backend, options Options) (*Store, error) {
	s := &Store{backend: backend, options: options.withDefaults(), lastCall: make(chan struct{}),
		closed: make(chan struct{})}
	if s.tells = s.options.Log(); s.tells == nil {
		s.tells = s.options.Observed(backend.Kind()).Log()
	}
	s.log.tells = s.tells
	s.context, s.cancel = context.WithCancel(context.Background())
	s.clock.read = time.Now
	s.log.eventsMax, s.log.bytesMax = s.options.TailEvents, s.options.TailBytes
	s.queue = newQueue(s.runGroup, s.answerTogether)
	if _, can := backend.(NearCommitter); can {
		s.queue.AtOnce = s.runAtOnce
	}
	s.streams.init(s)
	s.cursors.init(s)
	if _, err := s.log.refresh(ctx, backend); err != nil {
		s.cancel()
		_ = backend.Close()
		return nil, err
	}
	return s, nil
}

// enter lets a call in unless the store is closing. done must be called when the call is over.
func (s *Store) enter() (done func(), err error) {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closing {
		return nil, ErrStoreClosed()
	}
	s.calls++
	return s.leave, nil
}

// enterAppend is enter for appends, which a poisoned store refuses.
func (s *Store) enterAppend() (done func(), err error) {
	if poison := s.poison.Load(); poison != nil {
		return nil, *poison
	}
	return s.enter()
}

func (s *Store) leave() {
	s.life.Lock()
	defer s.life.Unlock()
	s.calls--
	if s.closing && s.calls == 0 {
		close(s.lastCall)
	}
}

// bound returns a caller's context that also ends with the store.
func (s *Store) bound(ctx context.Context) (bounded context.Context, stop func()) {
	if ctx.Done() == nil {
		return s.context, func() {}
	}
	bounded, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(s.context, func() { cancel(ErrStoreClosed()) })
	return bounded, func() { unhook(); cancel(nil) }
}

// interruptedRead makes the error of a read whose context ended.
func (s *Store) interruptedRead(ctx context.Context) *Error {
	if s.context.Err() != nil {
		return ErrStoreClosed()
	}
	return interrupted(ctx, "the call")
}

// Close ends the store. New calls and queued appends fail with CodeStoreClosed; the running group
// of appends finishes. Live streams end when they have delivered what was committed, within the
// close timeout. Durable streams finish their batch and store their cursors, which remember the
// rest.
//
// Close waits until all of that is done, but no longer than the close timeout or ctx: then it
// returns CodeTimeout, or CodeCancelled if ctx was cancelled, and the rest goes on. If ctx is the
// context of a stream's handler, Close does not wait. A second call waits for the first one.
func (s *Store) Close(ctx context.Context) error {
	s.life.Lock()
	if !s.closing {
		s.closing = true
		if s.calls == 0 {
			close(s.lastCall)
		}
		go s.shutDown()
	}
	s.life.Unlock()
	if insideHandlerOf(ctx, s) {
		return nil
	}
	select {
	case <-s.closed:
		return s.closeErr
	default:
	}
	timer := time.NewTimer(s.options.CloseTimeout)
	defer timer.Stop()
	select {
	case <-s.closed:
		return s.closeErr
	case <-timer.C:
		return NewError(CodeTimeout, stillRunning)
	case <-ctx.Done():
		return ended(ctx, stillRunning)
	}
}

const stillRunning = "the store is closed, but a stream's handler or a call is still running; it is released when they return"

// Closed returns a channel that is closed when the store has released everything.
func (s *Store) Closed() <-chan struct{} { return s.closed }

// shutDown closes the store in this order: appends, so that the head stands still; streams, up to
// that head; then whatever still reads, and the backend after the last call. If the running group
// needs longer than the close timeout, as behind a lock that others hold, the streams do not wait
// for it.
func (s *Store) shutDown() {
	defer close(s.closed)
	defer func() {
		if reason := recover(); reason != nil {
			s.closeErr = s.panicked(TaskClose, reason)
		}
		s.tells.settle(min(lastRecords, s.options.CloseTimeout/4))
	}()
	// Some of the close timeout is left for handlers that return when their context ends.
	soon, stop := context.WithTimeout(context.Background(),
		s.options.CloseTimeout-min(s.options.CloseTimeout/20, 100*time.Millisecond))
	defer stop()
	s.streams.close(ErrStoreClosed())
	appended := s.queue.Close()
	select {
	case <-appended:
	case <-soon.Done():
	}
	s.streams.drain(s.headAtClose(soon), ErrStoreClosed(), soon.Done())
	<-appended
	s.cancel()
	s.streams.watches.Wait()
	<-s.lastCall
	s.closeErr = s.backend.Close()
}

// headAtClose returns up to where live streams still deliver: the commits of this store and, if the
// log can be read, those of other processes until now.
func (s *Store) headAtClose(ctx context.Context) uint64 {
	if _, shared := s.backend.(Watcher); shared && len(s.streams.list()) > 0 && ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(s.context, s.options.CloseTimeout/2)
		defer cancel()
		s.tells.Once(TaskClose, func() { _, _ = s.log.refresh(ctx, s.backend) })
	}
	return s.log.current().head.SequenceNumber
}

// lastRecords is how long a store that closes waits for its logger.
const lastRecords = time.Second

// panicked logs a panic that was just recovered and makes an error of it.
func (s *Store) panicked(task Task, reason any) *Error {
	s.tells.Recovered(task, reason)
	return panicError(task, reason)
}

// panicError makes the error of a recovered panic, with the stack as its cause.
func panicError(task Task, reason any) *Error {
	return &Error{Code: CodeInternal, Message: fmt.Sprintf("panic in %s: %v; this is a defect of the library", task,
		reason), Cause: errors.New(string(debug.Stack()))}
}

// String names the store in messages.
func (s *Store) String() string { return fmt.Sprintf("%s store", s.backend.Kind()) }
