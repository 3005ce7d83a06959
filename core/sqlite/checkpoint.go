package sqlite

import (
	"context"
	"database/sql/driver"
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
)

// checkpointer copies the write-ahead log into the database on a connection of its own, so that no commit pays for it. The log file is then written again from its
// start and never made shorter, since overwriting a file and syncing it is several times faster than extending it.
type checkpointer struct {
	backend *backend
	wake    chan struct{} // a commit happened
	stop    chan struct{}
	stopped sync.WaitGroup
}

func (k *checkpointer) init(b *backend) {
	k.backend = b
	k.wake = make(chan struct{}, 1)
	k.stop = make(chan struct{})
	k.stopped.Add(1)
	go k.run()
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
		k.stopped.Wait()
	}
}

func (k *checkpointer) run() {
	defer k.stopped.Done()
	var c *conn
	defer func() {
		// A panic here costs checkpoints, not facts.
		_ = recover()
		if c != nil {
			c.close()
		}
	}()
	for {
		select {
		case <-k.stop:
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
			return
		case <-time.After(checkpointEvery):
		}
	}
}

func (k *checkpointer) checkpoint(c *conn) {
	if logged, copied := walPages(c, "NOOP"); logged-copied < checkpointPages {
		return
	}
	// Whatever cannot be copied now, since a reader still needs the old page, is copied by the next one.
	if logged, _ := walPages(c, "PASSIVE"); logged >= checkpointPagesMax {
		k.finish(c)
	}
}

// finish copies the rest while nobody writes, so that the next writer starts the file again.
func (k *checkpointer) finish(c *conn) {
	b := k.backend
	b.writing.Lock()
	defer b.writing.Unlock()
	waiting, cancel := context.WithTimeout(context.Background(), checkpointWait)
	defer cancel()
	if b.turnstile.Enter(waiting) == nil {
		defer func() { _ = b.turnstile.Leave() }()
		walPages(c, "PASSIVE")
	}
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
