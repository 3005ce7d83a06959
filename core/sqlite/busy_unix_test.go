//go:build unix

package sqlite

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// G5: a lock that cannot be had in time is Busy. Nothing is written, and the store goes on working.
func TestAStoppedProcessThatHoldsTheLockIsAnsweredBusy(t *testing.T) {
	path := newPath(t)
	openStore(t, path)
	store := openStoreWith(t, path, Options{BusyTimeout: 200 * time.Millisecond})
	locker := proctest.Start(t, "locker", path)
	locker.Expect("locked")
	locker.Signal(syscall.SIGSTOP)
	_, err := store.Append(context.Background(), []factstr.NewEvent{facttest.Fact("Late", `{}`)})
	if !errors.Is(err, factstr.CodeBusy) || !strings.Contains(err.Error(), "try again") {
		t.Fatalf("append beside a stopped writer: %v", err)
	}
	locker.Signal(syscall.SIGCONT)
	locker.Finish()
	if _, err := store.Append(context.Background(), []factstr.NewEvent{facttest.Fact("After", `{}`)}); err != nil {
		t.Fatalf("append after the writer went on: %v", err)
	}
	facttest.WantGapless(t, store, 1)
}
