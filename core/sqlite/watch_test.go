package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

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
