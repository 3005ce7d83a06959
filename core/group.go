package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// Group is a set of appends that a backend commits in one transaction. The backend calls the group,
// not the other way round, because only the backend knows when other writers are kept out.
//
// # Under a lock
//
// Decide is the plain way: the backend keeps other writers out, finds the head, and Decide
// evaluates the conditions on exactly that log and numbers the facts behind that head.
//
// # Decided ahead
//
// A backend whose lock would have to span a round trip to a server calls Propose instead. It
// decides on the log as this store knows it, which may have grown at the server. The server then
// compares, in the same step in which it writes. (PostgreSQL also calls Propose under its lock,
// with refresh, since the proposal carries what it checks if the answer gets lost.) The outcomes
// are:
//
//   - The server's head is the proposal's: the write holds as it is.
//   - The server's log is longer, but its new facts change no decision: none of them matches one of
//     the Conditions. If the proposal is Movable, the server writes the group's facts behind the
//     new ones, and the backend calls Follow with the number of the last of them. The group is
//     moved.
//   - Otherwise nothing was written, and the backend proposes again, refreshed. A new fact matches
//     a condition, or may match as far as the server can tell, whose comparison may be wider than
//     the matcher's but never narrower; the proposal is not Movable; the log is another one; or
//     there are more new facts or conditions than the server looks at. PostgreSQL proposes at most
//     proposalsMax times and then takes its lock, so a group is not outrun for ever.
//
// A moved group is correct because an accepted append depends on the log in two ways only: its
// condition, which the server has checked against the new facts, and its numbers, which Follow
// raises. Three kinds of appends need more. An append that was accepted because of a fact of the
// same group expects that fact's number (fixed), and an append whose condition is matched by every
// fact conflicts with any new one: both make the proposal not Movable. An append that conflicted,
// finally, did so on a log that lacked the new facts: one of them may have given its context the
// version that it expects. Follow marks it to be decided again, in another group (again). Times do
// not move: they are those of the decision.
//
// The conflicts of a proposal with a refreshed log stand when nothing is to be written, since that
// log was at least as new as the appends.
type Group struct {
	store      *Store
	requests   []*appendRequest
	head       Head // the head that write follows
	write      Write
	fixed      bool // an append was accepted because of a fact of the same group
	proposed   bool // decided on the known head, without asking the backend
	committing bool // EnterCommit was called: from here on the outcome may be unknown
}

// Write is what a backend writes for a group: consecutive facts right behind the head that Decide
// was given, and the ranges of its batches of two or more facts. The slices are valid until Commit
// returns and must not be changed.
type Write struct {
	Records    []EventRecord
	Boundaries []Boundary
}

// Proposal is a Write that was decided while others may append. It may be carried out right behind
// Head. If it is Movable, it may also be carried out behind newer facts of other writers of which
// none matches one of Conditions; the backend then calls Group.Follow.
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
// refresh, on a log that is at least as new as the call. If a refreshed proposal has nothing to
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

// Learn gives the store facts of others that the backend has read. They directly follow the fact
// with the number after.
func (g *Group) Learn(after uint64, records []EventRecord, boundaries []Boundary) {
	if len(records) > 0 {
		g.store.log.publish(after, records, boundaries)
	}
}

// Follow moves the group's facts behind facts of others, of which last is the last number.
// Conflicts that were found on the shorter log are decided again in another group.
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

// decide numbers the appends that it accepts, on a log that ends at the head of known. Each
// condition may cost conditionWork and all together groupWork, since nobody can append meanwhile,
// see matching_budget.go.
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
				// A condition that costs too much is set aside, so that only its own caller
				// waits for it. If the group's budget ran out first, that was the others' doing.
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

// EnterCommit must be called right before the transaction commits: from here on the outcome may be
// unknown.
func (g *Group) EnterCommit() { g.committing = true }

func (g *Group) eventCount() (count int) {
	for _, request := range g.requests {
		count += len(request.events)
	}
	return count
}

// accept numbers the facts of an append and adds them to the write.
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
	request.result = AppendResult{FirstSequenceNumber: last + 1, LastSequenceNumber: last + count,
		CommittedCount: count}
}
