package factstr

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// HandleStream handles one committed batch: the matching facts, in ascending order. A returned
// error, or a panic, is a failure. Calls of one stream come one at a time, never on the goroutine
// that registered it. ctx ends when the stream is unsubscribed or closed; what the handler does in
// spite of that still counts. The store may be used inside.
type HandleStream interface {
	HandleStream(ctx context.Context, batch []EventRecord) error
}

// HandleFunc makes a HandleStream of a function.
type HandleFunc func(ctx context.Context, batch []EventRecord) error

func (f HandleFunc) HandleStream(ctx context.Context, batch []EventRecord) error {
	return f(ctx, batch)
}

// StreamHandlerError is the failure of a handler, the cause of a CodeHandlerFailed error.
type StreamHandlerError struct {
	Message string
	Cause   error
	stack   string // of a panic
}

func (e *StreamHandlerError) Error() string { return "stream handler failed: " + e.Message }

func (e *StreamHandlerError) Unwrap() error { return e.Cause }

// EventStream is a registered stream. It is a cursor over the log: it reads from its position up to
// the newest committed batch, whether it replays, catches up or is live.
type EventStream struct {
	store   *Store
	number  uint64 // of the stream in its store, in what is logged
	plan    *Plan
	handler HandleStream
	options streamOptions
	durable *durableClaim // nil for a live stream
	pull    *pull         // nil with a handler

	context context.Context // ends when the stream stops
	stop    context.CancelFunc

	epoch  uint64
	target uint64 // the head that the registration saw

	failed   repeats       // of the handler, as they are told
	failure  failure       // why it cannot read on at the moment
	position atomic.Uint64 // everything up to here was delivered or does not match
	stored   atomic.Uint64 // the durable cursor as last written

	ready chan struct{} // closed when replay is done
	done  chan struct{} // closed after the end was reported

	drainBegun chan struct{} // closed when draining is set

	mu       sync.Mutex
	draining *draining // nil until the stream is to end when it has delivered what there is
	stopped  bool      // no delivery starts any more
	reason   error     // why, nil for unsubscribe
}

// durableClaim is the durable name that a stream holds.
type durableClaim struct {
	name       string
	generation uint64
	release    func() // frees the name; a second call does nothing
	confirm    func(ctx context.Context) error
	lost       <-chan struct{}
}

// StreamAll registers a live stream of all batches that are committed after the call. A nil handler
// makes it a pull stream, see Next and Batches.
func (s *Store) StreamAll(ctx context.Context, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.StreamTo(ctx, AllEvents(), handler, options...)
}

// StreamTo registers a live stream of the batches that hold a matching fact. The query's
// MinSequenceNumber and Limit are ignored.
func (s *Store) StreamTo(ctx context.Context, query EventQuery, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.register(ctx, nil, query, handler, options)
}

// StreamAllDurable registers a durable stream of all batches; see StreamToDurable.
func (s *Store) StreamAllDurable(ctx context.Context, stream DurableStream, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.StreamToDurable(ctx, stream, AllEvents(), handler, options...)
}

// StreamToDurable registers a durable stream: it replays what was committed after its stored cursor
// and goes on live. It returns when the name is taken; WaitReady waits for the replay. The errors
// of a registration that fails later come from WaitReady and Err.
func (s *Store) StreamToDurable(ctx context.Context, stream DurableStream, query EventQuery, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	if err := validateDurableName(stream.Name); err != nil {
		return nil, err
	}
	return s.register(ctx, &stream, query, handler, options)
}

func (s *Store) register(ctx context.Context, durable *DurableStream, query EventQuery, handler HandleStream, options []StreamOption) (*EventStream, error) {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the registration")
	}
	bounded, unbind := s.bound(ctx)
	defer unbind()

	stream := &EventStream{store: s, number: s.streams.numbers.Add(1), plan: plan, handler: handler, ready: make(chan struct{}), done: make(chan struct{}), drainBegun: make(chan struct{})}
	stream.failure.outage = &s.streams.unreadable
	stream.context, stream.stop = context.WithCancel(context.WithValue(context.Background(), handlerKey{}, stream))
	for _, option := range options {
		option(&stream.options)
	}
	stream.options.withDefaults()
	if handler == nil {
		stream.pull = newPull(stream.drainBegun)
		stream.handler = HandleFunc(stream.pull.offer)
	}
	if err := stream.open(bounded, durable, query); err != nil {
		stream.stop()
		if bounded.Err() != nil {
			return nil, s.interruptedRead(bounded)
		}
		return nil, err
	}
	return stream, nil
}

// open finds the stream's position and starts it.
func (st *EventStream) open(ctx context.Context, durable *DurableStream, query EventQuery) (err error) {
	s := st.store
	var cursor uint64
	var claimed Head
	opened := false
	defer func() {
		if !opened && st.durable != nil { // also after a panic
			st.durable.release()
		}
	}()
	if durable != nil {
		s.cursors.flushName(ctx, durable.Name)
		claim, err := s.backend.ClaimStream(ctx, durable.Name, durableQuery(query))
		if err != nil {
			return err
		}
		s.tells.Tell(LogLeaseTaken, fmt.Sprintf("durable stream %q is active here", durable.Name), "durable_name", durable.Name, "generation", claim.Generation)
		st.durable = &durableClaim{name: durable.Name, generation: claim.Generation, release: sync.OnceFunc(claim.Release), confirm: claim.Confirm, lost: claim.Lost}
		cursor, claimed = claim.Cursor, claim.Head
	}
	known, err := s.log.refresh(ctx, s.backend)
	if err == nil && claimed != (Head{}) && claimed != known.head {
		// The cursor is of the log that it was read from. Looked at after the refresh: if that log
		// was replaced before, it shows here, and later in the epoch.
		var same bool
		if _, same, err = readSince(ctx, s.backend, claimed, claimed.SequenceNumber, 0); CodeOf(err) == CodeCorrupt {
			same, err = true, nil // a head that is damaged is there
		}
		if err == nil && !same {
			err = NewError(CodeLogTruncated, "the log was replaced while durable stream %q was being registered: event %s is not in it any more; register it again after checking the log", durable.Name, claimed)
		}
	}
	if err == nil && cursor > known.head.SequenceNumber {
		err = NewError(CodeLogTruncated, "the cursor of durable stream %q is at %d, but the log ends at %d: facts that it handled are gone; restore the log, or use a new name",
			durable.Name, cursor, known.head.SequenceNumber)
	}
	if err == nil {
		st.epoch, st.target = known.epoch, known.head.SequenceNumber
		if durable == nil {
			cursor = st.target
		}
		st.position.Store(cursor)
		st.stored.Store(cursor)
		err = s.streams.add(s, st)
	}
	opened = err == nil
	return err
}

func (o *streamOptions) withDefaults() {
	setDefault(&o.retry.Delay, 100*time.Millisecond)
	setDefault(&o.retry.DelayMax, 10*time.Second)
	setDefault(&o.cursorEvery.Batches, 1000)
	setDefault(&o.cursorEvery.Time, 100*time.Millisecond)
}

// Number is the stream's in its store, as statistics and what is logged name it.
func (st *EventStream) Number() uint64 { return st.number }

// Unsubscribe lets no further delivery start and frees a durable name at once. It never waits; a
// delivery in flight goes on, and the end is reported after it. It may be called again.
func (st *EventStream) Unsubscribe() { st.halt(nil) }

// draining says up to where a stream delivers before it ends, and why it ends.
type draining struct {
	through uint64
	known   bool // through is; else the stream finds it out
	reason  error
}

// Drain lets the stream end when it has delivered what was committed before the call. It never
// waits; Done tells the end. A stream without handler ends when nobody takes a batch for half a
// second, or the loop over its batches was left. Unsubscribe ends it at once all the same.
func (st *EventStream) Drain() { st.drain(draining{}) }

func (st *EventStream) drain(d draining) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.stopped {
		return
	}
	if st.draining == nil {
		close(st.drainBegun)
	} else if !st.draining.known || !d.known {
		d.known = false
	}
	st.draining = &d
}

// drained reports whether the stream has delivered what it was to deliver before its end, and ends
// it then.
func (st *EventStream) drained() (bool, error) {
	st.mu.Lock()
	d := st.draining
	st.mu.Unlock()
	if d == nil {
		return false, nil
	}
	for !d.known {
		known, err := st.store.log.refresh(st.context, st.store.backend)
		if err != nil {
			return false, err
		}
		st.mu.Lock()
		if st.draining == d { // else it was asked for again, and more may have been committed before
			st.draining = &draining{through: known.head.SequenceNumber, known: true, reason: d.reason}
		}
		d = st.draining
		st.mu.Unlock()
	}
	if st.position.Load() < d.through {
		return false, nil
	}
	if err := st.reportReady(); err != nil {
		return false, err
	}
	st.halt(d.reason)
	return true, nil
}

// halt stops the stream for a reason; only the first call counts.
func (st *EventStream) halt(reason error) {
	st.mu.Lock()
	first := !st.stopped
	if first {
		st.stopped, st.reason = true, reason
		st.stop() // a delivery that is refused since the stream is stopped finds its context ended
	}
	st.mu.Unlock()
	if first && st.durable != nil && reason == nil {
		st.durable.release()
	}
}

// Close unsubscribes and waits for the end. Inside the stream's own handler, called with the
// handler's context, it does not wait.
func (st *EventStream) Close(ctx context.Context) error {
	st.Unsubscribe()
	if inside, ok := ctx.Value(handlerKey{}).(*EventStream); ok && inside == st {
		return nil
	}
	select {
	case <-st.done:
		return nil
	default:
	}
	select {
	case <-st.done:
		return nil
	case <-ctx.Done():
		return ended(ctx, "the stream's handler is still running; the stream ends when it returns")
	}
}

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

// Done is closed when the stream has ended and everything about it was reported.
func (st *EventStream) Done() <-chan struct{} { return st.done }

// Err returns why the stream ended: nil while it has not, and after Unsubscribe and Close.
func (st *EventStream) Err() error {
	select {
	case <-st.done:
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.reason
	default:
		return nil
	}
}

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

type handlerKey struct{}

// insideHandlerOf reports whether ctx is that of a handler of one of the store's streams.
func insideHandlerOf(ctx context.Context, s *Store) bool {
	stream, ok := ctx.Value(handlerKey{}).(*EventStream)
	return ok && stream.store == s
}
