package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// A stream that learns of a change finds out that the log cannot be read, and reads what there is
// if only watching is impossible.
func TestWatchingThatIsNotPossibleIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&backend{path: filepath.Join(t.TempDir(), "missing", "facts.db"), busyTimeout: time.Second}).Watch(ctx, func() {
			if looks++; looks == 3 {
				cancel()
			}
		})
	}()
	select {
	case <-ended:
	case <-time.After(facttest.WaitMax):
		t.Fatal("nothing was told")
	}
}

// G19: a store tells its own commits from those of others, which alone shorten the pause of its
// watcher.
func TestAStoreTellsItsOwnCommitsFromThoseOfOthers(t *testing.T) {
	b, err := openBackend(t.Context(), newPath(t), Options{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{})
	facttest.Opened(t, store, err)
	other := openStore(t, b.path)
	var own ownCommits
	own.only(b)
	for round := range 3 {
		facttest.Append(t, store, facttest.Batch(2, "own")...)
		facttest.Append(t, store, facttest.Batch(1, "own")...)
		if !own.only(b) {
			t.Errorf("round %d: own commits are taken for those of others", round)
		}
		if !own.only(b) {
			t.Errorf("round %d: there was no commit", round)
		}
		facttest.Append(t, other, facttest.Batch(1, "other")...)
		facttest.Append(t, store, facttest.Batch(1, "own")...)
		if own.only(b) {
			t.Errorf("round %d: another store's commit is taken for an own one", round)
		}
	}
	if pauseAfter(0) != watchBusy || pauseAfter(watchLooks) != watchIdle {
		t.Error("pauses")
	}
}
