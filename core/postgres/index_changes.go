package postgres

import (
	"context"
	"time"
)

// changesEvery is how often the builder looks for changed rows, at most.
const changesEvery = time.Second

// changes is how many rows of events were updated or deleted since the server began to count. The
// store never does that. The server's counts lag by a second, and longer in a busy session.
type changes struct {
	count  int64
	looked time.Time
}

// lookForChanges begins anew if rows that are indexed were changed by hand. A server that crashed
// counts from 0 again, which is a change only to a log in which rows were changed before.
func (x *indexBuilder) lookForChanges() error {
	if time.Since(x.changes.looked) < changesEvery {
		return nil
	}
	var count int64
	err := x.backend.withRetry(x.ctx, func(ctx context.Context, s *session) (err error) {
		count, _, err = s.one(ctx, x.backend.statements.rowChanges)
		return err
	})
	if err != nil {
		return failure("indexing", err)
	}
	if count != x.changes.count && x.last.number > 0 {
		x.forget()
	}
	x.changes = changes{count, time.Now()}
	x.index.looked.Store(x.changes.looked.UnixNano())
	return nil
}
