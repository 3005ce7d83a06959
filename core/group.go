package factstr

import (
	"context"

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
