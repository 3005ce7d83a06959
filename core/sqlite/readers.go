package sqlite

import (
	"context"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
)

// readersMax is how many reads go on at once; more wait.
const readersMax = 4

// readers are the connections that only read. They are opened when needed and kept.
type readers struct {
	backend *backend
	permits chan struct{}

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func (r *readers) init(b *backend) {
	r.backend = b
	r.permits = make(chan struct{}, readersMax)
}

func (r *readers) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, c := range r.idle {
		c.close()
	}
	r.idle = nil
}

// with lends a connection.
func (r *readers) with(ctx context.Context, read func(*reader) error) error {
	select {
	case r.permits <- struct{}{}:
	case <-ctx.Done():
		return factstr.NewError(factstr.CodeCancelled, "the read was cancelled")
	}
	defer func() { <-r.permits }()
	c, err := r.take()
	if err != nil {
		return err
	}
	intact := false
	defer func() { r.giveBack(c, intact) }()
	err = read(&reader{conn: c})
	intact = true // not after a panic
	return err
}

func (r *readers) take() (*conn, error) {
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	c, err := openConn(r.backend.path, r.backend.busyTimeout, "query_only = ON")
	return c, failure("opening "+r.backend.path, err)
}

func (r *readers) giveBack(c *conn, intact bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !intact || r.closed {
		c.close()
		return
	}
	r.idle = append(r.idle, c)
}

func (b *backend) Head(ctx context.Context) (head factstr.Head, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		head, err = r.Head(ctx)
		return err
	})
	return head, err
}

func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return b.readers.with(ctx, func(r *reader) error { return r.Scan(ctx, scan, visit) })
}

func (b *backend) Boundaries(ctx context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	return b.readers.with(ctx, func(r *reader) error { return r.Boundaries(ctx, after, upTo, visit) })
}
