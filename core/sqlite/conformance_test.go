package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/storetest"
)

func newLog(t testing.TB) storetest.Log {
	path := filepath.Join(t.TempDir(), "log.db")
	open := func(ctx context.Context, options factstr.Options,
		wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
		if wrap == nil {
			return Open(ctx, path, Options{Options: options})
		}
		b, err := openBackend(ctx, path, Options{BusyTimeout: 5 * time.Second})
		if err != nil {
			return nil, err
		}
		return factstr.OpenStore(ctx, wrap(b), options)
	}
	toRead := func(ctx context.Context, options factstr.Options) (*factstr.Store, error) {
		return Open(ctx, path, Options{Options: options, ReadOnly: true})
	}
	openCopy := func(ctx context.Context, path string, options factstr.Options) (*factstr.Store, error) {
		return Open(ctx, path, Options{Options: options})
	}
	return storetest.Log{Persistent: true, Open: open, OpenToRead: toRead, OpenCopy: openCopy}
}

func TestTheSQLiteStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, newLog)
}

func BenchmarkSQLite(b *testing.B) {
	storetest.Benchmark(b, newLog)
}
