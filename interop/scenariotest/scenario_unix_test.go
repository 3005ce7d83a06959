//go:build unix

package scenariotest_test

import (
	"context"
	"log/slog"
	"os"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/scenariotest"
)

func init() {
	places["postgres"] = func(t *testing.T) scenariotest.Place {
		url := pgtest.Database(t)
		open := func(options []byte, logger *slog.Logger) (scenariotest.Surface, error) {
			asked, err := interop.DecodePostgresOptions(options)
			if err != nil {
				return nil, err
			}
			return on(postgres.Open(context.Background(), url,
				postgres.Options{Options: factstr.Options{Logger: logger}, ReadOnly: asked.ReadOnly}))
		}
		return scenariotest.Place{Kind: "postgres", Open: open,
			RunSQL: func(script string) error { return pgtest.Exec(context.Background(), url, script) }}
	}
}

func TestMain(m *testing.M) {
	os.Exit(pgtest.Main(m))
}
