package postgres

import (
	"context"
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// A commit in doubt
//
// Read commit.go and the comment on factstr.Group first: they explain the function, the proposal,
// and how a group is moved behind facts of others.
//
// A commit is in doubt when it was sent and its answer did not come: the connection broke, a proxy
// or pooler gave up, or the server took longer than the response timeout. The group may be in the
// log. To return an error would be a lie if it is there, since every error but CommitUnknown
// promises that nothing was written (G5). To try again could write it twice. So resolve finds out.
// It also handles a try whose statement before the commit passed the response timeout, such as one
// that waits for a lock: the server still works on it, and its transaction has to be ended.
//
//  1. Connect anew, past a pooler, to whatever is the primary now. A standby does not count.
//  2. Make sure that the transaction is over; otherwise its facts could appear after step 3. The
//     start time of the server is compared with that of the server that ran the transaction. If it
//     differs, the server was restarted or another one was promoted, and nothing that ran before
//     can commit to this log. If it is the same, the server process that ran the transaction is
//     looked up by process id and start time, and ended (pg_terminate_backend waits for up to 2 s);
//     then a second look must not find it.
//  3. Look for the group's first fact in the table: a row above the proposal's head, with the
//     fact's time, type and payload, and with the transaction's id in xmin if the id is known. A
//     transaction becomes visible as a whole, so either all facts of the group are there or none.
//  4. If the fact is there, the group was committed, but perhaps it did not reach the synchronous
//     standbys yet: a broken wait for them leaves the commit visible. So if the server has such
//     standbys, an empty message is written to its write-ahead log (waitForStandbys). Its commit
//     waits for them, and they receive in order, so the group is there when it returns.
//
// After that the group is as good as acknowledged: attempt.after is the number before the fact that
// was found, and Group.Follow raises the numbers that the callers get. A group that was not found
// was certainly not committed. It is tried again, at most lostMax times. If the server was not lost
// but slow, it would need as long again, so the append fails with Timeout instead (commit.lose).
//
// A step that fails is repeated from step 1, with growing pauses, for one more response timeout;
// this includes a lost answer in step 4. Then the callers get CommitUnknown. A caller should query
// for something that only this batch holds, such as an id in a payload, before it appends again.
// The store itself goes on (Recoverer): the next group is checked against the real log anyway.
//
// Meanwhile backend.writing is held, so further appends of this store queue; its reads and streams
// go on. Other stores append, too, but wait for the advisory lock until step 2 if the transaction
// still holds it. A caller that gives up gets CommitUnknown. Close waits until resolve has ended.
//
// # What identifies the transaction
//
// Its id (xid) and its server process come from whoAmI. Without a pooler, whoAmI is sent ahead of
// the function in the same round trip and flushed before the function runs. It can get lost with
// the answer; then the id is unknown, and the process is known from the connecting. Behind a
// pooler, a process serves many clients, so whoAmI is awaited before the commit is sent, and step 2
// looks for a process that runs exactly this id. Should the id be missing all the same, the answer
// is CommitUnknown. The search is "above the head" and not "right behind it", since the function
// may have moved the group.
//
// # What is not covered
//
//   - Without the id, a fact of another store with the same type, payload and microsecond is taken
//     for the group's first. With it, xmin would have to be equal in its 32 bits as well.
//   - Ending a process needs its role or pg_signal_backend. A session of ours has the role of the
//     login that ran the transaction. A pooler may log in with another one: CommitUnknown then.
//   - An old primary that was cut off may still commit to its own log. That log is abandoned; but
//     if clients are led back to it, there are two logs, and only the epoch (known_log.go) shows.
//
// A connection that was lost before the commit was sent is never in doubt. Neither is a server that
// reports its shutdown before the function returned, unless a pooler may have made that report.
//
// Rejected: pg_xact_status (after a crash the server may give the id to another transaction, and a
// promoted standby may never have seen it); snapshots of ids (the same); a table of request ids (a
// row more for each group, and one more table of the Rust store's log that matters); trying again
// with the primary key as the fence (the first try may still be running: the second is written as
// fact 8, and the first, which may move, then follows it as fact 9). See also core/DESIGN.md, "a
// lost commit is settled by the row and its transaction's number" and "slow is not lost".

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
