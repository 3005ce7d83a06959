package factstr

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// HandleStream is the handler of a stream. Each call gets the matching facts of one committed
// batch, in ascending order. A returned error, or a panic, is a failure. Calls for one stream come
// one at a time, never on the goroutine that registered it. ctx ends when the stream is
// unsubscribed or closed; a handler that finishes its work nevertheless returns nil, and the batch
// counts as handled. A handler may use the store.
type HandleStream interface {
	HandleStream(ctx context.Context, batch []EventRecord) error
}

// DeliveryPosition returns the position of the delivery that HandleStream was called with: the last
// sequence number of its batch, whether that fact matches or not. ctx is the context that
// HandleStream got, or made of it. A program that keeps this number in the transaction in which it
// handles the batch, and registers with it again ([Store.StreamFrom]), handles each batch exactly
// once. Outside of HandleStream it is 0.
func DeliveryPosition(ctx context.Context) uint64 {
	stream, ok := ctx.Value(handlerKey{}).(*EventStream)
	if !ok {
		return 0
	}
	return stream.delivering.Load()
}

// HandleBatches is what a handler may implement besides HandleStream, to take several batches at
// once, such as one that hands them to another thread or language. It gets the next batches in
// commit order, at least one, and returns how many of them it handled, from the first one on. With
// an error the batch behind those has failed. Those that were neither handled nor failed come
// again, at once.
//
// Meanwhile it calls advance, at least each 20 ms, with the number of batches that are handled so
// far, so that the cursor follows them. advance reports whether the handling of another batch may
// begin; if not, HandleBatches returns once the batch that is being handled is done. Any goroutine
// may call advance, but one at a time, and none after HandleBatches has returned.
type HandleBatches interface {
	HandleBatches(
		ctx context.Context, batches []Delivery, advance func(handled int) (more bool),
	) (handled int, err error)
}

// HandleFunc is a function as a HandleStream.
type HandleFunc func(ctx context.Context, batch []EventRecord) error

// HandleStream calls f.
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
	number  uint64 // of the stream in its store
	plan    *Plan
	handler HandleStream
	options streamOptions
	durable *durableClaim // nil unless it is durable
	// complete streams replay, and none of their batches may be passed over: the durable ones, and
	// those whose position the caller keeps. The others are live.
	complete bool
	pull     *pull // nil with a handler

	context context.Context // ends when the stream stops
	stop    context.CancelFunc

	epoch  uint64 // of the log that the stream reads, see knownLog
	target uint64 // the head that the registration saw

	ahead    *readAhead    // the next batches, see readAhead; nil if they are not read yet
	failed   repeats       // the handler's failures that were logged
	failure  failure       // why the log cannot be read at the moment
	position atomic.Uint64 // everything up to here was delivered or does not match; see also idle
	idle     bool          // it waits at the known head; guarded by knownLog.mu

	moved      atomic.Pointer[chan struct{}] // closed when the position moves next; nil: nobody waits
	delivering atomic.Uint64                 // the position of the delivery that HandleStream has
	wake       chan struct{}                 // ends the wait; has room for one value
	stored     atomic.Uint64                 // the durable cursor as last written
	parking    parking                       // of a durable stream
	patient    time.Time                     // since when it waits to be stored; cursorWriter.pass's own

	ready chan struct{} // closed when replay is done
	done  chan struct{} // closed after the end was reported

	drainBegun chan struct{} // closed when draining is set

	mu       sync.Mutex
	draining *draining // up to where to deliver before the end; nil unless the stream drains
	stopped  bool      // no delivery starts any more
	reason   error     // why it stopped; nil for Unsubscribe
}

// durableClaim is the durable name that a stream holds, see StreamClaim.
type durableClaim struct {
	name       string
	generation uint64
	release    func() // frees the name; further calls do nothing
	confirm    func(ctx context.Context) error
	lost       <-chan struct{}
}

// Number returns the stream's number in its store, which statistics and logged records name.
func (st *EventStream) Number() uint64 { return st.number }

type handlerKey struct{}

// insideHandlerOf reports whether ctx is the context of a handler of one of the store's streams.
func insideHandlerOf(ctx context.Context, s *Store) bool {
	stream, ok := ctx.Value(handlerKey{}).(*EventStream)
	return ok && stream.store == s
}

// DurableStream names a durable stream. Its cursor belongs to the name.
type DurableStream struct {
	Name string
}
