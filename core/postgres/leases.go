package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	// pingEvery is how often the connection that holds names is proven to be alive; for how long a
	// proof lets deliveries start; and after what silence of a holder another store may end its
	// connection. The server itself notices a vanished client after five seconds.
	pingEvery      = time.Second
	confirmedFor   = 3 * time.Second
	silentHolder   = "6 s"
	pingTimeout    = 5 * time.Second
	claimGrace     = 500 * time.Millisecond // for a name that is being freed this moment
	claimPause     = 10 * time.Millisecond
	reclaimPause   = 50 * time.Millisecond
	reclaimPauseMx = time.Second
)

// leases are the durable names that this store holds, by advisory locks of one connection. Cursors
// are written over the same connection, so a holder that was cut off can write none.
//
// The session is used by whoever has the token in using; mu guards the rest for moments.
type leases struct {
	backend *backend
	using   chan struct{} // holds one token
	session *session      // of the token's holder; nil when it was never opened or was lost
	closed  bool          // of the token's holder
	trouble factstr.Trouble

	mu      sync.Mutex
	held    map[string]*lease
	stop    context.CancelFunc
	keeping bool // ping runs
	stopped sync.WaitGroup
}

// lease is one name. Its fields are guarded by names.mu.
type lease struct {
	name       string
	generation int64
	session    *session // that has the lock
	proven     time.Time
	changed    chan struct{} // closed when proven or lost changes
	lost       chan struct{}
}

func (n *leases) init(b *backend) {
	n.backend = b
	n.using = make(chan struct{}, 1)
	n.using <- struct{}{}
	n.held = map[string]*lease{}
}

// close lets go of all names at once.
func (n *leases) close() {
	if n.using == nil {
		return
	}
	n.mu.Lock()
	stop := n.stop
	n.mu.Unlock()
	if stop != nil {
		stop()
		n.stopped.Wait()
	}
	<-n.using
	n.closed = true
	if n.session != nil {
		n.session.close()
		n.session = nil
	}
	n.using <- struct{}{}
}

// with uses the session, which is opened first if needed; then the names that were held are taken
// again. A session that was lost is let go of. A caller whose ctx ends leaves, and use goes on
// without it: giving up in the middle would cost the connection, and with it every name.
func (n *leases) with(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	select {
	case <-n.using:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.backend.options.ResponseTimeout)
		defer cancel()
		var err error
		defer func() {
			if reason := recover(); reason != nil {
				n.backend.observer.Recovered(factstr.TaskLeases, reason)
				err = factstr.NewError(factstr.CodeInternal, "panic while durable names were looked after: %v; this is a defect of the library", reason)
			}
			n.using <- struct{}{}
			done <- err
		}()
		err = late(limited, n.use(limited, use), n.backend.options.ResponseTimeout)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use is with for the token's holder.
func (n *leases) use(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	if n.closed {
		return factstr.ErrStoreClosed()
	}
	if !n.session.alive() {
		n.session = nil
		config := copied(n.backend.direct)
		inFullView(config)
		s, err := connect(ctx, config, false)
		if err != nil {
			n.backend.away(&n.trouble, factstr.TaskLeases, "the connection that holds durable names cannot be made: their streams wait", err)
			return err
		}
		limited, cancel := context.WithTimeout(ctx, n.backend.options.ConnectTimeout)
		defer cancel()
		if _, err := n.reclaim(limited, s); err != nil {
			s.drop()
			return err
		}
		n.session = s
		n.backend.reconnected(&n.trouble, factstr.TaskLeases)
	}
	err := use(ctx, n.session)
	if lost(err) || state(err) == readOnlyTransaction || errors.Is(err, errSwallowed) {
		n.backend.away(&n.trouble, factstr.TaskLeases, "the connection that holds durable names was lost: their streams wait until they are proven to be held again", err)
		n.session.drop()
		n.session = nil
	}
	return err
}

func (n *leases) lock(ctx context.Context, s *session, name string) (taken bool, err error) {
	err = s.rows(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", func(row [][]byte) bool {
		taken = boolOf(row[0])
		return false
	}, lockKey("name", n.backend.schema, name))
	return taken, err
}

func (n *leases) unlock(ctx context.Context, s *session, name string) error {
	return s.run(ctx, "SELECT pg_catalog.pg_advisory_unlock($1)", lockKey("name", n.backend.schema, name))
}

func (n *leases) add(h *lease) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held[h.name] = h
	if n.keeping {
		return
	}
	var ctx context.Context
	if n.stop != nil {
		n.stop() // of a keeper that has ended
	}
	ctx, n.stop = context.WithCancel(context.Background())
	n.keeping = true
	n.stopped.Go(func() { n.backend.observer.Keep(ctx, factstr.TaskLeases, func() { n.keep(ctx) }) })
}

// release frees a name without waiting for the server. A claim that comes before the server knows
// waits for a moment.
func (n *leases) release(h *lease) {
	n.mu.Lock()
	if n.held[h.name] == h {
		delete(n.held, h.name)
	}
	n.mu.Unlock()
	go func() {
		_ = n.with(context.Background(), func(ctx context.Context, s *session) error {
			// Another session does not have the lock, or has it for a later claim.
			if s != h.session {
				return nil
			}
			return n.unlock(ctx, s, h.name)
		})
	}()
}
