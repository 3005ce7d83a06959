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
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	intact := false
	defer func() { r.giveBack(c, intact) }()
	err = read(&reader{conn: c})
	intact = true // not after a panic
	return err
}

func (r *readers) take(ctx context.Context) (*conn, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, factstr.NewError(factstr.CodeStoreClosed, "the store is closed; open it again")
	}
	if n := len(r.idle); n > 0 {
		c := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return c, nil
	}
	r.mu.Unlock()
	c, err := openConn(ctx, r.backend.path, r.backend.busyTimeout, "query_only = ON")
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
	if err := b.replaced(); err != nil {
		return head, err
	}
	err = b.readers.with(ctx, func(r *reader) error {
		if err := b.sameSchema(r.conn); err != nil {
			return err
		}
		head, err = r.Head(ctx)
		return err
	})
	return head, err
}

// HeadAndScan reads the head in the transaction of each page, so that it is of the log that the page is of, also when a backup is restored while a query goes on.
func (b *backend) HeadAndScan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (head factstr.Head, err error) {
	if err := b.replaced(); err != nil {
		return head, err
	}
	err = inPages(scan, func(scan factstr.Scan) (last uint64, done bool, err error) {
		err = b.readers.with(ctx, func(r *reader) error {
			return r.conn.snapshot(func() error {
				if err := b.sameSchema(r.conn); err != nil {
					return err
				}
				if head, err = readHead(r.conn); err == nil {
					last, done, err = r.page(ctx, scan, visit)
				}
				return err
			})
		})
		return last, done, err
	})
	return head, err
}

// Scan lends a connection for one page at a time, so that a short read does not wait for a long one to end.
func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return inPages(scan, func(scan factstr.Scan) (last uint64, done bool, err error) {
		err = b.readers.with(ctx, func(r *reader) error {
			last, done, err = r.page(ctx, scan, visit)
			return err
		})
		return last, done, err
	})
}

func (b *backend) Boundaries(ctx context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	return b.readers.with(ctx, func(r *reader) error { return r.Boundaries(ctx, after, upTo, visit) })
}
