package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

var endBackend = spelled("SELECT pg_catalog.pg_terminate_backend(pid, 1000) FROM pg_catalog.pg_stat_activity WHERE pid {=} $1 AND backend_start {=} $2")

// reclaim takes on this session the names that are held without its lock, all of them at once, and
// lets go of those that another store has registered since. Names that somebody else has the lock
// of this moment are left for the next time.
func (n *leases) reclaim(ctx context.Context, s *session) (left int, err error) {
	var unproven []*lease
	var names []string
	var keys []int64
	old := map[server]bool{}
	n.mu.Lock()
	for _, h := range n.held {
		if h.session != s {
			unproven, names, keys = append(unproven, h), append(names, h.name), append(keys, lockKey("name", n.backend.schema, h.name))
			old[h.session.server] = true
		}
	}
	n.mu.Unlock()
	if len(unproven) == 0 {
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
	err = s.rows(ctx, n.backend.statements.generations, func(row [][]byte) bool {
		generations[string(row[0])] = int64Of(row[1])
		return true
	}, names)
	if err != nil {
		return 0, err
	}
	for _, h := range unproven {
		switch {
		case generations[h.name] != h.generation:
			if taken[h.name] {
				_ = n.unlock(ctx, s, h.name)
			}
			n.markLost(h)
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

// prove notes that the server had this hold at that moment. The caller holds mu.
func (n *leases) prove(h *lease, at time.Time) {
	if at.After(h.proven) {
		h.proven = at
		close(h.changed)
		h.changed = make(chan struct{})
	}
}

func (n *leases) markLost(h *lease) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[h.name] == h {
		delete(n.held, h.name)
	}
	close(h.lost)
}

// lose lets go of a name if it is still held by that generation.
func (n *leases) lose(ctx context.Context, s *session, name string, generation int64) {
	n.mu.Lock()
	h := n.held[name]
	ours := h != nil && h.session == s
	n.mu.Unlock()
	if h == nil || h.generation != generation {
		return
	}
	n.markLost(h)
	if ours {
		_ = n.unlock(ctx, s, name)
	}
}

// keep proves once a second that the session is alive, while names are held.
func (n *leases) keep(ctx context.Context) {
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

// confirm waits until the name was proven to be held a short while ago.
func (n *leases) confirm(ctx context.Context, h *lease) error {
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
