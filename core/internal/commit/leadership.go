package commit

import (
	"runtime"
	"slices"
)

// How leadership passes on
//
// There is at most one leader, exactly while running is true. Only the leader takes a group from
// the line, runs it and names the next leader, so groups never overlap, and run needs no lock for
// what only groups use.
//
// A goroutine becomes the leader in one of three ways:
//
//   - Its ticket finds the queue idle (enter, Submit) and sets running. The ticket of a caller that
//     leads itself is leading at once, so that no Close takes it out of the line before its group.
//     Submit starts a goroutine that leads, and its ticket waits. Until that goroutine has begun,
//     whoever waits for the answer may lead instead (CarryOut): begins is true as long as one of
//     the two may, and who sets it to false leads. A goroutine that comes too late leads for a
//     later ticket that begins, or not at all.
//   - Its ticket is first in line when the leader is done, and handOn sends true to its turn. The
//     ticket is then leading: it is still in line, and its goroutine takes it with the next group.
//   - The first in line was submitted, so no goroutine waits for it: handOn starts one.
//
// A lone ticket of SubmitTogether that finds the queue idle is carried out by the goroutine that
// submits it (leadAtOnce), as long as that only computes and waits for the disk. It is a thread of
// C, with its signals blocked: if the group must wait for anybody else, another goroutine goes on.
//
// A leader cannot leave in the middle of a group. A caller with a ctx that can end therefore starts
// a goroutine that leads, and waits like everybody else; so it can give up at its deadline. A
// caller that gives up while it is leading passes the turn on (giveUp), so leadership never gets
// lost.
//
// # The order of the steps
//
// carryOut runs the group, then wakes its callers, then names the next leader. In the opposite
// order, callers that append in a loop would come back just after the next group was taken, and
// each group would hold about half of them. For the same reason the leader yields a few times in
// between (gather), so that callers that were just woken can queue their next request. It waits for
// nobody: a group is never delayed by more than some microseconds.
//
// Tickets of SubmitTogether are answered at the place where callers are woken, by one call of a
// function that the owner of the queue trusts to be quick: the threads that it wakes are callers as
// well, which come back with their next request.
//
// The done functions of submitted tickets come last, after the next leader was named. They are code
// of the application, and may queue again, close the store, or end their goroutine.
//
// # Ways not taken
//
// A timer that collects requests for a while makes a lone caller wait for nothing. A goroutine of
// the queue's own costs two switches for each append, and a lone caller would pay them. A mutex
// around the commit gives neither an order nor groups.

// lead carries out the next group, hands leadership on and then calls the done functions.
func (q *Queue[T]) lead() { finish(q.carryOut(), Answered) }

// leadAsCaller is lead on a caller's goroutine. The caller must not wait for the done functions of
// submitted tickets in its group, so they run on another one.
func (q *Queue[T]) leadAsCaller() {
	group := q.carryOut()
	if slices.ContainsFunc(group, func(ticket *Ticket[T]) bool { return ticket.done != nil }) {
		go finish(group, Answered)
	}
}

// leadAtOnce is lead on the goroutine of SubmitTogether, which must not wait: it carries out the
// group of a lone ticket if that takes no wait, and leaves everything else to another goroutine.
func (q *Queue[T]) leadAtOnce() {
	group := q.takeLocked()
	if len(group) == 1 && group[0].together && q.AtOnce(group[0]) {
		q.settle(group)
		return
	}
	go q.goOn(group)
}

// goOn carries out a group that was taken and could not be carried out at once.
func (q *Queue[T]) goOn(group []*Ticket[T]) {
	q.runAndSettle(group)
	finish(group, Answered)
}

// begin is the goroutine that Submit starts.
func (q *Queue[T]) begin() {
	q.mu.Lock()
	lead := q.begins
	q.begins = false
	q.mu.Unlock()
	if lead {
		q.lead()
	}
}

// carryOut takes a group, runs it, wakes its callers and names the next leader, in this order.
func (q *Queue[T]) carryOut() (group []*Ticket[T]) {
	group = q.takeLocked()
	q.runAndSettle(group)
	return group
}

func (q *Queue[T]) takeLocked() []*Ticket[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.take()
}

func (q *Queue[T]) runAndSettle(group []*Ticket[T]) {
	if len(group) > 0 {
		q.run(group)
	}
	q.settle(group)
}

// settle wakes the callers of a group that ran and names the next leader.
func (q *Queue[T]) settle(group []*Ticket[T]) {
	waiting := 0
	var together []*Ticket[T]
	for _, ticket := range group {
		if ticket.together {
			together = append(together, ticket)
		} else if ticket.done == nil && ticket.turn != nil {
			waiting++
			select {
			case ticket.turn <- false:
			default: // turn is empty here; but a leader must never wait
			}
		}
	}
	if len(together) > 0 {
		q.answer(together, Answered)
		waiting += len(together)
	}
	if waiting > 1 {
		q.gather(waiting)
	}
	q.mu.Lock()
	q.handOn()
	q.mu.Unlock()
}

// gatherYields bounds how long gather takes: some microseconds.
const gatherYields = 8

// gather lets the callers that were just woken run, so that those with another request at hand are
// in the next group and not in the one after it.
func (q *Queue[T]) gather(answered int) {
	q.mu.Lock()
	all := q.count + answered
	q.mu.Unlock()
	for range gatherYields {
		runtime.Gosched()
		q.mu.Lock()
		back := q.count >= all || q.closed
		q.mu.Unlock()
		if back {
			return
		}
	}
}

// take removes the next group from the line.
func (q *Queue[T]) take() []*Ticket[T] {
	var group []*Ticket[T]
	size, n := 0, 0
	for _, ticket := range q.line {
		if ticket.state != gone {
			if len(group) > 0 && (len(group) >= q.groupCountMax || size+ticket.size > q.groupSizeMax) {
				break
			}
			ticket.state = taken
			q.left(ticket)
			size += ticket.size
			group = append(group, ticket)
		}
		n++
	}
	rest := copy(q.line, q.line[n:])
	clear(q.line[rest:])
	q.line = q.line[:rest]
	return group
}

// handOn names the first in line the next leader, or leaves the queue idle. The caller is the
// leader and holds mu.
func (q *Queue[T]) handOn() {
	for _, ticket := range q.line {
		if ticket.state != waiting {
			continue
		}
		if ticket.submitted() {
			go q.lead()
			return
		}
		ticket.state = leading
		ticket.turn <- true
		return
	}
	q.running = false
	if q.idle != nil {
		select {
		case <-q.idle:
		default:
			close(q.idle)
		}
	}
}

// finish calls the done functions of submitted tickets. If one of them ends its goroutine, another
// one calls the rest.
func finish[T any](tickets []*Ticket[T], outcome Outcome) {
	for i, ticket := range tickets {
		if ticket.done == nil {
			continue
		}
		returned := false
		func() {
			defer func() {
				if !returned {
					go finish(tickets[i+1:], outcome)
				}
			}()
			ticket.done(outcome)
			returned = true
		}()
	}
}
