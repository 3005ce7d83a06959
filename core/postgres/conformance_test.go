package postgres

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/storetest"
)

// openWrapped opens a store whose backend is wrapped, as Open does.
func openWrapped(ctx context.Context, url string, options Options, wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
	if wrap == nil {
		return Open(ctx, url, options)
	}
	options = withDefaults(options)
	config, direct, err := parseURLs("url", url, options)
	if err != nil {
		return nil, err
	}
	b, err := openBackend(ctx, config, direct, options)
	if err != nil {
		return nil, err
	}
	return factstr.OpenStore(ctx, wrap(b), options.Options)
}

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
