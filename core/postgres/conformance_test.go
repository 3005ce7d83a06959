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
	return storetest.Log{Persistent: true, Open: func(ctx context.Context, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
		return openWrapped(ctx, url, Options{Options: options}, wrap)
	}}
}

func TestThePostgreSQLStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, newLog)
}

func BenchmarkPostgreSQL(b *testing.B) {
	storetest.Benchmark(b, newLog)
}
