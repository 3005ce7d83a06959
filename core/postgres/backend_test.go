package postgres

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
)

// openWrapped is Open with a wrapped backend.
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

// openBackendStore opens a store and returns its backend as well.
func openBackendStore(t testing.TB, url string, options Options) (*factstr.Store, *backend) {
	t.Helper()
	var b *backend
	store, err := openWrapped(t.Context(), url, options, func(inner factstr.Backend) factstr.Backend {
		b = inner.(*backend)
		return inner
	})
	faulttest.Must(t, err)
	t.Cleanup(func() { facttest.Close(t, store) })
	return store, b
}

// withFunction are the two ways of committing a group.
var withFunction = []struct {
	name     string
	function bool
}{{"by the function", true}, {"under the lock", false}}
