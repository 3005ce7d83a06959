// Package guard keeps panics inside the library: a panic that left it would end the host's process.
package guard

import (
	"runtime/debug"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
)

var observer atomic.Pointer[factstr.Observer]

// Observe sets the observer that recovered panics are reported to.
func Observe(o *factstr.Observer) { observer.Store(o) }

// Poison remembers that a call on an object panicked. The state that the panic left behind is not
// known, so the object takes no further call but its close.
type Poison struct {
	cause atomic.Pointer[factstr.Error]
}

// Err returns the error of a poisoned object, nil for a sound one.
func (p *Poison) Err() error {
	if cause := p.cause.Load(); cause != nil {
		return factstr.NewError(factstr.CodeInternal, "an earlier call on this handle failed inside the library; close it and open it again. The failure: %s", cause.Message)
	}
	return nil
}

// Call runs f. A panic becomes CodeInternal and poisons the object; poison is nil for calls without
// an object.
func Call(poison *Poison, f func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			observer.Load().Recovered(factstr.TaskCall, reason)
			failure := factstr.NewError(factstr.CodeInternal, "panic: %v\n%s", reason, debug.Stack())
			if poison != nil {
				poison.cause.CompareAndSwap(nil, failure)
			}
			err = failure
		}
	}()
	return f()
}
