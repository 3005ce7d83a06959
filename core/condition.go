package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// condition is what an appendRequest expects of its context.
type condition struct {
	plan     *Plan
	expected *uint64
	// What the caller's goroutine found out before queueing: version is the context version at upTo
	// in that epoch of the log. Facts never change, so only newer ones are left to check while
	// other writers are kept out.
	checked bool
	epoch   uint64
	upTo    uint64
	version uint64
}

// lookAheadInTail finds the context's version before the request queues, in the facts that are in
// memory: only newer ones are left to check while other writers are kept out. It returns false if
// older facts must be read for that, or if the work has ended.
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

// lookAhead does the same with facts that the tail does not hold and for as long as it takes, so
// that a long read holds up nobody else.
func (s *Store) lookAhead(ctx context.Context, c *condition) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := s.bound(ctx)
	defer stop()
	known, work := s.log.current(), workUntil(ctx)
	// Of what was looked at before, only the result is needed.
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

func (c *condition) note(known *tail, version uint64) {
	c.checked, c.epoch, c.upTo, c.version = true, known.epoch, known.head.SequenceNumber, version
}

func (s *Store) lookAheadGuarded(ctx context.Context, c *condition) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = s.panicked(TaskCondition, reason)
		}
	}()
	return s.lookAhead(ctx, c)
}

// check puts the conflict into the request if its condition does not hold. It fails if that takes
// more than the work may cost.
func (g *Group) check(ctx context.Context, known *tail, reader Reader, request *appendRequest, work *match.Work) error {
	c := request.condition
	for i := len(g.write.Records) - 1; i >= 0 && !work.Ended(); i-- {
		if record := &g.write.Records[i]; c.plan.matches(record, work) {
			if c.expected == nil || *c.expected != record.SequenceNumber {
				request.err, request.onGroup = conflictError(c.expected, Version(record.SequenceNumber)), true
			} else {
				g.fixed = true
			}
			return nil
		}
	}
	if err := givenUp(ctx, work); err != nil {
		return err
	}
	// Above what was looked at ahead; below that the version is known.
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
