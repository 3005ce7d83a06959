package postgres

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	// pingEvery is how often the connection that holds names is proven to be alive; for how long a proof lets deliveries start; and after what silence of a holder
	// another store may end its connection. The server itself notices a vanished client after five seconds.
	pingEvery      = time.Second
	confirmedFor   = 3 * time.Second
	silentHolder   = "6 s"
	pingTimeout    = 5 * time.Second
	claimGrace     = 500 * time.Millisecond // for a name that is being freed this moment
	claimPause     = 10 * time.Millisecond
	reclaimPause   = 50 * time.Millisecond
	reclaimPauseMx = time.Second
)

// names are the durable names that this store holds, by advisory locks of one connection. Cursors are written over the same connection, so a holder that was cut off can
// write none.
//
// The session is used by whoever has the token in using; mu guards the rest for moments.
type names struct {
	backend *backend
	using   chan struct{} // holds one token
	session *session      // of the token's holder; nil when it was never opened or was lost
	closed  bool          // of the token's holder

	mu      sync.Mutex
	held    map[string]*hold
	stop    context.CancelFunc
	keeping bool // ping runs
	stopped sync.WaitGroup
}

// hold is one name. Its fields are guarded by names.mu.
type hold struct {
	name       string
	generation int64
	session    *session // that has the lock
	proven     time.Time
	changed    chan struct{} // closed when proven or lost changes
	lost       chan struct{}
}

func (n *names) init(b *backend) {
	n.backend = b
	n.using = make(chan struct{}, 1)
	n.using <- struct{}{}
	n.held = map[string]*hold{}
}

// close lets go of all names at once.
func (n *names) close() {
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

// with uses the session, which is opened first if needed; then the names that were held are taken again. A session that was lost is let go of. A caller whose ctx ends leaves,
// and use goes on without it: giving up in the middle would cost the connection, and with it every name.
func (n *names) with(ctx context.Context, use func(ctx context.Context, s *session) error) error {
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
				err = factstr.NewError(factstr.CodeInternal, "panic while durable names were looked after: %v; this is a defect of the library", reason)
			}
			n.using <- struct{}{}
			done <- err
		}()
		err = n.use(limited, use)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use is with for the token's holder.
func (n *names) use(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	if n.closed {
		return factstr.NewError(factstr.CodeStoreClosed, "the store is closed; open it again")
	}
	if !n.session.alive() {
		n.session = nil
		s, err := connect(ctx, n.backend.direct, false)
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, n.backend.options.ConnectTimeout)
		defer cancel()
		if _, err := n.reclaim(limited, s); err != nil {
			s.drop()
			return err
		}
		n.session = s
	}
	err := use(ctx, n.session)
	if lost(err) || state(err) == readOnlyTransaction {
		n.session.drop()
		n.session = nil
	}
	return err
}

// reclaim takes on this session the names that are held without its lock, all of them at once, and lets go of those that another store has registered since. Names that
// somebody else has the lock of this moment are left for the next time.
func (n *names) reclaim(ctx context.Context, s *session) (left int, err error) {
	var holds []*hold
	var names []string
	var keys []int64
	old := map[server]bool{}
	n.mu.Lock()
	for _, h := range n.held {
		if h.session != s {
			holds, names, keys = append(holds, h), append(names, h.name), append(keys, lockKey("name", n.backend.schema, h.name))
			old[h.session.server] = true
		}
	}
	n.mu.Unlock()
	if len(holds) == 0 {
		return 0, nil
	}
	for backend := range old {
		if backend.started != s.server.started {
			continue
		}
		// Cut off from here, it may still be there.
		if err := s.run(ctx, "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2", backend.pid, backend.startedAt); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	taken, generations := map[string]bool{}, map[string]int64{}
	err = s.rows(ctx, "SELECT w.name, pg_try_advisory_lock(w.key) FROM unnest($1, $2) w (name, key)", func(row [][]byte) bool {
		taken[string(row[0])] = boolOf(row[1])
		return true
	}, names, keys)
	if err != nil {
		return 0, err
	}
	err = s.rows(ctx, n.backend.texts.generations, func(row [][]byte) bool {
		generations[string(row[0])] = int64Of(row[1])
		return true
	}, names)
	if err != nil {
		return 0, err
	}
	for _, h := range holds {
		switch {
		case generations[h.name] != h.generation:
			if taken[h.name] {
				_ = n.unlock(ctx, s, h.name)
			}
			n.loseHold(h)
		case !taken[h.name]:
			left++ // it may be in the middle of being registered elsewhere
		default:
			n.mu.Lock()
			h.session = s
			n.prove(h, begun)
			n.mu.Unlock()
		}
	}
	return left, nil
}

func (n *names) lock(ctx context.Context, s *session, name string) (taken bool, err error) {
	err = s.rows(ctx, "SELECT pg_try_advisory_lock($1)", func(row [][]byte) bool {
		taken = boolOf(row[0])
		return false
	}, lockKey("name", n.backend.schema, name))
	return taken, err
}

func (n *names) unlock(ctx context.Context, s *session, name string) error {
	return s.run(ctx, "SELECT pg_advisory_unlock($1)", lockKey("name", n.backend.schema, name))
}

// prove notes that the server had this hold at that moment. The caller holds mu.
func (n *names) prove(h *hold, at time.Time) {
	if at.After(h.proven) {
		h.proven = at
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

func (n *names) loseHold(h *hold) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[h.name] == h {
		delete(n.held, h.name)
	}
	close(h.lost)
}

// keep proves once a second that the session is alive, while names are held.
func (n *names) keep(ctx context.Context) {
	defer func() { _ = recover() }() // without proofs no delivery starts
	pause := reclaimPause
	for {
		begun := time.Now()
		err := n.with(ctx, func(ctx context.Context, s *session) error {
			limited, cancel := context.WithTimeout(ctx, pingTimeout)
			defer cancel()
			if err := s.run(limited, "SELECT 1"); err != nil {
				return err
			}
			n.mu.Lock()
			for _, h := range n.held {
				if h.session == s {
					n.prove(h, begun)
				}
			}
			n.mu.Unlock()
			left, err := n.reclaim(limited, s)
			if err == nil && left > 0 {
				err = factstr.NewError(factstr.CodeBusy, "postgres: %d durable streams are being registered elsewhere", left)
			}
			return err
		})
		wait := pingEvery
		if err != nil {
			wait = pause
			pause = min(2*pause, reclaimPauseMx)
		} else {
			pause = reclaimPause
		}
		n.mu.Lock()
		if len(n.held) == 0 || ctx.Err() != nil {
			n.keeping = false
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// ClaimStream takes the name, then reads or makes its cursor row. The order of the refusals is that of the Rust store: another query before an active name.
func (b *backend) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (factstr.StreamClaim, error) {
	c := &claiming{backend: b, name: name, query: query}
	for begun := time.Now(); ; {
		err := b.names.with(ctx, c.try)
		waited := time.Since(begun)
		switch {
		case lost(err) && ctx.Err() == nil && waited < claimGrace: // the connection was idle while the server restarted
			continue
		case err != nil:
			c.leave()
			return factstr.StreamClaim{}, failure("registering a durable stream", err)
		case c.hold != nil:
			return c.claim, nil
		}
		// Another store has it, may be freeing it this moment, or has stopped without closing its connection.
		if waited > claimGrace {
			var evicted int64
			err := b.names.with(ctx, func(ctx context.Context, s *session) (err error) {
				evicted, err = b.evictSilent(ctx, s, name)
				return err
			})
			if err != nil {
				return factstr.StreamClaim{}, failure("registering a durable stream", err)
			}
			if evicted == 0 {
				return factstr.StreamClaim{}, factstr.ErrStreamActive(name)
			}
			begun = time.Now()
		}
		select {
		case <-time.After(claimPause):
		case <-ctx.Done():
			return factstr.StreamClaim{}, failure("registering a durable stream", ctx.Err())
		}
	}
}

// claiming is one registration on its way.
type claiming struct {
	backend *backend
	name    string
	query   factstr.DurableQuery

	mu    sync.Mutex
	left  bool // the caller does not wait any more
	hold  *hold
	claim factstr.StreamClaim
}

// try takes the name if it is free.
func (c *claiming) try(ctx context.Context, s *session) error {
	b, n, at := c.backend, &c.backend.names, time.Now()
	if _, _, err := b.readCursor(ctx, s, c.name, c.query); err != nil {
		return err
	}
	n.mu.Lock()
	_, ours := n.held[c.name]
	n.mu.Unlock()
	if ours {
		return factstr.ErrStreamActive(c.name)
	}
	if taken, err := n.lock(ctx, s, c.name); err != nil || !taken {
		return err
	}
	claim, err := b.register(ctx, s, c.name, c.query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.left {
		_ = n.unlock(ctx, s, c.name)
		return err
	}
	h := &hold{name: c.name, generation: int64(claim.Generation), session: s, proven: at, changed: make(chan struct{}), lost: make(chan struct{})}
	n.hold(h)
	claim.Confirm, claim.Lost = func(ctx context.Context) error { return n.confirm(ctx, h) }, h.lost
	claim.Release = func() { n.release(h) }
	c.hold, c.claim = h, claim
	return nil
}

// leave gives up what a try that goes on without its caller may take, or has taken.
func (c *claiming) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if c.hold != nil {
		c.claim.Release()
	}
}

const evictSilent = "SELECT count(*) FROM (SELECT pg_terminate_backend(a.pid, 1000) AS ended" + lockHolders +
	" AND a.state = 'idle' AND clock_timestamp() - a.state_change > INTERVAL '" + silentHolder + "') e WHERE ended"

// evictSilent ends the connection of a store that holds a name and has not proven for too long that it is there.
func (b *backend) evictSilent(ctx context.Context, s *session, name string) (evicted int64, err error) {
	key := lockKey("name", b.schema, name)
	evicted, _, err = s.one(ctx, evictSilent, int64(uint64(key)>>32), int64(uint32(key)))
	return evicted, err
}

// readCursor returns a name's cursor, and refuses a query that is not the name's.
func (b *backend) readCursor(ctx context.Context, s *session, name string, query factstr.DurableQuery) (cursor int64, found bool, err error) {
	same := true
	err = s.rows(ctx, b.texts.cursor, func(row [][]byte) bool {
		found, cursor = true, int64Of(row[2])
		same = query.Same(string(row[0]), string(row[1]))
		return false
	}, name)
	if err == nil && !same {
		err = factstr.ErrQueryMismatch(name)
	}
	return max(cursor, 0), found, err
}

// register raises the generation and reads the cursor, in this order: a cursor write of an older generation is then either in the cursor or without effect.
func (b *backend) register(ctx context.Context, s *session, name string, query factstr.DurableQuery) (claim factstr.StreamClaim, err error) {
	if err := s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
		return claim, err
	}
	committed := false
	defer func() {
		if !committed && s.alive() {
			_ = s.script(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	generation, _, err := s.one(ctx, b.texts.raise, name, query.Exact)
	if err != nil {
		return claim, err
	}
	if err := s.run(ctx, b.texts.enter, name, query.Text); err != nil {
		return claim, err
	}
	cursor, _, err := b.readCursor(ctx, s, name, query)
	if err != nil {
		return claim, err
	}
	if err := s.script(ctx, "COMMIT"); err != nil {
		return claim, err
	}
	committed = true
	return factstr.StreamClaim{Generation: uint64(generation), Cursor: uint64(cursor)}, nil
}

func (n *names) hold(h *hold) {
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
	n.stopped.Go(func() { n.keep(ctx) })
}

// release frees a name without waiting for the server. A claim that comes before the server knows waits for a moment.
func (n *names) release(h *hold) {
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

// confirm waits until the name was proven to be held a short while ago.
func (n *names) confirm(ctx context.Context, h *hold) error {
	for {
		n.mu.Lock()
		fresh, changed := time.Since(h.proven) < confirmedFor, h.changed
		n.mu.Unlock()
		select {
		case <-h.lost:
			return factstr.ErrStreamLost(h.name)
		default:
		}
		if fresh {
			return nil
		}
		select {
		case <-changed:
		case <-h.lost:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	names, generations, numbers := make([]string, len(writes)), make([]int64, len(writes)), make([]int64, len(writes))
	for i, write := range writes {
		names[i], generations[i], numbers[i] = write.Name, int64(write.Generation), int64(write.SequenceNumber)
	}
	head := writes[0].Head // of all, since they are of one log
	err := b.names.with(ctx, func(ctx context.Context, s *session) error {
		return s.run(ctx, b.texts.cursors, names, generations, numbers, int64(head.SequenceNumber), headTime(head))
	})
	return failure("storing durable cursors", err)
}
