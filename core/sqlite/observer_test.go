package sqlite

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// openTelling opens a store whose checkpointer runs pages in place of checkpoints.
func openTelling(t *testing.T, pages func(c *conn, mode string) (walState, error)) (*factstr.Store, *facttest.Records) {
	t.Helper()
	records, logger := facttest.NewRecords()
	options := factstr.Options{Logger: logger}.Observed("sqlite")
	b, err := openBackend(t.Context(), newPath(t), Options{Options: options, BusyTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	b.checkpointer.pages = pages // read after the first commit
	b.checkpointer.waiting = func() (uint32, bool) { return 0, false }
	store, err := factstr.OpenStore(t.Context(), b, options)
	return facttest.Opened(t, store, err), records
}

// G24: a checkpoint that panics is logged, and made again without another commit that would ask for
// it.
func TestACheckpointThatPanicsIsToldAndMadeAgain(t *testing.T) {
	var looks atomic.Int64
	again := make(chan struct{}, 100)
	store, records := openTelling(t, func(c *conn, mode string) (walState, error) {
		if looks.Add(1) <= 2 {
			panic("on purpose")
		}
		again <- struct{}{}
		return checkpoint(c, mode)
	})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	select {
	case <-again:
	case <-time.After(facttest.WaitMax):
		t.Fatal("no checkpoint after a panic")
	}
	if told := records.Await(t, factstr.LogPanicRecovered, 1); told[0].Level != slog.LevelError || told[0].Attributes["task"] != "checkpoint" || told[0].Attributes["stack"] == "" || len(told) != 1 {
		t.Errorf("told %+v", told)
	}
	facttest.Append(t, store, facttest.Batch(1, "b")...)
	<-again
}

// G24: a log that cannot be copied into the database is logged once, and once more when it was
// copied.
func TestAStarvedCheckpointIsTold(t *testing.T) {
	var copied atomic.Int64
	const pages = 2 * starvedPages
	store, records := openTelling(t, func(*conn, string) (walState, error) { return walState{pages, copied.Load()}, nil })
	for range 3 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
		records.Await(t, factstr.LogCheckpointStarved, 1)
	}
	copied.Store(pages)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	over := records.Await(t, factstr.LogCheckpointCaughtUp, 1)[0]
	starved := records.Of(factstr.LogCheckpointStarved)
	if len(starved) != 1 || starved[0].Level != slog.LevelWarn || starved[0].Attributes["log_file_bytes"] != int64(pages*pageBytes) || over.Level != slog.LevelInfo {
		t.Errorf("told %+v, then %+v", starved, over)
	}
}

// G24: a database that was restored under the store is logged once for all streams.
func TestALogThatWentBackwardsIsTold(t *testing.T) {
	records, logger := facttest.NewRecords()
	path := newPath(t)
	store := openStoreWith(t, path, Options{Options: factstr.Options{Logger: logger}})
	facttest.Append(t, store, facttest.Batch(10, "a")...)
	handler := factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil })
	for range 2 {
		if _, err := store.StreamAll(t.Context(), handler); err != nil {
			t.Fatal(err)
		}
	}
	openRaw(t, path).exec("DELETE FROM events WHERE sequence_number > 5")
	records.Await(t, factstr.LogStreamEnded, 2)
	told := records.Await(t, factstr.LogWentBackwards, 1)
	if len(told) != 1 || told[0].Level != slog.LevelWarn || told[0].Attributes["head_before"] != uint64(10) || told[0].Attributes["head"] != uint64(5) {
		t.Errorf("told %+v", told)
	}
}
