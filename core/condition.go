package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// condition is what a conditional append expects of its context.
//
// It is checked in two steps. Before the request queues, the caller's goroutine looks ahead: it
// finds the context's version in the log as it is known, which may take long. The result stays true
// up to that head, since facts never change. While other writers are kept out, only newer facts are
// left to check, and those are in the tail. A change of the epoch makes the first step worthless,
// see knownLog.
type condition struct {
	plan     *Plan
	expected *uint64
	// The result of looking ahead: version is the context's version at upTo, in that epoch.
	checked bool
	epoch   uint64
	upTo    uint64
	version uint64
}

// lookAheadInTail looks ahead in the facts that are in memory. It reports false if older facts must
// be read, or if the work has ended.
func (s *Store) lookAheadInTail(c *condition, work *match.Work) (done bool) {
	known := s.log.current()
	if c.plan.Nothing() || c.plan.Everything() {
		return true
	}
	version := known.latestMatch(c.plan, 0, known.head.SequenceNumber, work)
	if version == 0 && (known.floor() > 0 || work.Ended()) {
		return false
	}
	c.note(&known, version)
	return true
}

// lookAhead also reads facts that the tail does not hold, for as long as it takes. It runs outside
// the queue, so a long read delays nobody else.
func (s *Store) lookAhead(ctx context.Context, c *condition) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := s.bound(ctx)
	defer stop()
	known, work := s.log.current(), workUntil(ctx)
	// What an earlier look found up to its head need not be read again.
	var floor, before uint64
	if c.checked && c.epoch == known.epoch && c.upTo <= known.head.SequenceNumber {
		floor, before = c.upTo, c.version
	}
	version, err := latestMatch(ctx, &known, s.backend, c.plan, floor, known.head.SequenceNumber, &work)
	if err != nil {
		if ctx.Err() != nil {
			return s.interruptedRead(ctx)
		}
		return err
	}
	c.note(&known, max(version, before))
	return nil
}

// note keeps the result of looking ahead.
func (c *condition) note(known *tail, version uint64) {
	c.checked, c.epoch, c.upTo, c.version = true, known.epoch, known.head.SequenceNumber, version
}

// lookAheadGuarded is lookAhead on a goroutine of the store's own: it returns a panic as an error.
func (s *Store) lookAheadGuarded(ctx context.Context, c *condition) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = s.panicked(TaskCondition, reason)
		}
	}()
	return s.lookAhead(ctx, c)
}

// check sets the request's conflict if its condition does not hold: first against the facts that
// the group has accepted, then against those of the log that are newer than what was looked at
// ahead. It returns an error if that takes more than the work may cost.
func (g *Group) check(ctx context.Context, known *tail, reader Reader, request *appendRequest, work *match.Work) error {
	c := request.condition
	if version := g.newest(c.plan, work); version > 0 {
		if c.expected == nil || *c.expected != version {
			request.err, request.onGroup = conflictError(c.expected, Version(version)), true
		} else {
			g.fixed = true
		}
		return nil
	}
	if err := givenUp(ctx, work); err != nil {
		return err
	}
	// Up to floor the version is known from looking ahead.
	var floor, version uint64
	if c.checked && c.epoch == known.epoch && c.upTo <= known.head.SequenceNumber {
		floor, version = c.upTo, c.version
	}
	newest, err := latestMatch(ctx, known, reader, c.plan, floor, known.head.SequenceNumber, work)
	if err != nil {
		return err
	}
	if newest > 0 {
		version = newest
	}
	if c.expected == nil && version == 0 || c.expected != nil && version == *c.expected && version > 0 {
		return nil
	}
	var actual *uint64
	if version > 0 {
		actual = Version(version)
	}
	request.err = conflictError(c.expected, actual)
	return nil
}
