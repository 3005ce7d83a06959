package sqlite

import (
	"database/sql/driver"
	"sync"
	"time"
)

const (
	checkpointPages = 1024                  // of 4 KiB in the log file until it is checkpointed
	checkpointEvery = 20 * time.Millisecond // between looks at how much there is
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
			c, _ = openConn(k.backend.path, k.backend.busyTimeout)
		}
		if c != nil && pagesToCheckpoint(c) >= checkpointPages {
			// Whatever it cannot copy now is copied by the next one.
			_, _ = c.one("PRAGMA wal_checkpoint(PASSIVE)")
		}
		select {
		case <-k.stop:
			return
		case <-time.After(checkpointEvery):
		}
	}
}

// pagesToCheckpoint asks how many pages of the log file are not in the database yet.
func pagesToCheckpoint(c *conn) (pages int64) {
	_ = c.each("PRAGMA wal_checkpoint(NOOP)", func(row []driver.Value) bool {
		logged, _ := row[1].(int64)
		copied, _ := row[2].(int64)
		pages = logged - copied
		return false
	})
	return pages
}
