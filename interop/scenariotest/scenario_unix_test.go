//go:build unix

package scenariotest_test

import (
	"context"
	"os"
	"testing"

	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/interop/scenariotest"
)

func init() {
	kinds["postgres"] = func(t *testing.T) func() (scenariotest.Surface, error) {
		url := pgtest.Database(t)
		return func() (scenariotest.Surface, error) {
			return on(postgres.Open(context.Background(), url, postgres.Options{}))
		}
	}
}

func TestMain(m *testing.M) {
	os.Exit(pgtest.Main(m))
}
