package postgres

import (
	"context"
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// settle finds out what became of a commit whose answer was lost. The transaction's own number does
// not tell: after a crash the server gives it to another one. What tells is the row, once the
// backend that may still be writing it is gone.
func (b *backend) settle(ctx context.Context, a *attempt, cause error) error {
	first := cause
	b.dropWriter()
	begun := time.Now()
	b.observer.Tell(factstr.LogCommitInDoubt, fmt.Sprintf("the connection was lost during a commit, and what became of it is being found out: %v", failure("append", cause)), "error", failure("append", cause).Error())
	ctx, cancel := context.WithTimeout(ctx, b.options.ResponseTimeout)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		settled, err := b.look(ctx, a)
		if settled {
			b.observer.Tell(factstr.LogCommitSettled, fmt.Sprintf("what became of a commit was found out: committed = %t", a.written), "committed", a.written, "duration_ms", time.Since(begun).Milliseconds())
			return nil
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
		return factstr.NewError(factstr.CodeCommitUnknown, "postgres: %s, and what became of it could not be found out: %w", what, failure("append", cause))
	}
}

var waitForStandbys = spelled("SELECT pg_catalog.pg_logical_emit_message(true, 'factstr', '') WHERE pg_catalog.current_setting('synchronous_standby_names') {<>} ''")

// look is one try of settle.
func (b *backend) look(ctx context.Context, a *attempt) (settled bool, err error) {
	s, err := connect(ctx, b.toServer(), false)
	if err != nil {
		return false, err
	}
	attempt, cancel := context.WithTimeout(ctx, b.options.ConnectTimeout)
	defer cancel()
	defer func() {
		if settled && !b.pooled {
			b.write(s)
		} else {
			s.drop()
		}
	}()
	if s.server.inRecovery {
		return false, factstr.NewError(factstr.CodeReadOnly, "postgres: the server is a standby")
	}
	if gone, err := a.gone(attempt, s); err != nil || !gone {
		return false, err
	}
	first := &a.proposal.Records[0]
	// A row keeps the lower half of the number of its transaction.
	const lowerHalf = 1<<32 - 1
	guarded := *s
	guarded.guarded = true
	number, found, err := guarded.one(attempt, b.statements.settle, int64(a.proposal.Head.SequenceNumber), microsOf(first.OccurredAt), first.EventType, []byte(first.Payload), int64(a.xid&lowerHalf))
	if err != nil {
		return false, err
	}
	if found {
		// It can be read, but what its commit was to wait for, such as a standby, may be missing.
		// That has come when it has come for a later transaction.
		if err := s.run(attempt, waitForStandbys); err != nil {
			return false, err
		}
		a.written, a.after = true, uint64(number)-1
	}
	return true, nil
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
			return false, factstr.BackendFailure(factstr.ReasonConnection, "postgres: the pooler lost the transaction before its number was known")
		}
		running, values = "pid {=} $1 AND backend_xid::pg_catalog.text::BIGINT {=} $2", []any{a.pid, int64(uint32(a.xid))}
	}
	if err := s.asLogin(ctx, spelled("SELECT pg_catalog.pg_terminate_backend(pid, 2000) FROM pg_catalog.pg_stat_activity WHERE "+running), all(func([][]byte) {}), values...); err != nil {
		return false, err
	}
	err = s.asLogin(ctx, spelled("SELECT NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity WHERE "+running+")"), func(row [][]byte) bool {
		gone = boolOf(row[0])
		return false
	}, values...)
	return gone, err
}
