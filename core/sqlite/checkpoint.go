package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	checkpointPages = 1024                  // of 4 KiB in the log file until it is checkpointed
	checkpointEvery = 20 * time.Millisecond // between looks at how much there is
	// From so many pages in the log file on, writers are kept out for the moment that the last few pages take: only when all are copied can the file be
	// written from its start again, and beside a writer that never pauses that moment would not come.
	checkpointPagesMax = 4 * checkpointPages
	checkpointWait     = 100 * time.Millisecond // for other processes' writers
	starvedPages       = 16 * checkpointPages   // that cannot be copied: it is told
	pageBytes          = 4096
)

// checkpointer copies the write-ahead log into the database on a connection of its own, so that no commit pays for it. The log file is then written again from its
// start and never made shorter, since overwriting a file and syncing it is several times faster than extending it.
type checkpointer struct {
	backend *backend
	wake    chan struct{} // a commit happened
	stop    chan struct{}
	leave   context.CancelFunc // ends the pause after a panic
	stopped sync.WaitGroup
	starved factstr.Trouble
	pages   func(c *conn, mode string) (logged, copied int64) // walPages, save in tests
}

func (k *checkpointer) init(b *backend) {
	k.backend = b
	k.wake = make(chan struct{}, 1)
	k.stop = make(chan struct{})
	k.pages = walPages
	var ctx context.Context
	ctx, k.leave = context.WithCancel(context.Background())
	k.stopped.Go(func() { b.observer.Keep(ctx, "checkpoint", k.run) })
}

func (k *checkpointer) committed() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *checkpointer) close() {
	if k.stop != nil {
		close(k.stop)
		k.leave()
		k.stopped.Wait()
	}
}

// run checkpoints after commits, until it is stopped.
func (k *checkpointer) run() {
	var c *conn
	ended := false
	defer func() {
		if c != nil {
			c.close()
		}
		if !ended {
			k.committed() // a panic: what it was about to do is still to be done
		}
	}()
	for {
		select {
		case <-k.stop:
			ended = true
			return
		case <-k.wake:
		}
		if c == nil {
			c, _ = openConn(context.Background(), k.backend.path, k.backend.busyTimeout)
		}
		if c != nil {
			k.checkpoint(c)
		}
		select {
		case <-k.stop:
			ended = true
			return
		case <-time.After(checkpointEvery):
		}
	}
}

func (k *checkpointer) checkpoint(c *conn) {
	if logged, copied := k.pages(c, "NOOP"); logged-copied < checkpointPages {
		k.caughtUp(logged)
		return
	}
	// Whatever cannot be copied now, since a reader still needs the old page, is copied by the next one.
	logged, copied := k.pages(c, "PASSIVE")
	if logged >= checkpointPagesMax {
		if now, done := k.finish(c); now > 0 {
			logged, copied = now, done
		}
	}
	if logged-copied >= starvedPages {
		k.starved.Shows(k.backend.observer, factstr.LogCheckpointStarved,
			fmt.Sprintf("SQLite's log file holds %d MiB that cannot be copied into the database: a reader or writer of %s has been at it for long", (logged-copied)*pageBytes>>20, k.backend.path),
			"log_file_bytes", logged*pageBytes)
	} else {
		k.caughtUp(logged)
	}
}

func (k *checkpointer) caughtUp(logged int64) {
	k.starved.Over(k.backend.observer, factstr.LogCheckpointCaughtUp, "SQLite's log file was copied into the database", "log_file_bytes", logged*pageBytes)
}

// finish copies the rest while nobody writes, so that the next writer starts the file again.
func (k *checkpointer) finish(c *conn) (logged, copied int64) {
	b := k.backend
	b.writing.Lock()
	defer b.writing.Unlock()
	waiting, cancel := context.WithTimeout(context.Background(), checkpointWait)
	defer cancel()
	if b.turnstile.Enter(waiting) == nil {
		defer func() { _ = b.turnstile.Leave() }()
		return k.pages(c, "PASSIVE")
	}
	return 0, 0
}

// walPages runs a checkpoint and returns how many pages the log file holds, and how many of them are in the database. NOOP only asks.
func walPages(c *conn, mode string) (logged, copied int64) {
	_ = c.each("PRAGMA wal_checkpoint("+mode+")", func(row []driver.Value) bool {
		logged, _ = row[1].(int64)
		copied, _ = row[2].(int64)
		return false
	})
	return logged, copied
}

// Measure tells the sizes of the files.
func (b *backend) Measure(_ context.Context, statistics *factstr.Statistics) error {
	if info, err := os.Stat(b.path); err == nil {
		statistics.DatabaseBytes = info.Size()
	}
	if info, err := os.Stat(b.path + "-wal"); err == nil {
		statistics.LogFileBytes = info.Size()
	}
	return nil
}
