package postgres

import (
	"context"
	"time"
)

// changesEvery is how often the builder looks for changed rows, at most.
const changesEvery = time.Second

// changes is how many rows of events were updated or deleted since the server began to count. The
// store never does that. The server's counts lag by a second, and longer in a busy session.
//
// A standby does not count what it gets from its primary. An index that was in use on one is built
// anew from time to time, also after a promotion, so that what somebody has changed by hand is
// missed for some minutes, and not for as long as the store is open.
type changes struct {
	count     int64
	uncounted bool // a server was asked that does not count
	looked    time.Time
}

// renewTime is how old an index becomes on a server that does not count: building it again takes no
// more than a hundredth of the time.
func (x *indexBuilder) renewTime() time.Duration { return max(x.index.sizes.renewMin, 100*x.spent) }

// lookForChanges begins anew if rows that are indexed were changed by hand, or may have been. A
// server that crashed counts from 0 again, which is a change only to a log in which rows were
// changed before.
func (x *indexBuilder) lookForChanges() error {
	if time.Since(x.changes.looked) < changesEvery {
		return nil
	}
	var now changes
	err := x.backend.withRetry(x.ctx, func(ctx context.Context, s *session) error {
		count, counted, err := s.one(ctx, x.backend.statements.rowChanges)
		now = changes{count, !counted, time.Now()}
		return err
	})
	if err != nil {
		return failure("indexing", err)
	}
	before := x.changes
	x.changes = now
	x.index.looked.Store(now.looked.UnixNano())
	changed := now.count != before.count && !now.uncounted && !before.uncounted
	x.changes.uncounted = now.uncounted || before.uncounted
	if x.last.number > 0 && (changed || x.changes.uncounted && time.Since(x.begun) > x.renewTime()) {
		x.forget()
		x.changes.uncounted = now.uncounted
	}
	return nil
}
