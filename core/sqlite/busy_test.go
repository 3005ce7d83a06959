package sqlite

import (
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// G5: another program's lock, which does not come through the turnstile.
func TestADatabaseLockedByAnotherProgramIsBusyAfterTheTimeout(t *testing.T) {
	const timeout = 100 * time.Millisecond
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: timeout})
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	raw := openRaw(t, path)
	raw.exec("BEGIN IMMEDIATE")
	for range 2 {
		started := time.Now()
		_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy, "try again")
		if waited := time.Since(started); waited < timeout/2 || waited > 20*timeout {
			t.Errorf("waited %v", waited)
		}
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, facttest.NewDeliveries(t))
		facttest.WantError(t, err, factstr.CodeBusy, "try again")
	}
	if got := len(facttest.All(t, store)); got != 2 {
		t.Errorf("%d facts", got)
	}
	// Opening needs the lock only where something is missing.
	facttest.Close(t, openStoreWith(t, path, Options{BusyTimeout: timeout}))
	raw.exec("ROLLBACK")
	if got := facttest.Append(t, store, facttest.Batch(1, "a")...); got.FirstSequenceNumber != 3 {
		t.Errorf("%+v", got)
	}
	// The refused registrations did not keep the name.
	facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))

	raw.exec("DROP TABLE append_batches")
	raw.exec("BEGIN IMMEDIATE")
	refusedOpen(t, path, factstr.CodeBusy)
	raw.exec("ROLLBACK")
	facttest.Close(t, openStore(t, path))
}

// A store that gave up must not keep its place in the queue of processes.
func TestAfterAStoreWasBusyNobodyIsKeptOut(t *testing.T) {
	path := newPath(t)
	patient := openStore(t, path)
	hasty := openStoreWith(t, path, Options{BusyTimeout: 20 * time.Millisecond})
	for range 5 {
		locker := proctest.Start(t, "locker", path)
		locker.Expect("locked")
		_, err := hasty.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy)
		locker.Finish()
		for range 3 {
			facttest.Append(t, patient, facttest.Batch(1, "a")...)
		}
	}
	facttest.WantGapless(t, patient, 15)
}
