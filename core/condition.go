package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// AppendCondition is one of the conditions of [Store.AppendWhen]: it fails if a fact that the query
// matches has a sequence number above After.
type AppendCondition struct {
	// FailIfEventsMatch describes the context. Its cursor and limit do not narrow it.
	FailIfEventsMatch EventQuery
	// After is usually a number up to which the caller has read. It may lie above the newest match,
	// and above the log's head. With 0 no fact at all may match.
	After uint64
}

// condition is what a conditional append expects of one context: either a version, or that no fact
// above a number belongs to it.
//
// It is checked in two steps. Before the request queues, the caller's goroutine looks ahead: it
// finds the context's version in the log as it is known, which may take long. The result stays true
// up to that head, since facts never change. While other writers are kept out, only newer facts are
// left to check, and those are in the tail. A change of the epoch makes the first step worthless,
// see knownLog.
type condition struct {
	plan     *Plan
	expected *uint64 // of AppendIf
	// of AppendWhen
	bounded bool
	after   uint64
	index   int // in the conditions of its append

	// The result of looking ahead: version is the context's version at upTo, in that epoch. A
	// bounded condition does not look at facts up to after, so 0 stands for any version up to it.
	checked bool
	epoch   uint64
	upTo    uint64
	version uint64
}

// holds reports whether the condition holds if its context has that version; 0 if no fact matches.
func (c *condition) holds(version uint64) bool {
	switch {
	case c.bounded:
		return version <= c.after
	case version == 0:
		return c.expected == nil
	default:
		return c.expected != nil && *c.expected == version
	}
}

// conflict returns the error of a condition that does not hold.
func (c *condition) conflict(version uint64) *Error {
	var actual *uint64
	if version > 0 {
		actual = Version(version)
	}
	if c.bounded {
		return brokenCondition(c.index, c.after, version)
	}
	return conflictError(c.expected, actual)
}

// lookedAt returns up to which fact of the log the condition need not be looked at again, and the
// version that it has there.
func (c *condition) lookedAt(known *tail) (upTo, version uint64) {
	if c.checked && c.epoch == known.epoch && c.upTo <= known.head.SequenceNumber {
		upTo, version = c.upTo, c.version
	}
	return max(upTo, c.after), version
}

// lookAheadInTail looks ahead in the facts that are in memory, for every condition of an append. It
// reports false if older facts must be read, or if the work has ended.
func (s *Store) lookAheadInTail(conditions []condition, work *match.Work) (done bool) {
	if len(conditions) == 0 {
		return true
	}
	known, done := s.log.current(), true
	for i := range conditions {
		c := &conditions[i]
		if c.plan.Nothing() || c.plan.Everything() {
			continue
		}
		version := known.latestMatch(c.plan, c.after, known.head.SequenceNumber, work)
		if version == 0 && (known.floor() > c.after || work.Ended()) {
			done = false
			continue
		}
		c.note(&known, version)
	}
	return done
}

// lookAhead also reads facts that the tail does not hold, for as long as it takes. It runs outside
// the queue, so a long read delays nobody else.
func (s *Store) lookAhead(ctx context.Context, conditions []condition) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := s.bound(ctx)
	defer stop()
	known, work := s.log.current(), workUntil(ctx)
	for i := range conditions {
		c := &conditions[i]
		floor, before := c.lookedAt(&known)
		version, err := latestMatch(ctx, &known, s.backend, c.plan, floor, known.head.SequenceNumber, &work)
		if err != nil {
			if ctx.Err() != nil {
				return s.interruptedRead(ctx)
			}
			return err
		}
		c.note(&known, max(version, before))
	}
	return nil
}

// lookAheadAtOnce is lookAhead for a thread that must not wait for others, as far as a few facts
// tell, see query_at_once.go. It reports false if they do not, and after a panic: lookAhead meets
// its cause again.
func (s *Store) lookAheadAtOnce(conditions []condition) (done bool) {
	defer func() {
		if reason := recover(); reason != nil {
			_ = s.panicked(TaskCondition, reason)
		}
	}()
	known, work := s.log.current(), match.WorkUntil(nil, aheadWork)
	log, _ := s.scannerAtOnce(&known)
	for i := range conditions {
		c := &conditions[i]
		floor, before := c.lookedAt(&known)
		version, err := latestMatch(s.context, &known, log, c.plan, floor, known.head.SequenceNumber, &work)
		if err != nil {
			return false
		}
		c.note(&known, max(version, before))
	}
	return true
}

// note keeps the result of looking ahead.
func (c *condition) note(known *tail, version uint64) {
	c.checked, c.epoch, c.upTo, c.version = true, known.epoch, known.head.SequenceNumber, version
}

// lookAheadGuarded is lookAhead on a goroutine of the store's own: it returns a panic as an error.
func (s *Store) lookAheadGuarded(ctx context.Context, conditions []condition) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = s.panicked(TaskCondition, reason)
		}
	}()
	return s.lookAhead(ctx, conditions)
}

// check sets the request's conflict if one of its conditions does not hold; the first one counts.
// It returns an error if that takes more than the work may cost.
func (g *Group) check(ctx context.Context, known *tail, reader scanner, request *appendRequest,
	work *match.Work) error {
	for i := range request.conditions {
		c := &request.conditions[i]
		version, onGroup, err := g.version(ctx, known, reader, c, work)
		if err != nil {
			return err
		}
		if !c.holds(version) {
			request.err, request.onGroup = c.conflict(version), onGroup
			return nil
		}
		g.fixed = g.fixed || onGroup
	}
	return nil
}

// version returns the version of a condition's context: first from the facts that the group has
// accepted (onGroup), then from those of the log that are newer than what was looked at ahead.
func (g *Group) version(ctx context.Context, known *tail, reader scanner, c *condition,
	work *match.Work) (version uint64, onGroup bool, err error) {
	if version := g.newest(c.plan, work); version > 0 {
		return version, true, nil
	}
	if err := givenUp(ctx, work); err != nil {
		return 0, false, err
	}
	floor, before := c.lookedAt(known)
	version, err = latestMatch(ctx, known, reader, c.plan, floor, known.head.SequenceNumber, work)
	return max(version, before), false, err
}
