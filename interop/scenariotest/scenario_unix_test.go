//go:build unix

package scenariotest_test

import (
	"context"
	"os"
	"testing"

	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/scenariotest"
)

func init() {
	kinds["postgres"] = func(t *testing.T) scenariotest.Opener {
		url := pgtest.Database(t)
		return func(options []byte) (scenariotest.Surface, error) {
			asked, err := interop.DecodePostgresOptions(options)
			if err != nil {
				return nil, err
			}
			return on(postgres.Open(context.Background(), url, postgres.Options{ReadOnly: asked.ReadOnly}))
		}
	}
}

func TestMain(m *testing.M) {
	os.Exit(pgtest.Main(m))
}
