// Package objects is what lies between the C functions and the contract: stores with their codec,
// submitted requests, completions and streams, all named by handles. It knows neither C nor JSON
// text beyond handing it to interop.
package objects

import (
	"errors"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/handle"
)

// Notices are no errors: they tell a caller where things stand.
var (
	// ErrClosing: the close was begun and will be finished when the calling thread's own callback
	// has returned.
	ErrClosing = errors.New("closing")
	// ErrEnded: the stream has ended without error.
	ErrEnded = errors.New("ended")
	// ErrNotYet: what was waited for did not come in time.
	ErrNotYet = errors.New("not yet")
)

// Process holds everything that has a handle.
type Process struct {
	stores   *handle.Table[*Store]
	streams  *handle.Table[*Stream]
	requests *handle.Table[*Request]
	openings *handle.Table[*Opening]
}

// NewProcess makes an empty one. The library has a single one.
func NewProcess() *Process {
	numbers := &handle.Numbers{}
	return &Process{
		stores:   handle.NewTable[*Store](numbers),
		streams:  handle.NewTable[*Stream](numbers),
		requests: handle.NewTable[*Request](numbers),
		openings: handle.NewTable[*Opening](numbers),
	}
}

// OpenHandles counts the handles that are open.
func (p *Process) OpenHandles() int {
	return p.stores.Len() + p.streams.Len() + p.requests.Len() + p.openings.Len()
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
