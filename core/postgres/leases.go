package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Leases on durable names
//
// A durable name is active once at a time among all stores of a log (G22). This store's hold on one
// is a lease: a session-level advisory lock whose key is a hash of schema and name. All leases of a
// store live on one connection, which also writes the cursors, so a store that was cut off from its
// locks can write no cursor either. The connection leads to the server itself (direct_url where a
// pooler is in between): a pooler in transaction mode gives each transaction to another backend,
// and a session's locks would be anybody's.
//
// The lock alone does not make a delivery safe. The server may have dropped it, because it took
// this process for dead, while the process still runs. Four times make up for that:
//
//	1 s   the keeper proves the connection alive (SELECT 1)
//	3 s   a proof lets deliveries start for so long, counted from when it was sent, by both of the
//	      system's clocks; then they wait (confirm)
//	5 s   the server drops a client that does not answer, with its locks (keepalives)
//	6 s   another store that wants the name may end the connection of a holder that was silent
//	      (claim.go: pg_stat_activity shows it idle for so long, and the role may act for its role)
//
// Deliveries of a holder that was cut off stop at 3 s; nobody else can have its name before 5 s.
// There is one exception: if the server restarts or somebody ends the connection, the locks are
// free at once, and the former holder may start deliveries for up to 3 s. These, and a delivery
// that began before, may run beside those of the next holder: delivery is at least once, and a
// cursor write is fenced by the generation.
//
// Generations decide who was last. Each registration raises the name's generation, and a cursor
// write is a compare-and-set on (name, generation). A holder whose connection broke takes its locks
// again on a new one, all at once (reclaim), after ending its former backend, which may still hold
// them. For each name it compares generations:
//
//   - unchanged: nobody registered the name in between. The lease goes on, proven anew.
//   - raised: somebody else had it, or has it. The lease is lost: its lost channel is closed and
//     the stream ends with DurableStreamLost, whether or not the lock is free by now.
//   - unchanged, but the lock is taken: somebody may be registering it. Tried again at the next
//     proof.
//
// A cursor write that finds another generation loses the lease too (loseStale): somebody registered
// the name who could not see the lock, or the row was removed.
//
// Who owns what, and the lock order: the session is used by whoever has the token in using; mu
// guards the map and the leases' fields, for moments only. Token before mu, never the other way
// round. Work with the session runs to its end on a goroutine of its own even if its caller gave
// up: abandoning a statement closes the connection, and that would cost every other lease.
//
// Rejected: rows with an expiry date (clocks of hosts and server differ, and each heartbeat is a
// write); transaction-level locks (the transaction would stay open and hold back vacuum); a
// connection per name (a hundred streams would be a hundred connections); writing cursors over the
// pool (a holder that was cut off from its locks could still write).
//
// See also core/DESIGN.md: "who holds a durable name proves it each second", "durable
// generations live in a side table".

const (
	provenEvery    = time.Second
	provenFor      = 3 * time.Second
	silentHolder   = "6 s"
	proofTimeout   = 5 * time.Second
	claimGrace     = 500 * time.Millisecond // for a name that its holder is just releasing
	claimPause     = 10 * time.Millisecond
	reclaimPause   = 50 * time.Millisecond
	reclaimPauseMx = time.Second
)

// leases are the durable names that this store holds.
type leases struct {
	backend *backend
	using   chan struct{} // holds the one token
	session *session      // guarded by the token; nil before it is opened and after it was lost
	closed  bool          // guarded by the token
	trouble factstr.Trouble

	mu      sync.Mutex
	held    map[string]*lease
	stop    context.CancelFunc
	keeping bool // keep runs
	stopped sync.WaitGroup
}

// lease is one name that this store holds. Its fields are guarded by leases.mu.
type lease struct {
	name       string
	generation int64
	session    *session // whose backend has the lock
	proven     time.Time
	changed    chan struct{} // closed and replaced when proven changes
	lost       chan struct{} // closed when another store took the name over
}

func (l *leases) init(b *backend) {
	l.backend = b
	l.using = make(chan struct{}, 1)
	l.using <- struct{}{}
	l.held = map[string]*lease{}
}

// close releases all names: the server frees the locks of a connection that ends.
func (l *leases) close() {
	if l.using == nil {
		return
	}
	l.mu.Lock()
	stop := l.stop
	l.mu.Unlock()
	if stop != nil {
		stop()
		l.stopped.Wait()
	}
	<-l.using
	l.closed = true
	if l.session != nil {
		l.session.close()
		l.session = nil
	}
	l.using <- struct{}{}
}

// with runs use with the session. It opens a new session if there is none, and reclaims the leases
// on it; it drops a session that use finds lost. If ctx ends, with returns, but use runs on.
func (l *leases) with(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	select {
	case <-l.using:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.backend.options.ResponseTimeout)
		defer cancel()
		var err error
		defer func() {
			if reason := recover(); reason != nil {
				l.backend.observer.Recovered(factstr.TaskLeases, reason)
				err = factstr.NewError(factstr.CodeInternal,
					"panic while durable names were looked after: %v; this is a defect of the library", reason)
			}
			l.using <- struct{}{}
			done <- err
		}()
		err = late(limited, l.use(limited, use), l.backend.options.ResponseTimeout)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use is the part of with that needs the token.
func (l *leases) use(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	if l.closed {
		return factstr.ErrStoreClosed()
	}
	if !l.session.alive() {
		l.session = nil
		config := copied(l.backend.direct)
		inFullView(config)
		s, err := connect(ctx, config, false)
		if err != nil {
			l.backend.away(&l.trouble, factstr.TaskLeases,
				"the connection that holds durable names cannot be made: their streams wait", err)
			return err
		}
		limited, cancel := context.WithTimeout(ctx, l.backend.options.ConnectTimeout)
		defer cancel()
		if _, err := l.reclaim(limited, s); err != nil {
			s.drop()
			return err
		}
		l.session = s
		l.backend.reconnected(&l.trouble, factstr.TaskLeases)
	}
	err := use(ctx, l.session)
	if lost(err) || state(err) == readOnlyTransaction || errors.Is(err, errSwallowed) {
		l.backend.away(&l.trouble, factstr.TaskLeases,
			"the connection that holds durable names was lost: their streams wait until they are proven to be held again", err)
		l.session.drop()
		l.session = nil
	}
	return err
}

// lock takes the lock of a name if nobody has it.
func (l *leases) lock(ctx context.Context, s *session, name string) (taken bool, err error) {
	err = s.rows(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", func(row [][]byte) bool {
		taken = boolOf(row[0])
		return false
	}, lockKey("name", l.backend.schema, name))
	return taken, err
}

func (l *leases) unlock(ctx context.Context, s *session, name string) error {
	return s.run(ctx, "SELECT pg_catalog.pg_advisory_unlock($1)", lockKey("name", l.backend.schema, name))
}

// add notes a new lease, and starts the keeper with the first one.
func (l *leases) add(held *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[held.name] = held
	if l.keeping {
		return
	}
	var ctx context.Context
	if l.stop != nil {
		l.stop() // releases the context of a keeper that has ended
	}
	ctx, l.stop = context.WithCancel(context.Background())
	l.keeping = true
	l.stopped.Go(func() { l.backend.observer.Keep(ctx, factstr.TaskLeases, func() { l.keep(ctx) }) })
}

// release frees a name without waiting for the server. A claim that comes before the server has
// freed the lock waits for claimGrace.
func (l *leases) release(held *lease) {
	l.mu.Lock()
	if l.held[held.name] == held {
		delete(l.held, held.name)
	}
	l.mu.Unlock()
	go func() {
		_ = l.with(context.Background(), func(ctx context.Context, s *session) error {
			// Another session does not have this lease's lock. It may have that of a later claim.
			if s != held.session {
				return nil
			}
			return l.unlock(ctx, s, held.name)
		})
	}()
}
