package commit

import "slices"

// full reports whether there is no room for a ticket of that size. An empty queue has room for any.
func (q *Queue[T]) full(size int) bool {
	return q.count > 0 && (q.count >= q.countMax || q.size+size > q.sizeMax)
}

func (q *Queue[T]) push(ticket *Ticket[T]) {
	q.line = append(q.line, ticket)
	q.count++
	q.size += ticket.size
}

// remove marks a ticket as gone. The line is cleaned up when most of it is gone.
func (q *Queue[T]) remove(ticket *Ticket[T]) {
	ticket.state = gone
	q.left(ticket)
	if len(q.line) > 2*q.count+64 {
		q.line = slices.DeleteFunc(q.line, func(t *Ticket[T]) bool { return t.state == gone })
	}
}

// left counts a ticket out and wakes those who wait for room.
func (q *Queue[T]) left(ticket *Ticket[T]) {
	q.count--
	q.size -= ticket.size
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}
