// Package commit groups requests that must be carried out one group at a time, as appends to one
// log must.
//
// A request that finds the queue idle is carried out at once. Requests that come while a group runs
// wait in line and form the next group, so groups grow with the load. One of the waiting goroutines
// leads each group; leadership.go tells how leadership passes on, and why there is neither a timer
// nor a goroutine of the queue's own.
package commit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Outcome is how the wait for a ticket ended.
type Outcome int

const (
	Answered    Outcome = iota // its group ran, and the request holds the result
	Removed                    // the caller gave up before a group took it
	Abandoned                  // the caller gave up after a group had taken it
	NoRoom                     // the queue stayed full
	QueueClosed                // the queue was closed before a group took it
)

// Ticket is a request in the queue.
type Ticket[T any] struct {
	Request T
	size    int
	state   state // guarded by Queue.mu
	// turn ends the caller's wait: true to lead the next group, false when the ticket is over. It
	// has room for one value, so that nobody waits for a caller to take it. It is nil for a caller
	// that leads at once, and for submitted tickets.
	turn chan bool
	// done is set for submitted tickets, for which no caller waits. It is called once, after
	// leadership was handed on.
	done func(Outcome)
	// together is set for tickets of SubmitTogether, which Queue.answer answers.
	together bool
}

// submitted reports whether no goroutine waits for the ticket that could lead.
func (t *Ticket[T]) submitted() bool { return t.done != nil || t.together }

type state int

const (
	waiting state = iota
	leading       // first in line, and its caller leads the next group
	taken         // by a group, which runs or ran
	gone          // removed before a group took it
)

// Queue hands groups of tickets to run, one group at a time, in the order in which the tickets
// came.
type Queue[T any] struct {
	run    func(group []*Ticket[T])
	answer func(together []*Ticket[T], outcome Outcome)

	// AtOnce, unless nil, carries out a group of one ticket on the goroutine of SubmitTogether,
	// TryAtOnce or CarryOut, if that takes no wait. Else it returns false, and run carries it out.
	// It is set before the queue is used, and must not panic.
	AtOnce func(ticket *Ticket[T]) (done bool)

	countMax, sizeMax           int // of the queue
	groupCountMax, groupSizeMax int // of one group; a single ticket may exceed the size

	mu      sync.Mutex
	line    []*Ticket[T] // waiting or leading tickets, and gone ones, which are skipped
	count   int          // tickets in line that are not gone
	size    int          // of those
	running bool         // there is a leader: a group runs, or a ticket was told to lead
	begins  bool         // the leader is a goroutine of Submit that has not begun
	closed  bool
	room    chan struct{} // closed when tickets leave a full queue; nil if nobody waits for room
	idle    chan struct{} // closed when nothing runs any more; nil if nobody waits for that
}

// Bounds of a queue and of one group.
type Bounds struct {
	CountMax, SizeMax           int
	GroupCountMax, GroupSizeMax int
}

// New makes a queue. run carries a group out and puts the results into the requests. answer takes
// the tickets of a group that SubmitTogether queued, before the next group starts, so it must be
// quick and must not use the queue. Neither may panic. answer may be nil without such tickets.
func New[T any](bounds Bounds, run func(group []*Ticket[T]), answer func(together []*Ticket[T], outcome Outcome)) *Queue[T] {
	return &Queue[T]{run: run, answer: answer, countMax: bounds.CountMax, sizeMax: bounds.SizeMax, groupCountMax: bounds.GroupCountMax,
		groupSizeMax: bounds.GroupSizeMax}
}

// Do queues a request and waits for its result. In a full queue it waits for room, for at most
// roomTimeout and until ctx's deadline: both end in NoRoom.
func (q *Queue[T]) Do(ctx context.Context, request T, size int, roomTimeout time.Duration) (*Ticket[T], Outcome) {
	ticket := &Ticket[T]{Request: request, size: size}
	lead, outcome := q.enter(ctx, ticket, roomTimeout)
	if outcome != Answered {
		return ticket, outcome
	}
	// A caller whose ctx can end does not lead on its own goroutine, since a leader cannot leave.
	mayLeave := ctx.Done() != nil
	if lead && mayLeave {
		go q.lead()
	} else if lead {
		q.leadAsCaller()
		return ticket, Answered
	}
	for {
		select {
		case mustLead := <-ticket.turn:
			if !mustLead {
				return ticket, q.settled(ticket)
			}
			if !mayLeave {
				q.leadAsCaller()
				return ticket, Answered
			}
			q.mu.Lock()
			ticket.state = waiting
			q.mu.Unlock()
			go q.lead()
		case <-ctx.Done():
			return ticket, q.giveUp(ticket)
		}
	}
}

// Waiting returns how many tickets no group has taken yet, and their size.
func (q *Queue[T]) Waiting() (count, size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count, q.size
}

// settled returns the outcome of a ticket whose wait ended.
func (q *Queue[T]) settled(ticket *Ticket[T]) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ticket.state == gone {
		return QueueClosed
	}
	return Answered
}

// giveUp takes a ticket out of the line for a caller whose ctx ended, unless a group has taken it.
func (q *Queue[T]) giveUp(ticket *Ticket[T]) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch ticket.state {
	case waiting:
		q.remove(ticket)
		return Removed
	case leading:
		// It was told to lead, and passes that on to the next in line.
		<-ticket.turn
		q.remove(ticket)
		q.handOn()
		return Removed
	case gone:
		return QueueClosed
	}
	select {
	case <-ticket.turn: // answered in the meantime
		return Answered
	default:
		return Abandoned
	}
}

// Submit queues a request and returns at once. If the outcome is Answered, the request is in line
// and done will be called once; otherwise (NoRoom, QueueClosed) it is not called. cancel removes
// the ticket if no group has taken it, and calls done with Removed.
func (q *Queue[T]) Submit(request T, size int, done func(*Ticket[T], Outcome)) (cancel func(), outcome Outcome) {
	cancel, lead, outcome := q.submit(request, size, done)
	if lead {
		go q.begin()
	}
	return cancel, outcome
}

// submit is Submit without the goroutine, which its caller starts if lead is true.
func (q *Queue[T]) submit(request T, size int, done func(*Ticket[T], Outcome)) (
	cancel func(), lead bool, outcome Outcome,
) {
	ticket := &Ticket[T]{Request: request, size: size}
	ticket.done = func(o Outcome) { done(ticket, o) }
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, false, QueueClosed
	}
	if q.full(size) {
		return nil, false, NoRoom
	}
	q.push(ticket)
	lead = !q.running
	q.running, q.begins = true, q.begins || lead
	return func() {
		q.mu.Lock()
		removed := ticket.state == waiting
		if removed {
			q.remove(ticket)
		}
		q.mu.Unlock()
		if removed {
			ticket.done(Removed)
		}
	}, lead, Answered
}

// SubmitTogether queues requests, as far as there is room for all before them, and returns at once.
// It returns how many are in line, and why the others are not. Queue.answer will be called once for
// each in line, with all of a group together. For a single one that finds the queue idle, AtOnce
// and answer may be called before SubmitTogether returns.
func (q *Queue[T]) SubmitTogether(requests []T, size func(T) int) (queued int, outcome Outcome) {
	tickets := make([]Ticket[T], len(requests))
	q.mu.Lock()
	outcome = Answered
	for queued < len(requests) && outcome == Answered {
		ticket := &tickets[queued]
		*ticket = Ticket[T]{Request: requests[queued], size: size(requests[queued]), together: true}
		switch {
		case q.closed:
			outcome = QueueClosed
		case q.full(ticket.size):
			outcome = NoRoom
		default:
			q.push(ticket)
			queued++
		}
	}
	lead := queued > 0 && !q.running
	q.running = q.running || lead
	q.mu.Unlock()
	switch {
	case lead && queued == 1 && q.AtOnce != nil:
		q.leadAtOnce()
	case lead:
		go q.lead()
	}
	return queued, outcome
}

// TryAtOnce carries out a lone request on the caller's goroutine, as SubmitTogether does, if the
// queue is idle and that takes no wait. Otherwise it returns false, and nothing was done.
func (q *Queue[T]) TryAtOnce(request T) (done bool) {
	q.mu.Lock()
	if q.AtOnce == nil || q.closed || q.running {
		q.mu.Unlock()
		return false
	}
	q.running = true
	q.mu.Unlock()
	group := []*Ticket[T]{{Request: request, state: taken}}
	done = q.AtOnce(group[0])
	q.settle(group)
	return done
}

// CarryOut carries out the group of a lone ticket of Submit on the caller's goroutine, as AtOnce
// does, if nobody has begun to. It reports whether it did; the ticket's done function has returned
// then. It is for whoever submits a request and waits for it at once: the goroutine that Submit has
// started, and the way back from it, would cost two switches of threads.
func (q *Queue[T]) CarryOut() (done bool) {
	q.mu.Lock()
	if q.AtOnce == nil || !q.begins || q.count != 1 {
		q.mu.Unlock()
		return false
	}
	q.begins = false
	group := q.take()
	q.mu.Unlock()
	if !q.AtOnce(group[0]) {
		go q.goOn(group)
		return false
	}
	q.settle(group)
	finish(group, Answered)
	return true
}

// Close lets nothing in any more and ends all waiting tickets with QueueClosed. idle is closed when
// the running group is done. A caller that is to lead still leads its group.
func (q *Queue[T]) Close() (idle <-chan struct{}) {
	q.mu.Lock()
	q.closed = true
	var dropped, awaited, together []*Ticket[T]
	for _, ticket := range slices.Clone(q.line) { // removing shortens the line
		if ticket.state == waiting {
			q.remove(ticket)
			switch {
			case ticket.together:
				together = append(together, ticket)
			case ticket.done != nil:
				dropped = append(dropped, ticket)
			default:
				awaited = append(awaited, ticket)
			}
		}
	}
	if q.idle == nil {
		q.idle = make(chan struct{})
		if !q.running {
			close(q.idle)
		}
	}
	result := q.idle
	q.mu.Unlock()
	for _, ticket := range awaited {
		ticket.turn <- false
	}
	if len(together) > 0 {
		q.answer(together, QueueClosed)
	}
	if len(dropped) > 0 {
		told := make(chan struct{})
		go func() {
			defer close(told)
			finish(dropped, QueueClosed)
		}()
		<-told
	}
	return result
}

// enter puts a ticket in line, and waits for room before that. lead reports whether the caller must
// lead.
func (q *Queue[T]) enter(ctx context.Context, ticket *Ticket[T], roomTimeout time.Duration) (lead bool, outcome Outcome) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full(ticket.size) && !q.closed {
		timer := time.NewTimer(roomTimeout)
		defer timer.Stop()
		for q.full(ticket.size) && !q.closed {
			if q.room == nil {
				q.room = make(chan struct{})
			}
			room := q.room
			q.mu.Unlock()
			select {
			case <-room:
				q.mu.Lock()
			case <-timer.C:
				q.mu.Lock()
				return false, NoRoom
			case <-ctx.Done():
				q.mu.Lock()
				if errors.Is(ctx.Err(), context.Canceled) {
					return false, Removed
				}
				return false, NoRoom
			}
		}
	}
	switch {
	case q.closed:
		return false, QueueClosed
	case ctx.Err() != nil:
		return false, Removed
	}
	q.push(ticket)
	lead = !q.running
	q.running = true
	if lead && ctx.Done() == nil {
		ticket.state = leading // nothing ends its wait, so Close leaves it to its caller
	} else {
		ticket.turn = make(chan bool, 1)
	}
	return lead, Answered
}
