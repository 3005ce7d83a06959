package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Checkpoints
//
// SQLite appends pages to the log (-wal); a checkpoint copies them into the database. The committer
// does none of it (wal_autocheckpoint = 0): copying 4 MiB takes longer than many commits. A
// goroutine of the store copies on a connection of its own, some time after a commit, once
// checkpointPages are waiting. Such a PASSIVE checkpoint runs beside readers and writers, and
// copies what no reader still needs in its old form.
//
// The log starts again from its beginning only if everything in it is copied and no reader is in
// it. Beside a writer that never pauses that moment does not come, and the log grew by all that was
// written. So from checkpointPagesMax on, the last few pages are copied while writers are kept out
// by the turnstile, which takes about one sync.
//
// A log that starts again is usually not cut, since overwriting and syncing a file is several times
// faster than extending it. Only if it is larger than logFileMax, because a reader kept it from
// starting again, is it cut (TRUNCATE). A reader that stays longer is reported
// (checkpoint_starved), and after checkpointRenew tries the store closes its connections: the
// reader may be a lock that SQLite forgot to free (connections.go).
//
// A store that closes leaves the log to SQLite, which copies and removes it if nobody else has the
// database open, and to others who write. If others only read, it cuts the log: they could not use
// it later if they may not write it, since they rely on somebody who looks after its index.
//
// Losing a checkpoint loses nothing. Facts are durable in the log, and whoever opens the database
// next reads them there.

const (
	checkpointPages = 1024                  // of 4 KiB in the log file until it is checkpointed
	checkpointEvery = 20 * time.Millisecond // between looks at how much there is
	// From this many pages on, the last ones are copied while writers are kept out.
	checkpointPagesMax = 4 * checkpointPages
	checkpointWait     = 100 * time.Millisecond // for other processes' writers
	pageBytes          = 4096
	cutWait            = 100 * time.Millisecond // for readers, when a store closes
	cutAgain           = 5 * time.Millisecond
	// This many pages that cannot be copied are reported. A log file that is larger is cut as soon
	// as its reader has left.
	starvedPages    = 12 * checkpointPages
	logFileMax      = starvedPages * pageBytes
	checkpointAgain = time.Second // between tries while a reader is in the way
	checkpointRenew = 60          // tries after which the reader may be a lock that SQLite forgot to free
)

// checkpointer runs the checkpoints of a store.
type checkpointer struct {
	backend *backend
	conn    *keptConn
	wake    chan struct{} // a commit happened
	stop    chan struct{}
	leave   context.CancelFunc // ends the pause after a panic
	stopped sync.WaitGroup
	starved factstr.Trouble
	tries   int // while the file is too large

	// Replaced in tests.
	waiting func() (pages uint32, known bool)
	pages   func(c *conn, mode string) (walState, error)
}

func (k *checkpointer) init(b *backend) {
	k.backend = b
	k.conn = b.keep(0)                   // it does not wait for locks, since others may wait for it; it tries again
	k.waiting = b.instance.sides.waiting // asked after commits only, which a log without sides has not
	k.wake = make(chan struct{}, 1)
	k.stop = make(chan struct{})
	k.pages = checkpoint
	var ctx context.Context
	ctx, k.leave = context.WithCancel(context.Background())
	k.stopped.Go(func() { b.observer.Keep(ctx, factstr.TaskCheckpoint, k.run) })
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

// cutForReaders copies the log and cuts it to nothing, if it is left to readers. It comes right
// before the store closes its connections, since it does not know who opens the database later. A
// reader in the log is in the way. Whoever begins to read once everything is copied reads the
// database alone, so also among many short reads there is soon none in the log.
func (k *checkpointer) cutForReaders() {
	if k.stop == nil || !k.backend.leftToReaders() {
		return
	}
	defer k.conn.rest()
	if _, err := k.copy("PASSIVE"); err != nil { // all but what comes now, beside those who open it
		return
	}
	for until := time.Now().Add(cutWait); ; time.Sleep(cutAgain) {
		last := time.Now().After(until) // on a slow machine the first try may take that long
		_, err := k.finish(true)
		if err != nil || last || k.backend.logFileBytes() == 0 {
			return
		}
	}
}

// leftToReaders reports whether others have the database open, or open it just now, and all of them
// only read. The connection of one who opens it keeps SQLite from removing the log, too, and the
// byte of the place is there before it. On Windows the question would be in the way of others.
// Stores that close at once say that they write no more before they ask, so one of them finds that
// nobody else writes.
func (b *backend) leftToReaders() bool {
	if written := b.instance.endWriting(b); written || oslock.AskingTakes || b.guard.ReadOnly() {
		return false
	}
	used, err := b.guard.Held(placesOffset, hashMask+1)
	if err != nil || !used {
		return false
	}
	written, err := b.instance.file.HeldAlone(instancesOffset, hashMask+1)
	return err == nil && !written
}

// run checkpoints after commits, and again while a reader is in the way, until it is stopped.
func (k *checkpointer) run() {
	ended := false
	idle := time.NewTimer(idleMax)
	defer func() {
		idle.Stop()
		k.conn.rest()
		if !ended {
			k.committed() // after a panic, the work is still to be done
		}
	}()
	for again := (<-chan time.Time)(nil); ; {
		select {
		case <-k.stop:
			ended = true
			return
		case <-k.wake:
		case <-again:
		case <-idle.C:
			k.conn.rest()
			continue
		}
		idle.Reset(idleMax)
		again = nil
		if !k.look() {
			again = time.After(checkpointAgain)
		}
		select {
		case <-k.stop:
			ended = true
			return
		case <-time.After(checkpointEvery):
		}
	}
}

// look checkpoints if there is enough to copy. done reports whether the next look may wait for the
// next commit.
func (k *checkpointer) look() (done bool) {
	large := k.large()
	if waiting, known := k.waiting(); known && waiting < checkpointPages && !large {
		return k.note(walState{logged: int64(waiting)})
	}
	state, err := k.copy("PASSIVE") // pages that a reader still needs in their old form are copied by the next one
	if err != nil {
		return false
	}
	if large = k.large(); large || state.logged >= checkpointPagesMax {
		if now, err := k.finish(large); err == nil {
			state = now
		}
	}
	return k.note(state)
}

func (k *checkpointer) copy(mode string) (state walState, err error) {
	err = k.conn.with(func(c *conn) (err error) {
		if err = k.backend.intact(); err != nil {
			return err
		}
		state, err = k.pages(c, mode)
		_ = k.backend.intact() // leaves a trace of it, see replaced_files.go
		return err
	})
	return state, err
}

// large reports whether the log should be cut once everything in it is copied.
func (k *checkpointer) large() bool { return k.backend.logFileBytes() > logFileMax }

// finish copies the rest while nobody writes, so that the next writer starts the log again. With
// cut it also cuts the log.
func (k *checkpointer) finish(cut bool) (state walState, err error) {
	b := k.backend
	b.writing.Lock()
	defer b.writing.Unlock()
	waiting, cancel := context.WithTimeout(context.Background(), checkpointWait)
	defer cancel()
	if b.guard.ReadOnly() {
		return state, factstr.CodeReadOnly
	}
	if err := b.turnstile.Enter(waiting); err != nil {
		return state, err
	}
	defer func() { _ = b.turnstile.Leave() }()
	if state, err = k.copy("PASSIVE"); err == nil && cut && state.logged == state.copied {
		// Any reader in the log prevents this, even one that needs nothing of it. Then it is tried
		// again.
		_, _ = k.copy("TRUNCATE")
	}
	return state, err
}

// note logs that pages cannot be copied, and later that they were.
func (k *checkpointer) note(state walState) (done bool) {
	b := k.backend
	if behind := state.logged - state.copied; behind >= starvedPages {
		k.starved.Shows(b.observer, factstr.LogCheckpointStarved,
			fmt.Sprintf("SQLite's log file holds %d MiB that cannot be copied into the database: a reader or writer of %s has been at it for long", behind*pageBytes>>20, b.path),
			"log_file_bytes", state.logged*pageBytes)
	} else if !k.large() {
		k.starved.Over(b.observer, factstr.LogCheckpointCaughtUp, "SQLite's log file was copied into the database",
			"log_file_bytes", b.logFileBytes())
		k.tries = 0
		return true
	}
	if k.tries++; k.tries%checkpointRenew == 0 {
		b.writing.Lock()
		defer b.writing.Unlock()
		b.renew()
	}
	return false
}

// walState is the result of a checkpoint: how many pages are in the log, and how many of those are
// in the database.
type walState struct{ logged, copied int64 }

func checkpoint(c *conn, mode string) (state walState, err error) {
	err = c.each("PRAGMA wal_checkpoint("+mode+")", func(row []any) bool {
		state.logged, _ = row[1].(int64)
		state.copied, _ = row[2].(int64)
		return false
	})
	return state, err
}
