// Package commit groups requests that must be carried out one group at a time.
//
// The first goroutine that finds the queue idle carries a group out itself: there is no timer and
// no goroutine of the queue's own, so a single caller pays nothing for grouping. While a group
// runs, others queue; whoever is first in line leads the next group.
package commit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Outcome tells how waiting for a ticket ended.
type Outcome int

const (
	Answered    Outcome = iota // its group ran
	Removed                    // it was taken out of the queue before a group took it
	Abandoned                  // the caller stopped waiting after a group had taken it
	NoRoom                     // the queue stayed full
	QueueClosed                // the queue is closed
)

// Ticket is a request in the queue.
type Ticket[T any] struct {
	Request T
	size    int
	state   state // guarded by Queue.mu
	turn    chan bool
	// done is set for tickets that nobody waits for. It is called once, after leadership was handed
	// on.
	done func(Outcome)
}

type state int

const (
	waiting state = iota
	leading       // first in line, told to lead the next group
	taken
	gone
)

// Queue hands groups of tickets to run, one group at a time, in the order they came.
type Queue[T any] struct {
	run func(group []*Ticket[T])

	countMax, sizeMax           int // of the queue
	groupCountMax, groupSizeMax int // of one group; a single ticket may exceed the size

	mu      sync.Mutex
	line    []*Ticket[T] // waiting or leading; also gone ones, which are skipped
	count   int          // live tickets in line
	size    int
	running bool // a group runs or a leader was told
	closed  bool
	room    chan struct{} // closed when tickets leave a full queue; nil if nobody waits for room
	idle    chan struct{} // closed when nothing runs any more; nil if nobody waits for that
}

// Bounds of a queue and of one group.
type Bounds struct {
	CountMax, SizeMax           int
	GroupCountMax, GroupSizeMax int
}

// New makes a queue. run carries a group out and puts the answers into the requests; it must not
// panic.
func New[T any](bounds Bounds, run func(group []*Ticket[T])) *Queue[T] {
	return &Queue[T]{run: run, countMax: bounds.CountMax, sizeMax: bounds.SizeMax, groupCountMax: bounds.GroupCountMax, groupSizeMax: bounds.GroupSizeMax}
}

// Do queues a request and waits for its answer. It waits for room in a full queue for at most
// roomTimeout, or until ctx's deadline: both are NoRoom.
func (q *Queue[T]) Do(ctx context.Context, request T, size int, roomTimeout time.Duration) (*Ticket[T], Outcome) {
	ticket := &Ticket[T]{Request: request, size: size}
	lead, outcome := q.enter(ctx, ticket, roomTimeout)
	if outcome != Answered {
		return ticket, outcome
	}
	// A caller whose ctx can end does not lead on its own goroutine, since a group cannot be left.
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

// settled is the outcome of a ticket that was told that it is over.
func (q *Queue[T]) settled(ticket *Ticket[T]) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ticket.state == gone {
		return QueueClosed
	}
	return Answered
}

// giveUp takes a ticket out of the line, unless a group has it.
func (q *Queue[T]) giveUp(ticket *Ticket[T]) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch ticket.state {
	case waiting:
		q.remove(ticket)
		return Removed
	case leading:
		// It is its turn to lead: the next one does.
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

// Submit queues a request that nobody waits for and returns at once. done is called once, unless
// the outcome is NoRoom or QueueClosed. cancel removes the ticket if no group has taken it, and
// calls done with Removed.
func (q *Queue[T]) Submit(request T, size int, done func(*Ticket[T], Outcome)) (cancel func(), outcome Outcome) {
	ticket := &Ticket[T]{Request: request, size: size}
	ticket.done = func(o Outcome) { done(ticket, o) }
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil, QueueClosed
	}
	if q.full(size) {
		q.mu.Unlock()
		return nil, NoRoom
	}
	q.push(ticket)
	lead := !q.running
	q.running = true
	q.mu.Unlock()
	if lead {
		go q.lead()
	}
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
	}, Answered
}

// Close removes everything that waits, answering QueueClosed, and lets nothing in. idle is closed
// when the running group is done.
func (q *Queue[T]) Close() (idle <-chan struct{}) {
	q.mu.Lock()
	q.closed = true
	var dropped, awaited []*Ticket[T]
	for _, ticket := range slices.Clone(q.line) { // removing shortens the line
		if ticket.state == waiting {
			q.remove(ticket)
			if ticket.done != nil {
				dropped = append(dropped, ticket)
			} else {
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
	if !lead || ctx.Done() != nil {
		ticket.turn = make(chan bool, 1)
	}
	return lead, Answered
}
