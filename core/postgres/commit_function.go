package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// propose commits the proposal by the append function. The identity of the transaction comes ahead
// of the call in the same round trip.
func (b *backend) propose(
	ctx context.Context, group *factstr.Group, p factstr.Proposal, a *attempt, deadline time.Time,
) (o outcome, err error) {
	s, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	*a = attempt{proposal: p, session: s, pid: s.server.pid, started: s.server.started}
	types, predicates, movable := conditionsOf(p)
	payload := payloadOf(p)
	values := []any{
		b.schema, lockKey("append", b.schema, ""), lockTimeout(deadline),
		int64(p.Head.SequenceNumber), headTime(p.Head), movable,
		types, predicates, payload.times, payload.types, payload.texts, payload.firsts, payload.lasts, b.functionNumber,
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.LockTimeout+b.options.ResponseTimeout)
	defer cancel()
	defer func() { err = late(ctx, err, b.options.ResponseTimeout) }()
	pipeline, err := s.sendProposal(ctx, b.statements.callAppend, values, a, group.EnterCommit)
	if err != nil {
		return 0, err
	}
	learnt := appendAnswer{after: p.Head.SequenceNumber}
	carriedOut, err := a.read(pipeline, s.pooled, &learnt)
	if closing := pipeline.Close(); err == nil {
		err = closing
	}
	if err != nil {
		// A server that shuts down says so. It does not commit a call that it had not carried out
		// by then.
		if !carriedOut && !s.pooled && shutDown(err) {
			a.sent = false
		}
		return 0, err
	}
	a.after = learnt.head
	if learnt.complete() {
		a.learnt = true
		group.Learn(learnt.after, learnt.records, learnt.boundaries)
	}
	if !learnt.good {
		return outcomeStale, nil
	}
	return outcomeCommitted, nil
}

// sendProposal sends the call of the append function behind the question for the transaction's
// identity. It calls enter before anything is sent that can commit.
func (s *session) sendProposal(
	ctx context.Context, call string, values []any, a *attempt, enter func(),
) (*pgconn.Pipeline, error) {
	appendName, err := s.prepare(ctx, call, argumentsOf(values).types)
	if err != nil {
		return nil, err
	}
	whoName, err := s.prepare(ctx, whoAmI, nil)
	if err != nil {
		return nil, err
	}
	if !s.pooled {
		enter()
		a.sent = true
	}
	pipeline := s.conn.StartPipeline(ctx)
	if s.pooled {
		s.send(pipeline, "", readCommitted)
	}
	s.send(pipeline, whoName, whoAmI)
	pipeline.SendFlushRequest() // the identity must arrive before the outcome can get lost
	if s.pooled {
		// Behind a pooler the number is the only trace of a transaction, so it is awaited first.
		if err := a.begun(pipeline); err != nil {
			if s.alive() {
				_ = pipeline.Sync()
			}
			_ = pipeline.Close()
			return nil, err
		}
		enter()
		a.sent = true
	}
	s.send(pipeline, appendName, call, values...)
	if err := pipeline.Sync(); err != nil {
		_ = pipeline.Close()
		return nil, err
	}
	return pipeline, nil
}

// begun waits for the identity of a transaction behind a pooler.
func (a *attempt) begun(pipeline *pgconn.Pipeline) error {
	err := pipeline.Flush()
	for _, visit := range []func([][]byte){func([][]byte) {}, a.identify} {
		if err == nil {
			_, err = nextResult(pipeline, all(visit))
		}
	}
	return err
}

// read reads the pipeline's results: the transaction's identity, the function's rows, and the end
// of the transaction. carriedOut means that the function returned, so that only the commit was
// left.
func (a *attempt) read(pipeline *pgconn.Pipeline, begun bool, learnt *appendAnswer) (carriedOut bool, err error) {
	if !begun {
		if _, err := nextResult(pipeline, all(a.identify)); err != nil {
			return false, err
		}
	}
	if _, err := nextResult(pipeline, all(learnt.row)); err != nil {
		return false, err
	}
	if !learnt.answered {
		return false, errNoFunction
	}
	_, err = pipeline.GetResults() // the end of the transaction
	return true, err
}

// identify takes the row of whoAmI.
func (a *attempt) identify(row [][]byte) {
	a.xid, a.pid, a.started = uint64(int64Of(row[0])), int64Of(row[1]), timeOf(row[2])
}

// appendAnswer is what the append function returns: a first row with the head and whether it wrote,
// then facts and batches that the caller did not know.
type appendAnswer struct {
	answered   bool
	good       bool   // the group was written
	after      uint64 // the proposal's head
	head       uint64
	records    []factstr.EventRecord
	boundaries []factstr.Boundary
}

func (f *appendAnswer) row(row [][]byte) {
	switch {
	case !f.answered:
		f.answered, f.head, f.good = true, uint64(int64Of(row[0])), int64Of(row[1]) == 1
	case row[3] != nil:
		f.records = append(f.records, recordOf(row[0], row[2], row[3], row[4]))
	default:
		if first, last := int64Of(row[0]), int64Of(row[1]); last >= first {
			f.boundaries = append(f.boundaries, factstr.Boundary{First: uint64(first), Last: uint64(last)})
		}
	}
}

// complete reports whether the records are all facts between the proposal's head and the real one.
func (f *appendAnswer) complete() bool {
	n := len(f.records)
	return n > 0 && f.records[n-1].SequenceNumber == f.head
}
