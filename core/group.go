package factstr

import (
	"context"
	"errors"

	"github.com/factstr/factstr-go/core/internal/match"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// Group is a set of appends that a backend commits in one transaction. The backend calls the group,
// not the other way round, because only the backend knows when other writers are kept out.
//
// # Under a lock
//
// Decide is the plain way: the backend keeps other writers out, finds the head, and Decide
// evaluates the conditions on exactly that log and numbers the facts behind that head. A condition
// expects its context (the facts that a query matches) to have a version: the number of the newest
// matching fact. If the context has another version, the append conflicts.
//
// # Decided ahead
//
// A backend whose lock would have to span a round trip to a server calls Propose instead. Propose
// decides on the log as this store knows it. The server's log may be longer by then, so the server
// compares, and writes in the same transaction, under its lock: nothing comes in between. There are
// three outcomes.
//
//   - The server's head is the proposal's. The facts are written with the numbers proposed.
//   - The server's log is longer, the proposal is Movable, and none of the new facts matches one
//     of the Conditions. The facts are written behind the new ones: the group is moved. The backend
//     calls Follow with the number of the last fact of others, which is the one right before the
//     group's first. Example: proposed as 11 and 12 behind head 10; others had written 11 to 13; the
//     group is written as 14 and 15, and Follow(13) adds 3 to each number.
//   - Anything else: nothing is written, and the backend calls Propose again, after the store has
//     learned the new facts.
//
// The third outcome has these causes: a new fact matches a condition, or the server's comparison,
// which may be wider than the matcher's but never narrower, takes it for one; the proposal is not
// Movable; the log does not hold the proposal's head any more; or there are more new facts or
// conditions than the server checks (in PostgreSQL 10,000 facts, 4 MiB, and 1,000 pairs of type and
// predicate). After proposalsMax tries PostgreSQL takes its lock, where nobody outruns the group.
// There it calls Propose, too, with refresh: the proposal keeps what identifies the group if the
// answer gets lost.
//
// # Why a moved group is right
//
// An accepted append depends on the log in two ways: by its numbers, which Follow raises, and by
// its condition, which the server has checked against the new facts. Conditions holds only those of
// accepted appends. Three kinds of appends need more:
//
//   - Accepted because of a fact of the same group. The group holds append A, which makes fact 11,
//     and append B, which expects version 11 of its context. If A's fact becomes 14, B's
//     expectation was wrong. So the proposal is not Movable (Group.fixed).
//   - Accepted with a condition that every fact matches. Any new fact is a conflict, so the
//     proposal is not Movable.
//   - Refused with a conflict. A new fact may have given its context the version that it expects.
//     So Follow marks it (appendRequest.again), and runGroup decides it in another group. This
//     ends: a group moves only if it has accepted appends, and these do not come again.
//
// If all appends of a proposal conflict, there is nothing to write and the server is not asked.
// Such conflicts count only if the log was read during the call (refresh): it is then at least as
// new as the appends. If it was not, the backend proposes again with refresh.
//
// A fact keeps the time of the decision when it is moved, so times may run against numbers. They do
// so anyway between processes; numbers are the order. The facts in between reach this store by
// Learn, if the server returned them, or by the next refresh.
//
// Rejected: holding the lock over round trips for every group (measured: a quarter slower, with
// four processes half as fast); a transaction object that core drives (one shape for all backends);
// conditions in SQL alone (a second matcher, which would disagree with the first one); moving
// conflicts as they are (a conflict must hold on a log that is at least as new as the call). See
// core/DESIGN.md, "the backend calls the group" and "PostgreSQL decides ahead".
type Group struct {
	store      *Store
	requests   []*appendRequest
	head       Head // the head that write follows
	write      Write
	facts      [][]terms.Term // of write.Records
	accepted   indexedFacts   // write.Records; those that a condition was checked against are indexed
	indexed    int            // how many of them are
	fixed      bool           // an append was accepted because of a fact of the same group
	proposed   bool           // decided on the known head, without asking the backend
	committing bool           // EnterCommit was called: from here on the outcome may be unknown
	atOnce     bool           // committed by CommitAtOnce: Decide reads nothing but the tail
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
	if g.atOnce {
		known := g.store.log.current()
		if known.head != head {
			return Write{}, ErrWouldWait // others have appended, and that must be read first
		}
		err := g.decide(ctx, &known, tailOnly{})
		if errors.Is(err, errBelowTail) {
			err = ErrWouldWait
		}
		return g.write, err
	}
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
		if !request.accepted {
			continue
		}
		for i := range request.conditions {
			if plan := request.conditions[i].plan; !plan.Nothing() {
				p.Conditions = append(p.Conditions, plan)
				p.Movable = p.Movable && !plan.Everything()
			}
		}
	}
	return p, nil
}

// Learn gives the store facts of others that the backend has read. They directly follow the fact
// with the number after.
func (g *Group) Learn(after uint64, records []EventRecord, boundaries []Boundary) {
	if len(records) > 0 {
		g.store.log.publish(after, records, boundaries, nil)
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
func (g *Group) decide(ctx context.Context, known *tail, reader scanner) error {
	g.head, g.fixed, g.committing = known.head, false, false
	g.write = Write{Records: make([]EventRecord, 0, g.eventCount())}
	g.facts, g.accepted, g.indexed = make([][]terms.Term, 0, cap(g.write.Records)), indexedFacts{}, 0
	left := groupWork
	for _, request := range g.requests {
		request.result, request.err, request.accepted, request.onGroup, request.again, request.aside = AppendResult{}, nil, false, false, false, false
		if len(request.conditions) > 0 {
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

// newest returns the number of the newest accepted fact that matches, 0 if there is none. Facts are
// indexed only when there are enough of them for a condition to gain by it.
func (g *Group) newest(plan *Plan, work *match.Work) uint64 {
	records := g.write.Records
	if g.accepted.records = records; len(records) == 0 {
		return 0
	}
	if len(records) > groupWalkMax {
		for ; g.indexed < len(records); g.indexed++ {
			g.accepted.index(&records[g.indexed], g.facts[g.indexed])
		}
	}
	return g.accepted.latestMatch(plan, g.head.SequenceNumber, records[len(records)-1].SequenceNumber, work)
}

// groupWalkMax is how many facts of a group are walked over rather than indexed.
const groupWalkMax = 4

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
	if request.facts == nil {
		request.facts = make([][]terms.Term, count) // read when somebody asks for them
	}
	g.facts = append(g.facts, request.facts...)
	if count > 1 {
		g.write.Boundaries = append(g.write.Boundaries, Boundary{First: last + 1, Last: last + count})
	}
	request.accepted = true
	request.result = AppendResult{FirstSequenceNumber: last + 1, LastSequenceNumber: last + count,
		CommittedCount: count}
}
