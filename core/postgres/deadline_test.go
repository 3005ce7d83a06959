package postgres

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G5: a deadline that passes in the queue leaves nothing unknown; in the middle of a commit it
// does.
func TestADeadlineTellsWhetherAGroupHadTakenTheAppend(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	store, b := openBackendStore(t, faulttest.Through(proxy, url), impatient())
	l := faulttest.NewBook(t)
	faulttest.Must(t, l.Append(t.Context(), store, 1))
	proxy.BlackHole()
	taken := make(chan error, 1)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() { taken <- l.Append(ctx, store, 2) }()
	faulttest.Eventually(t, "the beginning of the commit", func() bool {
		idle := b.writing.TryLock()
		if idle {
			b.writing.Unlock()
		}
		return !idle
	})
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	faulttest.WantFailure(t, l.Append(soon, store, 2), factstr.CodeTimeout, "")
	giveUp()
	faulttest.WantFailure(t, faulttest.Within(t, "the answer", taken), factstr.CodeCommitUnknown, "")
	proxy.Heal()
	faulttest.Eventually(t, "an append", func() bool { return l.Append(context.Background(), store, 2) == nil })
	l.Check(facttest.All(t, store))
}
