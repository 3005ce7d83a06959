package memory

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/storetest"
)

func newLog(testing.TB) storetest.Log {
	return storetest.Log{Open: func(ctx context.Context, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
		if wrap == nil {
			return Open(Options{Options: options})
		}
		options.TailEvents = -1
		return factstr.OpenStore(ctx, wrap(newBackend(nil)), options)
	}}
}

func TestTheMemoryStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, newLog)
}

func BenchmarkMemory(b *testing.B) {
	storetest.Benchmark(b, newLog)
}
