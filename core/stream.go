package factstr

import (
	"context"
	"sync"
	"sync/atomic"
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

// Number is the stream's in its store, as statistics and what is logged name it.
func (st *EventStream) Number() uint64 { return st.number }

type handlerKey struct{}

// insideHandlerOf reports whether ctx is that of a handler of one of the store's streams.
func insideHandlerOf(ctx context.Context, s *Store) bool {
	stream, ok := ctx.Value(handlerKey{}).(*EventStream)
	return ok && stream.store == s
}

// DurableStream names a durable stream. Its cursor belongs to the name.
type DurableStream struct {
	Name string
}
