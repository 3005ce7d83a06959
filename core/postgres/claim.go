package postgres

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// ClaimStream takes the lease on a name and reads or makes its cursor row. As in the Rust store,
// another query is refused before an active name.
func (b *backend) ClaimStream(
	ctx context.Context, name string, query factstr.DurableQuery,
) (factstr.StreamClaim, error) {
	if err := b.readOnly("registering a durable stream"); err != nil {
		return factstr.StreamClaim{}, err
	}
	c := &claiming{backend: b, name: name, query: query}
	err := b.whileFree(ctx, b.leases.with, c.try, func() (held string) {
		if c.lease == nil {
			held = name
		}
		return held
	})
	if err != nil {
		c.leave()
		return factstr.StreamClaim{}, b.namingGrants(ctx, "registering a durable stream", err)
	}
	return c.claim, nil
}

// whileFree calls try, by with, until it finds no name held by another store: held returns one that
// the last call did, "" if none. That store may be releasing the name at this moment, or it may
// have stopped without closing its connection. If the name stays held, whileFree fails with
// ErrStreamActive.
func (b *backend) whileFree(
	ctx context.Context, with func(context.Context, func(context.Context, *session) error) error,
	try func(ctx context.Context, s *session) error, held func() (name string),
) error {
	watched := silence{}
	for begun := time.Now(); ; {
		err := with(ctx, try)
		waited := time.Since(begun)
		switch {
		case lost(err) && ctx.Err() == nil && waited < claimGrace: // it was idle while the server restarted: again, after a pause
		case err != nil:
			return err
		case held() == "":
			return nil
		}
		pause := claimPause
		if name := held(); waited > claimGrace {
			var found holder
			err := b.leases.with(ctx, func(ctx context.Context, s *session) (err error) {
				found, err = b.endSilent(ctx, s, name, &watched)
				return err
			})
			switch {
			case err != nil:
				return err
			case found == holderProves:
				return factstr.ErrStreamActive(name)
			case found == holderEnded:
				begun, watched = time.Now(), silence{}
			default:
				pause = watchPause
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// claiming is one registration, which may outlive its caller.
type claiming struct {
	backend *backend
	name    string
	query   factstr.DurableQuery

	mu    sync.Mutex
	left  bool // the caller has given up
	lease *lease
	claim factstr.StreamClaim
}

// try takes the lease if the name is free. c.lease stays nil if another store has it.
func (c *claiming) try(ctx context.Context, s *session) error {
	b, l, at := c.backend, &c.backend.leases, time.Now()
	if _, err := b.readCursor(ctx, s, c.name, c.query); err != nil {
		return err
	}
	l.mu.Lock()
	_, ours := l.held[c.name]
	l.mu.Unlock()
	if ours {
		return factstr.ErrStreamActive(c.name)
	}
	if taken, err := l.lock(ctx, s, c.name); err != nil || !taken {
		return err
	}
	claim, err := b.register(ctx, s, c.name, c.query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.left {
		_ = l.unlock(ctx, s, c.name)
		return err
	}
	held := &lease{name: c.name, generation: int64(claim.Generation), session: s, proven: at,
		changed: make(chan struct{}), lost: make(chan struct{})}
	l.add(held)
	claim.Confirm, claim.Lost = func(ctx context.Context) error { return l.confirm(ctx, held) }, held.lost
	claim.Release = func() { l.release(held) }
	c.lease, c.claim = held, claim
	return nil
}

// leave gives up the lease that a try has taken, or takes after its caller has left.
func (c *claiming) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if c.lease != nil {
		c.claim.Release()
	}
}

// register raises the generation and then reads the cursor. In this order a cursor write of an
// older generation is either in the cursor that is read or has no effect.
func (b *backend) register(
	ctx context.Context, s *session, name string, query factstr.DurableQuery,
) (claim factstr.StreamClaim, err error) {
	if err := s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
		return claim, err
	}
	committed := false
	defer func() {
		if !committed && s.alive() {
			_ = s.script(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	generation, raised, err := s.one(ctx, b.statements.raiseGeneration, name, query.Exact)
	if err != nil {
		return claim, err
	}
	if err := s.run(ctx, b.statements.enterCursor, name, query.Text); err != nil {
		return claim, err
	}
	stored, err := b.readCursor(ctx, s, name, query)
	if err != nil {
		return claim, err
	}
	if !raised || !stored.found {
		return claim, swallowed("registering a durable stream",
			"the rows of its name are not in durable_stream_cursors and "+rustformat.Generations)
	}
	if err := s.script(ctx, "COMMIT"); err != nil {
		return claim, err
	}
	committed = true
	return factstr.StreamClaim{Generation: uint64(generation), Cursor: uint64(stored.number), Head: stored.head}, nil
}
