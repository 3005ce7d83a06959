package sqlite

import (
	"context"
	"slices"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// readersMax is how many reads go on at once; more wait.
const readersMax = 4

// readers are the connections that only read. They are opened when needed and kept.
type readers struct {
	backend *backend
	permits chan struct{}

	mu     sync.Mutex
	idle   []idleConn  // the one used last is the last one
	timer  *time.Timer // runs while there are idle ones
	closed bool
}

type idleConn struct {
	*conn
	since time.Time
}

// idleMax is how long a connection that is not used stays open, with two descriptors.
const idleMax = 10 * time.Second

func (r *readers) init(b *backend) {
	r.backend = b
	r.permits = make(chan struct{}, readersMax)
}

func (r *readers) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	for _, c := range r.idle {
		c.close()
	}
	r.idle = nil
}

// closeIdle closes connections that were not used for a while.
func (r *readers) closeIdle(unused time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.idle) > 0 && time.Since(r.idle[0].since) >= unused {
		r.idle[0].close()
		r.idle = slices.Delete(r.idle, 0, 1)
	}
	if len(r.idle) == 0 {
		r.timer = nil
	} else {
		r.timer = time.AfterFunc(idleMax, func() { r.closeIdle(idleMax) })
	}
}

// with lends a connection.
func (r *readers) with(ctx context.Context, read func(*reader) error) error {
	select {
	case r.permits <- struct{}{}:
	case <-ctx.Done():
		return factstr.NewError(factstr.CodeCancelled, "the read was cancelled")
	}
	defer func() { <-r.permits }()
	err := r.lend(ctx, read)
	if mayBeHeldByNobody(err) && r.backend.writing.TryLock() {
		defer r.backend.writing.Unlock()
		r.backend.renew()
	}
	return err
}

func (r *readers) lend(ctx context.Context, read func(*reader) error) error {
	r.backend.connections.using.RLock()
	defer r.backend.connections.using.RUnlock()
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	whole := false
	defer func() { r.giveBack(c, whole) }()
	err = read(&reader{conn: c})
	whole = true // not after a panic
	// Looked at afterwards: what was read while somebody took the log away may be of two logs.
	if replaced := r.backend.intact(); replaced != nil {
		return replaced
	}
	return err
}

func (r *readers) take(ctx context.Context) (*conn, error) {
	if c, err := r.takeIdle(); c != nil || err != nil {
		return c, err
	}
	return r.backend.connect(ctx, r.backend.busyTimeout, "query_only = ON")
}

// takeIdle returns nil if there is none.
func (r *readers) takeIdle() (*conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, factstr.NewError(factstr.CodeStoreClosed, "the store is closed; open it again")
	}
	n := len(r.idle)
	if n == 0 {
		return nil, nil
	}
	c := r.idle[n-1].conn
	r.idle = r.idle[:n-1]
	return c, nil
}

func (r *readers) giveBack(c *conn, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !whole || r.closed {
		c.close()
		return
	}
	r.idle = append(r.idle, idleConn{c, time.Now()})
	if r.timer == nil {
		r.timer = time.AfterFunc(idleMax, func() { r.closeIdle(idleMax) })
	}
}

func (b *backend) Head(ctx context.Context) (head factstr.Head, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		if err := b.sameSchema(r.conn); err != nil {
			return err
		}
		head, err = r.Head(ctx)
		return err
	})
	return head, err
}

// HeadAtOnce reads the head if a connection is idle and nobody is about to replace it.
func (b *backend) HeadAtOnce() (head factstr.Head, ok bool) {
	r := &b.readers
	select {
	case r.permits <- struct{}{}:
		defer func() { <-r.permits }()
	default:
		return head, false
	}
	if !b.connections.using.TryRLock() {
		return head, false
	}
	defer b.connections.using.RUnlock()
	c, err := r.takeIdle()
	if c == nil || err != nil {
		return head, false
	}
	whole := false
	defer func() { r.giveBack(c, whole) }()
	if err = b.sameSchema(c); err == nil {
		head, err = readHead(c)
	}
	whole = true // not after a panic
	return head, err == nil && b.intact() == nil
}

// HeadAndScan reads the head in the transaction of each page, so that it is of the log that the
// page is of, also when a backup is restored while a query goes on.
func (b *backend) HeadAndScan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (head factstr.Head, err error) {
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

// Scan lends a connection for one page at a time, so that a short read does not wait for a long one
// to end.
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
