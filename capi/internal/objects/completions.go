package objects

import (
	"sync"
	"time"
)

// Completion is an answered request of the completion queue.
type Completion struct {
	Tag    uint64
	Answer Answer
}

// completions holds the answers of a store that nobody has taken yet.
type completions struct {
	mu     sync.Mutex
	ready  []Completion
	closed bool
	wake   chan struct{} // closed when an answer comes; nil if nobody waits
}

// push adds an answer. It reports false if the queue is closed.
func (c *completions) push(completion Completion) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.ready = append(c.ready, completion)
	c.wakeAll()
	return true
}

func (c *completions) wakeAll() {
	if c.wake != nil {
		close(c.wake)
		c.wake = nil
	}
}

// close drops the answers that were not taken and wakes all waiters.
func (c *completions) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.ready {
		c.ready[i].Answer.Drop()
	}
	c.closed, c.ready = true, nil
	c.wakeAll()
}

// Completions takes up to max answered requests. It waits until there is at least one.
func (s *Store) Completions(max int, timeout time.Duration) ([]Completion, error) {
	expired, stop := timer(timeout)
	defer stop()
	c := &s.completions
	for {
		taken, wake, err := c.take(max)
		if err != nil {
			return nil, err
		}
		if len(taken) > 0 {
			s.submissions.taken(len(taken))
			return taken, nil
		}
		if timeout == 0 {
			return nil, ErrNotYet
		}
		select {
		case <-wake:
		case <-expired:
			return nil, ErrNotYet
		}
	}
}

func (c *completions) take(max int) (taken []Completion, wake <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, nil, errStoreClosed()
	case len(c.ready) == 0:
		if c.wake == nil {
			c.wake = make(chan struct{})
		}
		return nil, c.wake, nil
	case len(c.ready) <= max:
		taken, c.ready = c.ready, nil
	default:
		taken = append(taken, c.ready[:max]...)
		clear(c.ready[:max])
		c.ready = c.ready[max:]
	}
	return taken, nil, nil
}
