package postgres

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/storetest"
)

func newLog(t testing.TB) storetest.Log {
	url := pgtest.Database(t)
	open := func(ctx context.Context, options factstr.Options,
		wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
		return openWrapped(ctx, url, Options{Options: options}, wrap)
	}
	toRead := func(ctx context.Context, options factstr.Options) (*factstr.Store, error) {
		return Open(ctx, url, Options{Options: options, ReadOnly: true})
	}
	return storetest.Log{Persistent: true, Open: open, OpenToRead: toRead}
}

func TestThePostgreSQLStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, newLog)
}

func BenchmarkPostgreSQL(b *testing.B) {
	storetest.Benchmark(b, newLog)
}
