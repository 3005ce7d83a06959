package commit

import (
	"runtime"
	"slices"
)

// lead carries out the next group, answers, hands leadership on and then calls the done functions,
// which may queue again.
func (q *Queue[T]) lead() { finish(q.carryOut(), Answered) }

// leadAsCaller is lead on the goroutine of a caller, which is nothing to those of the group that
// others submitted.
func (q *Queue[T]) leadAsCaller() {
	group := q.carryOut()
	if slices.ContainsFunc(group, func(ticket *Ticket[T]) bool { return ticket.done != nil }) {
		go finish(group, Answered)
	}
}

func (q *Queue[T]) carryOut() (group []*Ticket[T]) {
	q.mu.Lock()
	group = q.take()
	q.mu.Unlock()
	if len(group) > 0 {
		q.run(group)
	}
	waiting := 0
	for _, ticket := range group {
		if ticket.done == nil && ticket.turn != nil {
			waiting++
			select {
			case ticket.turn <- false:
			default: // the leader itself
			}
		}
	}
	if waiting > 1 {
		q.gather(waiting)
	}
	q.mu.Lock()
	q.handOn()
	q.mu.Unlock()
	return group
}

// gatherYields bounds how long gather goes on: some microseconds.
const gatherYields = 8

// gather lets the callers that were just answered run, so that those with another request at hand
// are in the next group and not in the one after it. It waits for nothing.
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

// handOn tells the first in line to lead, or leaves the queue idle. The caller holds mu and is the
// leader.
func (q *Queue[T]) handOn() {
	for _, ticket := range q.line {
		if ticket.state != waiting {
			continue
		}
		if ticket.done != nil {
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

// finish calls the done functions of tickets, also those behind one that ends its goroutine.
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
