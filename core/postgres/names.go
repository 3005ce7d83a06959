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

// names are the durable names that this store holds, by advisory locks of one connection. Cursors
// are written over the same connection, so a holder that was cut off can write none.
//
// The session is used by whoever has the token in using; mu guards the rest for moments.
type names struct {
	backend *backend
	using   chan struct{} // holds one token
	session *session      // of the token's holder; nil when it was never opened or was lost
	closed  bool          // of the token's holder
	trouble factstr.Trouble

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

// with uses the session, which is opened first if needed; then the names that were held are taken
// again. A session that was lost is let go of. A caller whose ctx ends leaves, and use goes on
// without it: giving up in the middle would cost the connection, and with it every name.
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
				n.backend.observer.Recovered("looking after durable names", reason)
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
func (n *names) use(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	if n.closed {
		return factstr.NewError(factstr.CodeStoreClosed, "the store is closed; open it again")
	}
	if !n.session.alive() {
		n.session = nil
		config := copied(n.backend.direct)
		inFullView(config)
		s, err := connect(ctx, config, false)
		if err != nil {
			n.backend.away(&n.trouble, "durable names", "the connection that holds durable names cannot be made: their streams wait", err)
			return err
		}
		limited, cancel := context.WithTimeout(ctx, n.backend.options.ConnectTimeout)
		defer cancel()
		if _, err := n.reclaim(limited, s); err != nil {
			s.drop()
			return err
		}
		n.session = s
		n.backend.reconnected(&n.trouble, "durable names")
	}
	err := use(ctx, n.session)
	if lost(err) || state(err) == readOnlyTransaction || errors.Is(err, errSwallowed) {
		n.backend.away(&n.trouble, "durable names", "the connection that holds durable names was lost: their streams wait until they are proven to be held again", err)
		n.session.drop()
		n.session = nil
	}
	return err
}

var endBackend = spelled("SELECT pg_catalog.pg_terminate_backend(pid, 1000) FROM pg_catalog.pg_stat_activity WHERE pid {=} $1 AND backend_start {=} $2")

// reclaim takes on this session the names that are held without its lock, all of them at once, and
// lets go of those that another store has registered since. Names that somebody else has the lock
// of this moment are left for the next time.
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
		if err := s.asLogin(ctx, endBackend, all(func([][]byte) {}), backend.pid, backend.startedAt); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	taken, generations := map[string]bool{}, map[string]int64{}
	err = s.rows(ctx, "SELECT w.name, pg_catalog.pg_try_advisory_lock(w.key) FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) w (name, key)", func(row [][]byte) bool {
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
	err = s.rows(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", func(row [][]byte) bool {
		taken = boolOf(row[0])
		return false
	}, lockKey("name", n.backend.schema, name))
	return taken, err
}

func (n *names) unlock(ctx context.Context, s *session, name string) error {
	return s.run(ctx, "SELECT pg_catalog.pg_advisory_unlock($1)", lockKey("name", n.backend.schema, name))
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

// lose lets go of a name if it is still held by that generation.
func (n *names) lose(ctx context.Context, s *session, name string, generation int64) {
	n.mu.Lock()
	h := n.held[name]
	ours := h != nil && h.session == s
	n.mu.Unlock()
	if h == nil || h.generation != generation {
		return
	}
	n.loseHold(h)
	if ours {
		_ = n.unlock(ctx, s, name)
	}
}

// keep proves once a second that the session is alive, while names are held.
func (n *names) keep(ctx context.Context) {
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
	n.stopped.Go(func() { n.backend.observer.Keep(ctx, "keeping durable names", func() { n.keep(ctx) }) })
}

// release frees a name without waiting for the server. A claim that comes before the server knows
// waits for a moment.
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
		// By both clocks: one does not count the time that a machine was suspended, the other may
		// be set.
		now := time.Now()
		fresh, changed := max(now.Sub(h.proven), now.Round(0).Sub(h.proven.Round(0))) < confirmedFor, h.changed
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
