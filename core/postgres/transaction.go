package postgres

import (
	"context"
	"strconv"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// commitUnderLock decides and writes the group in one transaction, with the lock held over the round trips in between: for a role that may not create the function, and for
// a group that others outran again and again.
func (b *backend) commitUnderLock(ctx context.Context, group *factstr.Group, a *attempt, deadline time.Time) (err error) {
	s, err := b.begin(ctx)
	if err != nil {
		return err
	}
	*a = attempt{session: s, pid: s.server.pid, started: s.server.started}
	ctx, cancel := context.WithTimeout(ctx, b.options.LockTimeout+b.options.ResponseTimeout)
	defer cancel()
	err = s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = "+strconv.Itoa(idleTransactionMS)+
		"; SET LOCAL enable_seqscan = off; SET LOCAL lock_timeout = '"+lockTimeout(deadline)+
		"'; SELECT set_config('synchronous_commit', 'local', true) WHERE current_setting('synchronous_commit') = 'off'; SELECT pg_advisory_xact_lock("+strconv.FormatInt(lockKey("append", b.schema, ""), 10)+"); LOCK TABLE "+b.texts.schema+".events IN ROW EXCLUSIVE MODE")
	if err == nil {
		err = b.decideUnderLock(ctx, s, group, a)
	}
	if !a.written && s.alive() {
		if undo := s.script(context.WithoutCancel(ctx), "ROLLBACK"); undo != nil {
			b.dropWriter()
		}
	}
	return err
}

func (b *backend) decideUnderLock(ctx context.Context, s *session, group *factstr.Group, a *attempt) (err error) {
	if a.proposal, err = group.Propose(ctx, reader{lends{s}, b.texts, b.options.ResponseTimeout}, true); err != nil {
		return err
	}
	if len(a.proposal.Records) == 0 {
		a.nothing = true
		return nil
	}
	err = s.rows(ctx, whoAmI, func(row [][]byte) bool {
		a.identify(row)
		return true
	})
	if err != nil {
		return err
	}
	after, payload := int64(a.proposal.Head.SequenceNumber), payloadOf(a.proposal)
	if err := s.run(ctx, b.texts.insert, after, payload.times, payload.types, payload.texts); err != nil {
		return err
	}
	if len(payload.firsts) > 0 {
		if err := s.run(ctx, b.texts.batches, after, payload.firsts, payload.lasts); err != nil {
			return err
		}
	}
	group.EnterCommit()
	a.sent = true
	if err := s.script(ctx, "COMMIT"); err != nil {
		return err
	}
	a.written, a.after = true, uint64(after)
	return nil
}
