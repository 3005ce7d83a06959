package sqlite

import (
	"context"
	"runtime"
	"time"
)

// How commits of other processes are noticed
//
// The watcher learns of other processes' commits by PRAGMA data_version: SQLite changes that number
// on a connection when another connection, of any process, has committed since this one looked
// last. A look reads a few bytes of the shared index and costs a few microseconds, no lock that a
// writer would wait for, and no descriptor beside the connection's own.
//
// Rejected: notifications through a pipe or socket need a place in the file system, rights and
// cleaning up, and a commit of another program would come without one. inotify reports writes to
// the log, most of which are no commits.
//
// Nothing depends on the number alone. A change only makes core read the head; a number that is
// missed is made up by the next one; after an error, and on a fresh connection, whose number is not
// comparable, the watcher reports a change.

// The pause between looks is shorter right after a commit of somebody else, since more may follow.
// After this store's own it is not: a program that appends for itself would wake its watcher 500
// times a second for nothing, which took a fifth of the processor time of its appends.
const (
	watchBusy  = 2 * time.Millisecond
	watchIdle  = 10 * time.Millisecond
	watchLooks = 200 // looks without a change until the pause is the longer one
)

// Watch calls changed after commits of other connections, until ctx ends.
func (b *backend) Watch(ctx context.Context, changed func()) {
	watching := b.keep(b.busyTimeout, "query_only = ON")
	defer watching.close()
	var version any
	pause, quiet, own := watchBusy, 0, ownCommits{}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		var now any
		err := watching.with(func(c *conn) (err error) {
			if err = b.intact(); err != nil {
				return err // in a file that was left behind the number never changes
			}
			if now, err = c.one("PRAGMA data_version"); watching.fresh {
				version, watching.fresh = nil, false // numbers of two connections are not comparable
			}
			return err
		})
		switch {
		case err != nil:
			changed() // core reads the head on another connection, or learns why it cannot
		case now != version:
			version = now
			changed()
			if own.only(b) {
				quiet++
			} else {
				quiet = 0
			}
		default:
			quiet++
		}
		if next := pauseAfter(quiet); next != pause {
			pause = next
			ticker.Reset(pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pauseAfter returns the pause after so many looks that found nothing of others.
func pauseAfter(quiet int) time.Duration {
	if quiet < watchLooks {
		return watchBusy
	}
	return watchIdle
}

// ownCommits tells a store's own commits from those of others, by the number of transactions that
// SQLite counts in the index of the log. Only the pause of the watcher depends on it.
type ownCommits struct{ counted, own uint32 }

// only reports whether all transactions since the last call were the store's own.
func (o *ownCommits) only(b *backend) bool {
	const tries = 3 // SQLite counts a commit some microseconds before transact does
	for range tries {
		own := b.commits.Load()
		state, valid := b.logState()
		if !valid {
			return false
		}
		now := ownCommits{counted: state.header.counter(), own: own}
		if now.counted-o.counted == now.own-o.own {
			*o = now
			return true
		}
		runtime.Gosched()
	}
	state, _ := b.logState()
	*o = ownCommits{counted: state.header.counter(), own: b.commits.Load()}
	return false
}
