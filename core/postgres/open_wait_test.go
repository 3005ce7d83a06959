package postgres

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
)

// Opening waits for locks of others as long as an append does.
func TestOpeningDoesNotWaitWithoutLimitForLocksOfOthers(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		name, blocks string
		made         bool
	}{
		{"a table that is locked", "LOCK TABLE events IN ACCESS EXCLUSIVE MODE", true},
		{"a schema that somebody creates", "CREATE SCHEMA blocked", false},
	} {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			url := faulttest.ServerOfItsOwn(t)
			options := Options{LockTimeout: 500 * time.Millisecond, ResponseTimeout: time.Second}
			if each.made {
				facttest.Append(t, openStore(t, url), facttest.Batch(1, "a")...)
			} else {
				options.Schema = "blocked"
			}
			raw := faulttest.OpenSQL(t, url)
			raw.Run("BEGIN")
			raw.Run(each.blocks)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, err := Open(ctx, url, options)
			faulttest.WantFailure(t, err, factstr.CodeBusy, "", "lock timeout", "try again")
			raw.Run("ROLLBACK")
			faulttest.WantStillWorks(t, openStore(t, url))
		})
	}
}
