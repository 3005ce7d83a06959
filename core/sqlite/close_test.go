package sqlite

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func TestClosingEndsStreamsThoughAnAppendWaitsForALock(t *testing.T) {
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: time.Minute, Options: factstr.Options{CloseTimeout: 200 * time.Millisecond}})
	stream, err := store.StreamAll(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	raw := openRaw(t, path)
	raw.exec("BEGIN IMMEDIATE")
	appended := make(chan error, 2)
	add := func() {
		err := store.AppendAsync(t.Context(), facttest.Batch(1, "a"), func(_ factstr.AppendResult, err error) { appended <- err })
		if err != nil {
			t.Fatal(err)
		}
	}
	add()
	for queued := 1; queued > 0; time.Sleep(time.Millisecond) { // until its group is on its way
		statistics, err := store.Statistics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		queued = statistics.QueueAppends
	}
	add()
	facttest.WantError(t, store.Close(t.Context()), factstr.CodeTimeout)
	waiting, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = stream.Next(waiting)
	facttest.WantError(t, err, factstr.CodeStoreClosed)
	facttest.WantError(t, <-appended, factstr.CodeStoreClosed) // the one in the queue
	raw.exec("ROLLBACK")
	if err := <-appended; err != nil {
		t.Error(err)
	}
	<-store.Closed()
}
