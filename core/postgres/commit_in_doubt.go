package postgres

import (
	"context"
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// A commit in doubt
//
// The commit was sent and its answer did not come: the connection broke, a proxy or pooler gave up,
// or the server needed longer than the response timeout. The group may be in the log or not, and
// neither "failed" nor another try would be right without knowing (G5: an error other than
// CommitUnknown means that nothing was written). resolve finds out which. A statement before the
// commit that was too slow takes the same way, so that its transaction is over for certain.
//
//  1. It connects anew, past a pooler, to whatever is the primary now.
//  2. It makes sure that the transaction is over. The backend that ran it is looked for by process
//     number and start time and ended. If the server was restarted, or another one was promoted, no
//     backend of that time can commit to this log. Without this step the row could appear after we
//     had looked. Behind a pooler the backend may serve somebody else by now, so the transaction's
//     number is looked for, which is why it is fetched before the commit is sent.
//  3. It looks for the first fact of the group: a number above the proposal's head, with the same
//     time, type and payload, written by the transaction (xmin, if its number is known). Rows
//     become visible at commit, so it is there, with all the others, or none of them is.
//  4. If it is there, the group was committed. But a commit can be visible before the synchronous
//     standbys have it, if the wait for them was what was interrupted. A later transaction that
//     writes waits for the same standbys, so if the server has any, one is committed before the
//     group is acknowledged. If it is not there, the group was certainly not committed. It is then
//     decided and tried again, at most lostMax times, or fails with Timeout if the server was only
//     slow and would need as long again (lose in commit.go).
//
// "Above the proposal's head" and not "right behind it", since the function may have moved the
// group behind facts of others. Without the transaction's number, as when the whole call was lost
// on its way, a fact of somebody else would have to be the same in type, payload and microsecond.
//
// Steps that fail are repeated, with pauses, until the response timeout, counted anew from here.
// Then the answer is CommitUnknown, and the caller has to look.
//
// Certain before any of this, and answered without it: a connection that was lost before the commit
// was sent, and a server that says that it shuts down before the function returned (without a
// pooler, which may say so of itself).
//
// Rejected: pg_xact_status (after a crash the server may give the number to another transaction,
// and a promoted standby may never have seen it); txid snapshots (the same); a table of request
// numbers (a row more for each group, to be cleaned up, and the Rust store's log would have a table
// more that matters); trying again blindly with the primary key as the fence (the first try may
// come later, and with another's facts in between both would be written). See also core/DESIGN.md,
// "a lost commit is settled by the row and its transaction's number" and "slow is not lost".

// resolve finds out the outcome of a commit in doubt. It returns an error, CommitUnknown, if it
// cannot do so in time.
func (b *backend) resolve(ctx context.Context, a *attempt, cause error) (committed bool, err error) {
	first := cause
	b.dropWriter()
	begun := time.Now()
	lost := failure("append", cause)
	b.observer.Tell(factstr.LogCommitInDoubt,
		fmt.Sprintf("the connection was lost during a commit, whose outcome is being found out: %v", lost),
		"error", lost.Error())
	ctx, cancel := context.WithTimeout(ctx, b.options.ResponseTimeout)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		resolved, committed, err := b.look(ctx, a)
		if resolved {
			b.observer.Tell(factstr.LogCommitSettled,
				fmt.Sprintf("the outcome of a commit in doubt was found out: committed = %t", committed),
				"committed", committed, "duration_ms", time.Since(begun).Milliseconds())
			return committed, nil
		}
		if err != nil && ctx.Err() == nil {
			cause = err
		}
		select {
		case <-time.After(pause):
			continue
		case <-ctx.Done():
		}
		what := "the connection was lost during the commit"
		if isOverdue(first) {
			what = first.Error() + " for the commit"
		}
		return false, factstr.NewError(factstr.CodeCommitUnknown,
			"postgres: %s, and its outcome could not be found out: %w", what, failure("append", cause))
	}
}

// waitForStandbys writes something, so that its commit waits for the synchronous standbys.
var waitForStandbys = spelled("SELECT pg_catalog.pg_logical_emit_message(true, 'factstr', '') WHERE pg_catalog.current_setting('synchronous_standby_names') {<>} ''")

// look is one try of resolve. Only if it is resolved, committed means something.
func (b *backend) look(ctx context.Context, a *attempt) (resolved, committed bool, err error) {
	s, err := connect(ctx, b.toServer(), false)
	if err != nil {
		return false, false, err
	}
	attempt, cancel := context.WithTimeout(ctx, b.options.ConnectTimeout)
	defer cancel()
	defer func() {
		if resolved && !b.pooled {
			b.write(s)
		} else {
			s.drop()
		}
	}()
	if s.server.inRecovery {
		return false, false, factstr.NewError(factstr.CodeReadOnly, "postgres: the server is a standby")
	}
	if gone, err := a.gone(attempt, s); err != nil || !gone {
		return false, false, err
	}
	first := &a.proposal.Records[0]
	// A row keeps the lower half of the number of its transaction.
	const lowerHalf = 1<<32 - 1
	guarded := *s
	guarded.guarded = true
	number, found, err := guarded.one(attempt, b.statements.findCommit, int64(a.proposal.Head.SequenceNumber),
		microsOf(first.OccurredAt), first.EventType, []byte(first.Payload), int64(a.xid&lowerHalf))
	if err != nil {
		return false, false, err
	}
	if found {
		if err := s.run(attempt, waitForStandbys); err != nil {
			return false, false, err
		}
		a.after = uint64(number) - 1
	}
	return true, found, nil
}

// gone reports whether the transaction of a lost commit cannot go on. s is a new session on what is
// the primary now.
func (a *attempt) gone(ctx context.Context, s *session) (gone bool, err error) {
	if a.started != s.server.started {
		return true, nil // the server was started since, or another one was promoted
	}
	// Where its start cannot be seen, one with its number may be it.
	running, values := "pid {=} $1 AND (backend_start {=} $2) IS NOT FALSE", []any{a.pid, a.session.server.startedAt}
	if a.session.pooled {
		// The backend may serve somebody else by now, so only the transaction counts.
		if a.xid == 0 {
			return false, factstr.BackendFailure(factstr.ReasonConnection,
				"postgres: the pooler lost the transaction before its number was known")
		}
		running = "pid {=} $1 AND backend_xid::pg_catalog.text::BIGINT {=} $2"
		values = []any{a.pid, int64(uint32(a.xid))}
	}
	from := "FROM pg_catalog.pg_stat_activity WHERE " + running
	end := spelled("SELECT pg_catalog.pg_terminate_backend(pid, 2000) " + from)
	if err := s.asLogin(ctx, end, all(func([][]byte) {}), values...); err != nil {
		return false, err
	}
	err = s.asLogin(ctx, spelled("SELECT NOT EXISTS (SELECT 1 "+from+")"), func(row [][]byte) bool {
		gone = boolOf(row[0])
		return false
	}, values...)
	return gone, err
}
