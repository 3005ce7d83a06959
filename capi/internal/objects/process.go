// Package objects holds the objects behind the handles of the C library: stores with their codec,
// submitted requests, completions, streams, readings and openings. It knows no C, and passes JSON
// texts to interop unread.
//
// A Process owns the tables of handles. A Store owns its streams, readings and requests: its close
// removes their handles, whatever their state, while the objects live on until their last callback
// has returned. Handles and objects end separately on purpose: a caller that closes from inside
// its own callback cannot wait for that callback, but its handles are gone when the close returns.
//
// The order of locks is Store.mu, then submissions.mu or a table's own; no lock is held during a
// callback, a call of core, or a wait. Store.mu guards closing, so whatever is added under it (a
// stream, a submission) is either seen by the close or refused. Stream.mu is taken alone, and held
// while core is told what is handled (advance.go).
//
// Callbacks of a stream run on the goroutine of its core.EventStream; completion callbacks run one
// at a time on a goroutine of the store (dispatcher); the callback of an opening runs on its own.
package objects

import (
	"errors"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/handle"
	"github.com/factstr/factstr-go/interop"
)

// Notices are not errors: they are outcomes other than success, and have a status of their own.
var (
	// ErrClosing means that the close has begun and goes on when the calling thread's own callback
	// has returned.
	ErrClosing = errors.New("closing")
	// ErrEnded means that the stream has ended without an error.
	ErrEnded = errors.New("ended")
	// ErrNotYet means that nothing came within the caller's time.
	ErrNotYet = errors.New("not yet")
)

// Process holds everything that has a handle.
type Process struct {
	Marks Marks // nil without any

	newMemory func() interop.Memory

	stores   *handle.Table[*Store]
	streams  *handle.Table[*Stream]
	requests *handle.Table[*Request]
	readings *handle.Table[*Reading]
	openings *handle.Table[*Opening]
}

// NewProcess makes an empty Process. The library has one; tests make their own. newMemory makes the
// memory of a query's result, see interop.QueryText.
func NewProcess(newMemory func() interop.Memory) *Process {
	numbers := &handle.Numbers{}
	return &Process{
		newMemory: newMemory,

		stores:   handle.NewTable[*Store](numbers),
		streams:  handle.NewTable[*Stream](numbers),
		requests: handle.NewTable[*Request](numbers),
		readings: handle.NewTable[*Reading](numbers),
		openings: handle.NewTable[*Opening](numbers),
	}
}

// OpenHandles counts the handles that are open.
func (p *Process) OpenHandles() int {
	return p.stores.Len() + p.streams.Len() + p.requests.Len() + p.readings.Len() + p.openings.Len()
}

// Store finds a store by its handle.
func (p *Process) Store(number uint64) (*Store, error) {
	if store, ok := p.stores.Get(number); ok {
		return store, nil
	}
	return nil, invalidHandle("store", number)
}

// Stream finds a stream by its handle.
func (p *Process) Stream(number uint64) (*Stream, error) {
	if stream, ok := p.streams.Get(number); ok {
		return stream, nil
	}
	return nil, invalidHandle("stream", number)
}

// Request finds a submitted request by its handle.
func (p *Process) Request(number uint64) (*Request, error) {
	if request, ok := p.requests.Get(number); ok {
		return request, nil
	}
	return nil, invalidHandle("request", number)
}

// Reading finds a reading by its handle.
func (p *Process) Reading(number uint64) (*Reading, error) {
	if reading, ok := p.readings.Get(number); ok {
		return reading, nil
	}
	return nil, invalidHandle("reading", number)
}

// Opening finds a store that is being opened.
func (p *Process) Opening(number uint64) (*Opening, error) {
	if opening, ok := p.openings.Get(number); ok {
		return opening, nil
	}
	return nil, invalidHandle("opening", number)
}

func invalidHandle(kind string, number uint64) error {
	return factstr.NewError(factstr.CodeInvalidHandle, "%d is not the handle of an open %s; it may have been closed before", number, kind)
}
