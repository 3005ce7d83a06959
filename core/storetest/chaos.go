package storetest

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// chaos wraps a backend and gets in the way of its calls where a test wants it to fail, to wait or
// to panic.
type chaos struct {
	factstr.Backend
	hooks atomic.Pointer[hooks]
}

// hooks run in place of the backend's calls; next is the call itself. nil passes.
type hooks struct {
	commit       func(ctx context.Context, group *factstr.Group, next func() error) error
	head         func(next func() (factstr.Head, error)) (factstr.Head, error)
	scan         func(ctx context.Context, next func() error) error
	claim        func(next func() (factstr.StreamClaim, error)) (factstr.StreamClaim, error)
	writeCursors func(writes []factstr.CursorWrite, next func() error) error
	close        func(next func() error) error
}

// watchingChaos keeps what the wrapped backend can do besides.
type watchingChaos struct {
	*chaos
	factstr.Watcher
}

// openChaos opens a store whose backend fails where the test says.
func openChaos(t testing.TB, log Log, options factstr.Options) (*factstr.Store, *chaos) {
	t.Helper()
	c := &chaos{}
	c.set(hooks{})
	store := openWith(t, log, options, c.wrap)
	return store, c
}

func (c *chaos) wrap(inner factstr.Backend) factstr.Backend {
	c.Backend = inner
	if watcher, ok := inner.(factstr.Watcher); ok {
		return watchingChaos{c, watcher}
	}
	return c
}

func (c *chaos) set(h hooks) { c.hooks.Store(&h) }

// clear lets all calls pass again.
func (c *chaos) clear() { c.set(hooks{}) }

func (c *chaos) Commit(ctx context.Context, group *factstr.Group) error {
	next := func() error { return c.Backend.Commit(ctx, group) }
	if hook := c.hooks.Load().commit; hook != nil {
		return hook(ctx, group, next)
	}
	return next()
}

func (c *chaos) Head(ctx context.Context) (factstr.Head, error) {
	next := func() (factstr.Head, error) { return c.Backend.Head(ctx) }
	if hook := c.hooks.Load().head; hook != nil {
		return hook(next)
	}
	return next()
}

func (c *chaos) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	next := func() error { return c.Backend.Scan(ctx, scan, visit) }
	if hook := c.hooks.Load().scan; hook != nil {
		return hook(ctx, next)
	}
	return next()
}

func (c *chaos) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (factstr.StreamClaim, error) {
	next := func() (factstr.StreamClaim, error) { return c.Backend.ClaimStream(ctx, name, query) }
	if hook := c.hooks.Load().claim; hook != nil {
		return hook(next)
	}
	return next()
}

func (c *chaos) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	next := func() error { return c.Backend.WriteCursors(ctx, writes) }
	if hook := c.hooks.Load().writeCursors; hook != nil {
		return hook(writes, next)
	}
	return next()
}

func (c *chaos) Close() error {
	if hook := c.hooks.Load().close; hook != nil {
		return hook(c.Backend.Close)
	}
	return c.Backend.Close()
}

// decideOnly makes the group decide as it would inside a transaction that is then not committed.
func (c *chaos) decideOnly(ctx context.Context, group *factstr.Group) error {
	head, err := c.Backend.Head(ctx)
	if err != nil {
		return err
	}
	_, err = group.Decide(ctx, head, c.Backend)
	return err
}

// farChaos is a chaos that is also a HeadScanner. Its first HeadAndScan changes the types of all
// rows, as if they were of another log.
type farChaos struct {
	*chaos
	rows int
}

func (f *farChaos) HeadAndScan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (factstr.Head, error) {
	head, err := f.Head(ctx)
	if err != nil {
		return head, err
	}
	first := f.rows == 0
	return head, f.Scan(ctx, scan, func(record factstr.EventRecord) bool {
		f.rows++
		if first {
			record.EventType = "replaced"
		}
		return visit(record)
	})
}

// lender lends the payloads of a scan that borrows, and overwrites them afterwards.
type lender struct{ factstr.Backend }

func (l *lender) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return l.Backend.Scan(ctx, scan, func(record factstr.EventRecord) bool {
		if !scan.Borrow {
			return visit(record)
		}
		record.Payload = bytes.Clone(record.Payload)
		more := visit(record)
		for i := range record.Payload {
			record.Payload[i] = '!'
		}
		return more
	})
}

// toldWatcher learns of changes from the test.
type toldWatcher chan struct{}

func (w toldWatcher) Watch(ctx context.Context, changed func()) {
	for {
		select {
		case <-w:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// gate holds up commits: each reports its arrival, and continues when the test lets it.
type gate struct {
	arrived chan struct{}
	release chan struct{}
}

// holdCommits makes every commit wait at the gate, before anything is decided, until it is opened.
func (c *chaos) holdCommits() *gate {
	g := &gate{arrived: make(chan struct{}, 1000), release: make(chan struct{})}
	c.set(hooks{commit: func(_ context.Context, _ *factstr.Group, next func() error) error {
		g.arrived <- struct{}{}
		<-g.release
		return next()
	}})
	return g
}

func (g *gate) open() { close(g.release) }

// holdFirst makes every commit wait, and begins the append of a fact of the type "first", whose
// commit has come to the gate: what is appended now queues behind it.
func (c *chaos) holdFirst(t testing.TB, store *factstr.Store) (held *gate, first chan error) {
	t.Helper()
	held, first = c.holdCommits(), make(chan error, 1)
	go func() {
		_, err := store.Append(context.Background(), facttest.BatchOf("first"))
		first <- err
	}()
	within(t, "the first commit", held.arrived)
	return held, first
}
