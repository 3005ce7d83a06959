package postgres

import (
	"context"
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// commitUnderLock decides and writes the group in one transaction that holds the lock over several
// round trips: for a role that may not call the function, and for a group that others outran again
// and again.
func (b *backend) commitUnderLock(
	ctx context.Context, group *factstr.Group, a *attempt, deadline time.Time,
) (o outcome, err error) {
	s, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	*a = attempt{session: s, pid: s.server.pid, started: s.server.started}
	ctx, cancel := context.WithTimeout(ctx, b.options.LockTimeout+b.options.ResponseTimeout)
	defer cancel()
	defer func() { err = late(ctx, err, b.options.ResponseTimeout) }()
	err = s.script(ctx, b.beginLocked(deadline))
	if err == nil {
		o, err = b.decideUnderLock(ctx, s, group, a)
	}
	if o != outcomeCommitted && s.alive() {
		if undo := s.script(context.WithoutCancel(ctx), rollbackTransaction); undo != nil {
			b.dropWriter()
		}
	}
	return o, err
}

// decideUnderLock does the work of commitUnderLock between BEGIN and COMMIT, and commits.
func (b *backend) decideUnderLock(
	ctx context.Context, s *session, group *factstr.Group, a *attempt,
) (o outcome, err error) {
	watched, err := b.lookAtTables(ctx, s)
	if err != nil {
		return 0, err
	}
	locked := reader{sessions: oneSession{s}, statements: b.statements, silence: b.options.ResponseTimeout}
	if a.proposal, err = group.Propose(ctx, locked, true); err != nil {
		return 0, err
	}
	if len(a.proposal.Records) == 0 {
		return outcomeNothingToWrite, nil
	}
	err = s.rows(ctx, whoAmI, func(row [][]byte) bool {
		a.identify(row)
		return true
	})
	if err != nil {
		return 0, err
	}
	after, payload := int64(a.proposal.Head.SequenceNumber), payloadOf(a.proposal)
	err = insertAll(ctx, s, "events", b.statements.insertEvents, len(payload.types),
		after, payload.times, payload.types, payload.texts)
	if err != nil {
		return 0, err
	}
	if len(payload.firsts) > 0 {
		err := insertAll(ctx, s, "append_batches", b.statements.insertBatches, len(payload.firsts),
			after, payload.firsts, payload.lasts)
		if err != nil {
			return 0, err
		}
	}
	if watched {
		if err := b.wantKept(ctx, s, after, payload); err != nil {
			return 0, err
		}
	}
	group.EnterCommit()
	a.sent = true
	if err := s.script(ctx, commitTransaction); err != nil {
		return 0, err
	}
	a.after = uint64(after)
	return outcomeCommitted, nil
}

// lookAtTables refuses tables whose rows may be hidden from the role, and reports whether triggers
// or rules may change what is inserted. Both stay as they are until the transaction ends, since
// changing them takes locks that conflict with its own.
func (b *backend) lookAtTables(ctx context.Context, s *session) (watched bool, err error) {
	hides := false
	err = s.rows(ctx, b.statements.inspectTables, func(row [][]byte) bool {
		hides, watched = boolOf(row[0]), boolOf(row[1])
		return false
	})
	if err == nil && hides {
		err = hidden("append")
	}
	return watched, err
}

// insertAll inserts rows and fails if the server inserted another number of them.
func insertAll(ctx context.Context, s *session, table, text string, rows int, values ...any) error {
	inserted, err := s.execute(ctx, text, all(func([][]byte) {}), values...)
	if err == nil && inserted != int64(rows) {
		err = swallowed("append", fmt.Sprintf("of %d rows for table %s %d were inserted", rows, table, inserted))
	}
	return err
}

// wantKept fails if the tables do not hold what was inserted.
func (b *backend) wantKept(ctx context.Context, s *session, after int64, payload columns) error {
	if err := s.script(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return err
	}
	same, err := s.yes(ctx, b.statements.areKept, after, payload.times, payload.types, payload.texts,
		payload.firsts, payload.lasts)
	if err == nil && !same {
		err = swallowed("append", "the rows in events or append_batches are not those that were inserted")
	}
	return err
}
