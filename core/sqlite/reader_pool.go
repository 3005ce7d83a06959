package sqlite

import (
	"context"
	"slices"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// readersMax is how many reads run at once. Others wait.
const readersMax = 4

// readerPool holds the connections that only read. They are opened when needed and kept.
type readerPool struct {
	backend *backend
	permits chan struct{}
	walk    walkSizes

	mu     sync.Mutex
	idle   []idleConn  // in the order of their last use
	timer  *time.Timer // runs while there are idle connections
	closed bool
}

type idleConn struct {
	*conn
	since time.Time
}

// idleMax is how long an unused connection stays open. It holds two descriptors.
const idleMax = 10 * time.Second

func (p *readerPool) init(b *backend) {
	p.backend, p.walk = b, sizesOfWalk
	p.permits = make(chan struct{}, readersMax)
}

func (p *readerPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}

// closeIdle closes connections that were not used for some time.
func (p *readerPool) closeIdle(unused time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && time.Since(p.idle[0].since) >= unused {
		p.idle[0].close()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	if len(p.idle) == 0 {
		p.timer = nil
	} else {
		p.timer = time.AfterFunc(idleMax, func() { p.closeIdle(idleMax) })
	}
}

// with runs read on a connection, and waits for one if readersMax are in use.
func (p *readerPool) with(ctx context.Context, read func(*reader) error) error {
	select {
	case p.permits <- struct{}{}:
	case <-ctx.Done():
		return factstr.NewError(factstr.CodeCancelled, "the read was cancelled")
	}
	defer func() { <-p.permits }()
	err := p.lend(ctx, read)
	if mayBeHeldByNobody(err) && p.backend.writing.TryLock() {
		defer p.backend.writing.Unlock()
		p.backend.renew()
	}
	return err
}

func (p *readerPool) lend(ctx context.Context, read func(*reader) error) error {
	p.backend.connections.using.RLock()
	defer p.backend.connections.using.RUnlock()
	c, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = p.use(c, read)
	// After the read: what was read while files were exchanged may be of two logs.
	return p.backend.unlessReplaced(err)
}

// use reads on a connection that was taken, and gives it back.
func (p *readerPool) use(c *conn, read func(*reader) error) error {
	whole := false
	defer func() { p.giveBack(c, whole) }()
	err := read(&reader{conn: c, index: &p.backend.index, typeIndex: &p.backend.typeIndex, backend: p.backend})
	whole = true // not after a panic
	return err
}

// lendAtOnce is with for a caller that must not wait for anybody. It returns ErrWouldWait if it
// would have to, and after any error of the read.
func (p *readerPool) lendAtOnce(read func(*reader) error) error {
	select {
	case p.permits <- struct{}{}:
		defer func() { <-p.permits }()
	default:
		return factstr.ErrWouldWait
	}
	if !p.backend.connections.using.TryRLock() {
		return factstr.ErrWouldWait
	}
	defer p.backend.connections.using.RUnlock()
	c, err := p.takeIdle()
	if c == nil || err != nil {
		return factstr.ErrWouldWait
	}
	err = p.use(c, func(r *reader) error {
		patience := c.engine.busyTimeout
		c.engine.busyTimeout = 0
		defer func() { c.engine.busyTimeout = patience }()
		return read(r)
	})
	if err != nil || p.backend.intact() != nil {
		return factstr.ErrWouldWait
	}
	return nil
}

// permitAssistant takes a permit for an assistant. One is left for whoever reads next.
func (p *readerPool) permitAssistant() bool {
	select {
	case p.permits <- struct{}{}:
	default:
		return false
	}
	last := len(p.permits) == readersMax
	if last {
		<-p.permits
	}
	return !last
}

// assist lends a connection to an assistant, whose permit it gives back. The reader whom it assists
// holds the connections' lock: to wait for it behind somebody who wants it for himself would be for
// ever. Nobody hears of an error; the reader meets it, too.
func (p *readerPool) assist(read func(*reader) error) {
	defer func() { <-p.permits }()
	if !p.backend.connections.using.TryRLock() {
		return
	}
	defer p.backend.connections.using.RUnlock()
	c, err := p.take(context.Background())
	if err != nil {
		return
	}
	_ = p.use(c, read)
}

func (p *readerPool) take(ctx context.Context) (*conn, error) {
	if c, err := p.takeIdle(); c != nil || err != nil {
		return c, err
	}
	return p.backend.connect(ctx, p.backend.busyTimeout, "query_only = ON")
}

// takeIdle returns nil if no connection is idle.
func (p *readerPool) takeIdle() (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, factstr.ErrStoreClosed()
	}
	n := len(p.idle)
	if n == 0 {
		return nil, nil
	}
	c := p.idle[n-1].conn
	p.idle = p.idle[:n-1]
	return c, nil
}

func (p *readerPool) giveBack(c *conn, whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !whole || p.closed {
		c.close()
		return
	}
	p.idle = append(p.idle, idleConn{c, time.Now()})
	if p.timer == nil {
		p.timer = time.AfterFunc(idleMax, func() { p.closeIdle(idleMax) })
	}
}
