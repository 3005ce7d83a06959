// Package memory is the store that keeps its log in memory, for tests, local development and facts
// that need not outlive the process.
package memory

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// Options are the options of a memory store. The zero value stands for the defaults.
type Options struct {
	factstr.Options
}

// Open makes an empty store. Its facts and durable cursors are gone when it is closed.
func Open(options Options) (*factstr.Store, error) {
	options.TailEvents = -1 // the log itself is in memory
	observed := options.Observed("memory")
	return factstr.OpenStore(context.Background(), newBackend(observed.Log()), observed)
}
