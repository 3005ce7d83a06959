package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

var endBackend = spelled("SELECT pg_catalog.pg_terminate_backend(pid, 1000) FROM pg_catalog.pg_stat_activity WHERE pid {=} $1 AND backend_start {=} $2")

const lockAll = "SELECT w.name, pg_catalog.pg_try_advisory_lock(w.key) " +
	"FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) w (name, key)"

// reclaim takes the locks of all leases that a former session held, and loses the leases whose
// names another store has registered since. It returns how many are left for the next time, because
// somebody else has their lock at this moment.
func (l *leases) reclaim(ctx context.Context, s *session) (left int, err error) {
	var unproven []*lease
	var names []string
	var keys []int64
	old := map[server]bool{}
	l.mu.Lock()
	for _, held := range l.held {
		if held.session != s {
			unproven, names = append(unproven, held), append(names, held.name)
			keys = append(keys, lockKey("name", l.backend.schema, held.name))
			old[held.session.server] = true
		}
	}
	l.mu.Unlock()
	if len(unproven) == 0 {
		return 0, nil
	}
	for backend := range old {
		if backend.started != s.server.started {
			continue
		}
		// It may still be there, cut off from here, and hold the locks.
		if err := s.asLogin(ctx, endBackend, all(func([][]byte) {}), backend.pid, backend.startedAt); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	taken, generations := map[string]bool{}, map[string]int64{}
	err = s.rows(ctx, lockAll, func(row [][]byte) bool {
		taken[string(row[0])] = boolOf(row[1])
		return true
	}, names, keys)
	if err != nil {
		return 0, err
	}
	err = s.rows(ctx, l.backend.statements.generations, func(row [][]byte) bool {
		generations[string(row[0])] = int64Of(row[1])
		return true
	}, names)
	if err != nil {
		return 0, err
	}
	for _, held := range unproven {
		switch {
		case generations[held.name] != held.generation:
			if taken[held.name] {
				_ = l.unlock(ctx, s, held.name)
			}
			l.markLost(held)
		case !taken[held.name]:
			left++ // another store may be registering it
		default:
			l.mu.Lock()
			held.session = s
			l.prove(held, begun)
			l.mu.Unlock()
		}
	}
	return left, nil
}

// prove notes that the server held the lock at that moment. The caller holds mu.
func (l *leases) prove(held *lease, at time.Time) {
	if at.After(held.proven) {
		held.proven = at
		close(held.changed)
		held.changed = make(chan struct{})
	}
}

func (l *leases) markLost(held *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[held.name] == held {
		delete(l.held, held.name)
	}
	close(held.lost)
}

// lose ends the lease on a name if it is still that of the generation.
func (l *leases) lose(ctx context.Context, s *session, name string, generation int64) {
	l.mu.Lock()
	held := l.held[name]
	ours := held != nil && held.session == s
	l.mu.Unlock()
	if held == nil || held.generation != generation {
		return
	}
	l.markLost(held)
	if ours {
		_ = l.unlock(ctx, s, name)
	}
}

// keep proves every second that the session is alive. It ends when no name is held.
func (l *leases) keep(ctx context.Context) {
	pause := reclaimPause
	for {
		begun := time.Now()
		err := l.with(ctx, func(ctx context.Context, s *session) error {
			limited, cancel := context.WithTimeout(ctx, proofTimeout)
			defer cancel()
			if err := s.run(limited, "SELECT 1"); err != nil {
				return err
			}
			l.mu.Lock()
			for _, held := range l.held {
				if held.session == s {
					l.prove(held, begun)
				}
			}
			l.mu.Unlock()
			left, err := l.reclaim(limited, s)
			if err == nil && left > 0 {
				err = factstr.NewError(factstr.CodeBusy,
					"postgres: %d durable streams are being registered elsewhere", left)
			}
			return err
		})
		wait := provenEvery
		if err != nil {
			wait = pause
			pause = min(2*pause, reclaimPauseMx)
		} else {
			pause = reclaimPause
		}
		l.mu.Lock()
		if len(l.held) == 0 || ctx.Err() != nil {
			l.keeping = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// confirm returns once the lease was proven within provenFor. No delivery starts without it.
func (l *leases) confirm(ctx context.Context, held *lease) error {
	for {
		l.mu.Lock()
		// By both clocks: the monotonic one stands still while a machine is suspended, and the
		// other one may be set.
		now := time.Now()
		fresh, changed := max(now.Sub(held.proven), now.Round(0).Sub(held.proven.Round(0))) < provenFor, held.changed
		l.mu.Unlock()
		select {
		case <-held.lost:
			return factstr.ErrStreamLost(held.name)
		default:
		}
		if fresh {
			return nil
		}
		select {
		case <-changed:
		case <-held.lost:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
