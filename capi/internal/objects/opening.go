package objects

import (
	"context"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// Opening is a store that is being opened. It has a handle until its outcome is reported.
type Opening struct {
	handle  uint64
	process *Process
	open    func(context.Context) (*factstr.Store, error)
	options interop.StoreOptions
	report  func(store *Store, err error)
	context context.Context
	cancel  context.CancelFunc

	mu        sync.Mutex
	cancelled bool
	decided   bool // the outcome is decided; cancelling has no effect any more
}

// NewOpening makes an opening with a handle. Start begins it, so that the caller has the handle
// before report is called: once, on another goroutine, with an error or with a store that now
// belongs to the receiver.
func (p *Process) NewOpening(open func(context.Context) (*factstr.Store, error), options interop.StoreOptions, report func(store *Store, err error)) *Opening {
	o := &Opening{process: p, open: open, options: options, report: report}
	o.context, o.cancel = context.WithCancel(context.Background())
	o.handle = p.openings.Reserve()
	p.openings.Put(o.handle, o)
	return o
}

// Handle returns the opening's handle.
func (o *Opening) Handle() uint64 { return o.handle }

// Start begins to open the store.
func (o *Opening) Start() { go o.run() }

func (o *Opening) run() {
	defer o.cancel()
	var core *factstr.Store
	err := guard.Call(nil, func() (err error) {
		core, err = o.open(o.context)
		return err
	})
	if o.decide() {
		if err == nil {
			// The store was opened nevertheless, and nobody else knows it.
			_ = guard.Call(nil, func() error { return core.Close(context.Background()) })
		}
		err = factstr.NewError(factstr.CodeCancelled, "the opening was cancelled; what it had created until then, such as a file or tables, stays")
	}
	var store *Store
	if err == nil {
		store = o.process.Add(core, o.options)
	}
	o.process.openings.Remove(o.handle)
	_ = guard.Call(nil, func() error {
		o.report(store, err)
		return nil
	})
}

// decide reports whether the opening was cancelled. Cancelling has no effect afterwards.
func (o *Opening) decide() (cancelled bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.decided = true
	return o.cancelled
}

// Cancel ends the opening, which then reports CodeCancelled, unless its outcome is decided already.
func (o *Opening) Cancel() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.decided {
		o.cancelled = true
		o.cancel()
	}
}
