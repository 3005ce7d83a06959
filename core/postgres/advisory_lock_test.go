package postgres

import (
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G11 G22: processes of different versions lock each other out, so a key never changes: the first 8
// bytes of SHA-256 over "factstr", the purpose, the schema and the name, each ended by a zero byte.
func TestAdvisoryLocksHaveTheKeysOfEveryVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, schema, name string
		key                int64
	}{
		{"append", "public", "", -3224320092970548752},
		{"create", "public", "", 3464960693636518054},
		{"channel", "public", "", 8617164698516183078},
		{"name", "public", "projection", -7197878187000201712},
		{"name", "publicp", "rojection", 5935978187934072796},
		{"name", "app", "projection", 5485160850024584165},
		{"name", "public", "Überweisungen", 7312118443772541440},
	} {
		if key := lockKey(c.what, c.schema, c.name); key != c.key {
			t.Errorf("the key of %q in schema %q for %q is %d, want %d", c.what, c.schema, c.name, key, c.key)
		}
	}
	url := pgtest.Database(t)
	store, b := openBackendStore(t, url, Options{LockTimeout: 100 * time.Millisecond})
	raw := faulttest.OpenSQL(t, url)
	raw.Run("SELECT pg_advisory_lock(-3224320092970548752), pg_advisory_lock(-7197878187000201712)")
	for _, way := range withFunction {
		b.function = way.function
		_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy)
	}
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, faulttest.NewFollower(0))
	facttest.WantError(t, err, factstr.CodeDurableStreamActive)
	raw.Run(fmt.Sprintf("SELECT pg_advisory_unlock(%d), pg_advisory_unlock(%d)", -3224320092970548752, -7197878187000201712))
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	_, stream := faulttest.FollowDurably(t, store, "projection", 0)
	faulttest.End(t, stream)
}
