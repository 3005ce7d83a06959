package objects

import (
	"sync"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// queriesAtOnce is how many submitted queries of one store run at a time; the others wait in line.
// It bounds goroutines: a store may have outstandingMax submitted queries.
const queriesAtOnce = 16

// queries runs submitted queries.
type queries struct {
	mu      sync.Mutex
	line    []*submission
	readers int
	closed  bool
}

func (q *queries) add(sub *submission) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errStoreClosed()
	}
	q.line = append(q.line, sub)
	if q.readers < queriesAtOnce {
		q.readers++
		go q.read()
	}
	return nil
}

func (q *queries) read() {
	for {
		sub := q.next()
		if sub == nil {
			return
		}
		answer := Answer{codec: sub.store.codec}
		answer.Err = guard.Call(&sub.store.Poison, func() error {
			if sub.context.Err() != nil {
				return cancelled()
			}
			if sub.page != nil {
				answer = sub.page(sub.context)
			} else {
				answer = sub.store.read(sub.context, sub.query)
			}
			answer.dropWhenLost()
			return answer.Err
		})
		sub.finish(answer)
	}
}

func (q *queries) next() *submission {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.line) == 0 {
		q.readers--
		q.line = nil
		return nil
	}
	sub := q.line[0]
	q.line[0] = nil
	q.line = q.line[1:]
	return sub
}

// drop answers a cancelled query that still waits in line.
func (q *queries) drop(sub *submission) {
	q.mu.Lock()
	waiting := false
	for i := range q.line {
		if waiting = q.line[i] == sub; waiting {
			q.line = append(q.line[:i:i], q.line[i+1:]...)
			break
		}
	}
	q.mu.Unlock()
	if waiting {
		sub.finish(sub.store.failed(cancelled()))
	}
}

// close answers the queries in line with CodeStoreClosed, and refuses new ones.
func (q *queries) close() {
	q.mu.Lock()
	q.closed = true
	line := q.line
	q.line = nil
	q.mu.Unlock()
	for _, sub := range line {
		sub.finish(sub.store.failed(errStoreClosed()))
	}
}

func cancelled() error {
	return factstr.NewError(factstr.CodeCancelled, "the query was cancelled before it was read")
}
