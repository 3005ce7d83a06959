package factstr

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/factstr/factstr-go/core/internal/commit"
	"github.com/factstr/factstr-go/core/internal/match"
)

// Group is a set of appends that a backend commits in one transaction.
type Group struct {
	store      *Store
	requests   []*appendRequest
	head       Head // that write follows
	write      Write
	fixed      bool // an append was accepted because of another one of the group
	proposed   bool // decided on a head that nobody asked the backend for
	committing bool
}

// Write is what a backend writes for a group: consecutive facts right after the head that Decide
// was given, and the ranges of its batches of two or more. The slices are valid until Commit
// returns and must not be changed.
type Write struct {
	Records    []EventRecord
	Boundaries []Boundary
}

// Proposal is a Write that was decided while others may append. It may be carried out right after
// Head, or behind newer facts of other writers if Movable and none of those facts matches one of
// Conditions; the backend then calls Group.Follow.
type Proposal struct {
	Write
	Head       Head
	Movable    bool
	Conditions []*Plan
}

// Decide evaluates the conditions of the group against the log that ends at head, and numbers the
// facts of the appends that it accepts. reader must see exactly the log up to head, and nobody else
// may append until the transaction ends.
func (g *Group) Decide(ctx context.Context, head Head, reader Reader) (Write, error) {
	known, err := g.store.log.refreshTo(ctx, head, reader)
	if err != nil {
		return Write{}, err
	}
	known.head = head
	g.proposed = false
	err = g.decide(ctx, &known, reader)
	return g.write, err
}

// Propose decides the group without keeping others out: on the log as this store knows it or, with
// refresh, on one that is at least as new as the call. When a refreshed proposal has nothing to
// write, its conflicts stand and the group is done.
func (g *Group) Propose(ctx context.Context, reader Reader, refresh bool) (p Proposal, err error) {
	known := g.store.log.current()
	if refresh {
		if known, err = g.store.log.refresh(ctx, reader); err != nil {
			return p, err
		}
	}
	g.proposed = !refresh
	if err := g.decide(ctx, &known, reader); err != nil {
		return p, err
	}
	p = Proposal{Write: g.write, Head: known.head, Movable: !g.fixed}
	for _, request := range g.requests {
		if request.accepted && request.condition != nil && !request.condition.plan.Nothing() {
			p.Conditions = append(p.Conditions, request.condition.plan)
			p.Movable = p.Movable && !request.condition.plan.Everything()
		}
	}
	return p, nil
}

// Learn tells the store of facts of others that directly follow the fact number after.
func (g *Group) Learn(after uint64, records []EventRecord, boundaries []Boundary) {
	if len(records) > 0 {
		g.store.log.publish(after, records, boundaries)
	}
}

// Follow moves the group's facts behind the fact number last of others, which the log holds beyond
// the proposal's head. Conflicts that were found on the shorter log are looked at again in another
// group.
func (g *Group) Follow(last uint64) {
	moved := last - g.head.SequenceNumber
	if moved == 0 {
		return
	}
	for i := range g.write.Records {
		g.write.Records[i].SequenceNumber += moved
	}
	for i := range g.write.Boundaries {
		g.write.Boundaries[i].First += moved
		g.write.Boundaries[i].Last += moved
	}
	for _, request := range g.requests {
		if request.accepted {
			request.result.FirstSequenceNumber += moved
			request.result.LastSequenceNumber += moved
		} else {
			request.again = request.again || isConflict(request.err)
		}
	}
}

func (g *Group) decide(ctx context.Context, known *tail, reader Reader) error {
	g.head, g.fixed, g.committing = known.head, false, false
	g.write = Write{Records: make([]EventRecord, 0, g.eventCount())}
	left := groupWork
	for _, request := range g.requests {
		request.result, request.err, request.accepted, request.onGroup, request.again, request.aside = AppendResult{}, nil, false, false, false, false
		if request.condition != nil {
			work := match.WorkUntil(ctx.Done(), min(conditionWork, left))
			err := g.check(ctx, known, reader, request, &work)
			if err != nil && !work.Spent() {
				return err
			}
			if err != nil {
				// Whoever asks much waits for it alone. A group that has no time left is no fault
				// of the one who asks.
				request.aside, request.again = left >= conditionWork, left < conditionWork
			}
			left -= min(conditionWork, left) - work.Left()
			if err != nil || request.err != nil {
				continue
			}
		}
		g.accept(request)
	}
	return nil
}

// EnterCommit is called right before the transaction commits: from here on the outcome may be
// unknown.
func (g *Group) EnterCommit() { g.committing = true }

func (g *Group) eventCount() (count int) {
	for _, request := range g.requests {
		count += len(request.events)
	}
	return count
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

func (g *Group) accept(request *appendRequest) {
	last := g.head.SequenceNumber
	if n := len(g.write.Records); n > 0 {
		last = g.write.Records[n-1].SequenceNumber
	}
	count := uint64(len(request.events))
	if count > SequenceMax-last {
		request.err = BackendFailure(ReasonOther, "the log has used up its sequence numbers")
		return
	}
	occurredAt := g.store.clock.next()
	for i, event := range request.events {
		g.write.Records = append(g.write.Records, EventRecord{
			SequenceNumber: last + uint64(i) + 1, OccurredAt: occurredAt, EventType: event.EventType, Payload: event.Payload,
		})
	}
	if count > 1 {
		g.write.Boundaries = append(g.write.Boundaries, Boundary{First: last + 1, Last: last + count})
	}
	request.accepted = true
	request.result = AppendResult{FirstSequenceNumber: last + 1, LastSequenceNumber: last + count, CommittedCount: count}
}

// runGroup commits a group and puts the answers into its requests.
func (s *Store) runGroup(tickets []*commit.Ticket[*appendRequest]) {
	requests := make([]*appendRequest, len(tickets))
	for i, ticket := range tickets {
		requests[i] = ticket.Request
	}
	for len(requests) > 0 {
		s.runRequests(requests)
		requests = slices.DeleteFunc(requests, func(request *appendRequest) bool { return !request.again })
	}
}

func (s *Store) runRequests(requests []*appendRequest) {
	err := s.commitGroup(requests)
	if err == nil || len(requests) == 1 || s.poison.Load() != nil || !mayBeOneRequests(err) {
		return
	}
	s.counters.groupsRetried.Add(1)
	if tell, untold := s.retried.pass(); tell {
		s.tells.Tell(LogGroupRetried, fmt.Sprintf("a group of %d appends failed and is tried again one by one: %v", len(requests), err),
			"appends", len(requests), "code", string(err.Code), "error", err.Error(), "untold", untold)
	}
	// The group was rolled back. One request may be the reason, or the group's size: each gets its
	// own transaction and its own answer.
	for _, request := range requests {
		_ = s.commitGroup([]*appendRequest{request})
	}
}

// mayBeOneRequests reports whether a group's failure may be due to one of its requests. A lock that
// could not be had, a lost connection or a server that may not be written is everybody's.
func mayBeOneRequests(err *Error) bool {
	switch err.Code {
	case CodeBusy, CodeStoreClosed, CodeTimeout, CodeReadOnly:
		return false
	}
	return err.Reason != ReasonConnection && err.Reason != ReasonPermission
}

// commitGroup returns an error if the group failed as a whole with nothing written; the requests
// then hold it as their answer.
func (s *Store) commitGroup(requests []*appendRequest) *Error {
	if poison := s.poison.Load(); poison != nil {
		answerAll(requests, *poison)
		return *poison
	}
	group := &Group{store: s, requests: requests}
	err := s.commitGuarded(group)
	if err == nil {
		if len(group.write.Records) > 0 {
			s.log.publish(group.write.Records[0].SequenceNumber-1, group.write.Records, group.write.Boundaries)
			s.counters.committed(requests)
		}
		return nil
	}
	if group.committing && certainlyNotCommitted(err) == nil {
		s.commitUnknown(group, err)
		return nil
	}
	answer := certainlyNotCommitted(err)
	if answer == nil {
		answer = NewError(CodeInternal, "%s store: %w", s.backend.Kind(), err)
	}
	for _, request := range requests {
		// Conflicts with committed facts stand; they rest on nothing that was undone.
		if request.err == nil || request.onGroup || group.proposed {
			request.result, request.err, request.again, request.aside = AppendResult{}, answer, false, false
		}
	}
	return answer
}

// commitUnknown answers a group whose commit may or may not have happened. Where what was read of
// the log is no longer sure, appends stop until the store is opened again.
func (s *Store) commitUnknown(group *Group, cause error) {
	const unknown = "the commit ended in an unknown state (%w); query for the batch before appending it again"
	if _, goesOn := s.backend.(Recoverer); goesOn {
		s.tells.Tell(LogCommitInDoubt, fmt.Sprintf("a commit ended in an unknown state: %v", cause), "error", cause.Error(), "unresolved", true)
		for _, request := range group.requests {
			if request.accepted {
				request.result, request.err = AppendResult{}, NewError(CodeCommitUnknown, unknown, cause)
			} else {
				request.again = request.again || isConflict(request.err) && (request.onGroup || group.proposed)
			}
		}
		return
	}
	poison := NewError(CodeInvalidState, "an earlier commit ended in an unknown state (%v); close the store and open it again", cause)
	s.poison.CompareAndSwap(nil, &poison)
	s.tells.Tell(LogStorePoisoned, fmt.Sprintf("a commit ended in an unknown state: %v; appends are refused until the store is opened again", cause), "error", cause.Error())
	for _, request := range group.requests {
		switch {
		case request.accepted:
			request.result = AppendResult{}
			request.err = NewError(CodeCommitUnknown, "open the store again: "+unknown, cause)
		case request.onGroup:
			request.err = poison
		}
	}
}

// commitGuarded turns a panic into an error: before EnterCommit nothing was written, after it the
// outcome is unknown.
func (s *Store) commitGuarded(group *Group) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			failure := s.panicked("commit", reason)
			if group.committing {
				failure.Code = CodeCommitUnknown
			}
			err = failure
		}
	}()
	return s.backend.Commit(s.context, group)
}

// certainlyNotCommitted returns the error as one of this package if its code says that nothing was
// committed.
func certainlyNotCommitted(err error) *Error {
	var known *Error
	if errors.As(err, &known) && known.Code != CodeCommitUnknown {
		return known
	}
	return nil
}

func answerAll(requests []*appendRequest, answer *Error) {
	for _, request := range requests {
		request.result, request.err = AppendResult{}, answer
	}
}
