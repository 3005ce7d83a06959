package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Leases on durable names
//
// The name of a durable stream is active in at most one store of a log at a time (G22). A store's
// hold on a name is a lease: a session-level advisory lock of the server, whose key is a 64-bit
// hash of schema and name. (Of two names with one hash, only one can be active.) One connection
// holds all leases of a store and also writes its cursors, so a store without its locks can write
// no cursor either. It leads to the server itself (direct_url), not to a pooler: a pooler hands one
// server session to many clients, and the lock belongs to the session.
//
// # Registration
//
// ClaimStream first refuses a name that has another query. It then takes the lock. Under it, in one
// transaction, it raises the name's generation, a number in a table of this library, and reads the
// cursor from the Rust store's table. If the lock is taken, it looks again every 10 ms for half a
// second, since the holder may be releasing the name. Then it ends a holder that was silent for 6 s
// and goes on, or fails with DurableStreamActive (silent_holder.go).
//
// # Proofs
//
// A lock alone does not make a delivery safe: the server may have dropped it, because it took this
// process for dead. So a goroutine (keep) sends SELECT 1 over the connection each second. An answer
// proves that the session, and thus its locks, existed after the moment of sending. Before each
// delivery the stream calls confirm, which waits until that moment is less than 3 s ago, by the
// monotonic clock and by the wall clock: one stands still in a suspended machine, and the other can
// be set.
//
//	1 s   a proof is sent
//	3 s   without a proof no delivery starts
//	5 s   the server drops a client whose host does not answer (TCP keepalives), with its locks
//	6 s   another store that wants the name may end the connection: if the server shows it idle for
//	      3 s, and hears nothing for 3 s by the other store's clock, in case the server's was set
//
// So a cut-off holder has stopped starting deliveries before anybody else gets its name. Two cases
// remain in which deliveries of two holders overlap: a handler that was called before and still
// runs; and a server that restarts, or a session that somebody ends, which frees the locks at once,
// while the last proof is good for up to 3 s. This is within the contract: delivery is at least
// once, and the former holder cannot write the cursor.
//
// # After a lost connection
//
// On a new connection reclaim ends the former session, which may still hold the locks (same login,
// so it may). It takes the locks of all leases in one statement, and then reads the generations:
//
//	generation   lock    what happens
//	raised       either  another store registered the name: the lock, if taken, is given back, and
//	                     the stream ends with DurableStreamLost
//	unchanged    taken   the lease goes on, proven by this
//	             by us
//	unchanged    of      somebody is between lock and generation, or the former session is not gone:
//	             others  tried again at the next proof; deliveries stop when the 3 s are over
//
// Should ending the former session fail, the new connection is dropped and the whole repeated;
// streams wait until then.
//
// # The fence
//
// A cursor write first reads the generations of its names FOR SHARE and moves only the cursors
// whose generation is still that of the lease, in one transaction. A registration waits for such a
// write, or the write sees the new generation and has no effect. Then the lease is lost too
// (loseStale).
//
// # What is not covered
//
//   - A proof does not ask whether the server is still the primary. Across a failover, a holder
//     that reaches only the isolated old primary goes on there, beside a new holder. Its cursors go
//     to the abandoned log.
//   - A proxy answers keepalives itself, and a Unix socket has none. There a hung holder keeps its
//     name until somebody wants it (6 s).
//   - Only an idle session is ended. One that is stuck in a statement, or whose role ours may not
//     act for, keeps the name until its server session ends.
//
// # Who owns what
//
// The session is used by whoever has the token in using; mu guards the map and the leases' fields.
// Token before mu. A slow cursor write holds the token and delays proofs, so deliveries pause. What
// uses the session runs to its end on a goroutine of its own even if its caller gave up: abandoning
// a statement closes the connection, and with it every other lease. Close ends the keeper, then the
// session, and the server frees the locks.
//
// Rejected: rows with an expiry date (clocks of hosts and server differ, and each heartbeat is a
// write); transaction-level locks (the open transaction holds back vacuum); a connection for each
// name; writing cursors over the pool (a store that has lost its locks could still write); the
// generation in the Rust store's cursor table (its format is fixed).
//
// SQLite needs no proofs: its lease is a kernel lock, which ends with the process
// (core/sqlite/leases.go). See also core/DESIGN.md: "who holds a durable name proves it each
// second", "durable generations live in a side table".

const (
	provenEvery    = time.Second
	provenFor      = 3 * time.Second
	silentShown    = "3 s" // by the server's clock; then it is watched for provenFor
	proofTimeout   = 5 * time.Second
	claimGrace     = 500 * time.Millisecond // for a name that its holder is just releasing
	claimPause     = 10 * time.Millisecond
	watchPause     = 100 * time.Millisecond // while a holder is watched
	reclaimPause   = 50 * time.Millisecond
	reclaimPauseMx = time.Second
)

// leases are the durable names that this store holds.
type leases struct {
	backend *backend
	using   chan struct{} // holds the one token
	session *session      // guarded by the token; nil before it is opened and after it was lost
	pid     atomic.Int64  // of the session's backend, 0 without a session
	closed  bool          // guarded by the token
	trouble factstr.Trouble

	clockSet string // how far the server's clock was set, an interval of SQL; for tests

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
	l.clockSet = "0 s"
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
		l.useSession(nil)
	}
	l.using <- struct{}{}
}

// with runs use with the session. It opens a new session if there is none, and reclaims the leases
// on it; it drops a session that use finds lost. If ctx ends, with returns, but use runs on.
func (l *leases) with(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	done, err := l.begin(ctx, use)
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withToEnd is with for a caller that must know how use ended: if ctx ends before use begins, use
// is not called; after that withToEnd waits for it, which takes no longer than the response
// timeout.
func (l *leases) withToEnd(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	done, err := l.begin(ctx, use)
	if err != nil {
		return err
	}
	return <-done
}

// begin starts use when nobody else has the session. done gives how it ended.
func (l *leases) begin(
	ctx context.Context, use func(ctx context.Context, s *session) error,
) (done <-chan error, err error) {
	select {
	case <-l.using:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ended := make(chan error, 1)
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
			ended <- err
		}()
		err = late(limited, l.use(limited, use), l.backend.options.ResponseTimeout)
	}()
	return ended, nil
}

// use is the part of with that needs the token.
func (l *leases) use(ctx context.Context, use func(ctx context.Context, s *session) error) error {
	if l.closed {
		return factstr.ErrStoreClosed()
	}
	if !l.session.alive() {
		l.useSession(nil)
		config := copied(l.backend.direct)
		inFullView(config)
		s, err := connect(ctx, config, false)
		if err != nil {
			l.away("the connection that holds durable names cannot be made: their streams wait", err)
			return err
		}
		limited, cancel := context.WithTimeout(ctx, l.backend.options.ConnectTimeout)
		defer cancel()
		if _, err := l.reclaim(limited, s); err != nil {
			s.drop()
			return err
		}
		l.useSession(s)
		l.backend.reconnected(&l.trouble, factstr.TaskLeases)
	}
	err := use(ctx, l.session)
	if lost(err) || state(err) == readOnlyTransaction || errors.Is(err, errSwallowed) {
		l.away("the connection that holds durable names was lost: their streams wait until they are proven to be held again", err)
		l.session.drop()
		l.useSession(nil)
	}
	return err
}

// away logs an outage if names are held. Who only wants one, as on a standby, is told by the error.
func (l *leases) away(what string, err error) {
	l.mu.Lock()
	held := len(l.held)
	l.mu.Unlock()
	if held > 0 {
		l.backend.away(&l.trouble, factstr.TaskLeases, what, err)
	}
}

// useSession replaces the session. The caller has the token.
func (l *leases) useSession(s *session) {
	l.session = s
	if s == nil {
		l.pid.Store(0)
	} else {
		l.pid.Store(s.server.pid)
	}
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
