package postgres

import (
	"context"
	"strconv"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// ClaimStream takes the name, then reads or makes its cursor row. The order of the refusals is that
// of the Rust store: another query before an active name.
func (b *backend) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (factstr.StreamClaim, error) {
	c := &claiming{backend: b, name: name, query: query}
	for begun := time.Now(); ; {
		err := b.names.with(ctx, c.try)
		waited := time.Since(begun)
		switch {
		case lost(err) && ctx.Err() == nil && waited < claimGrace: // the connection was idle while the server restarted: again, after a pause
		case err != nil:
			c.leave()
			return factstr.StreamClaim{}, failure("registering a durable stream", err)
		case c.hold != nil:
			return c.claim, nil
		}
		// Another store has it, may be freeing it this moment, or has stopped without closing its
		// connection.
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
	if _, err := b.readCursor(ctx, s, c.name, c.query); err != nil {
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

var evictSilent = spelled("SELECT pg_catalog.count(*) FROM (SELECT pg_catalog.pg_terminate_backend(a.pid, 1000) AS ended" + lockHolders +
	" AND a.state {=} 'idle' AND pg_catalog.clock_timestamp() {-} a.state_change {>} INTERVAL '" + silentHolder + "') e WHERE ended")

// evictSilent ends the connection of a store that holds a name and has not proven for too long that
// it is there.
func (b *backend) evictSilent(ctx context.Context, s *session, name string) (evicted int64, err error) {
	key := lockKey("name", b.schema, name)
	err = s.asLogin(ctx, evictSilent, func(row [][]byte) bool {
		evicted = int64Of(row[0])
		return false
	}, int64(uint64(key)>>32), int64(uint32(key)))
	return evicted, err
}

// storedCursor is what the database holds of a durable name.
type storedCursor struct {
	found  bool
	number int64
	head   factstr.Head // of the log that it is of
}

// readCursor returns a name's cursor, and refuses a query that is not the name's.
func (b *backend) readCursor(ctx context.Context, s *session, name string, query factstr.DurableQuery) (stored storedCursor, err error) {
	same := true
	err = s.rows(ctx, b.texts.cursor, func(row [][]byte) bool {
		stored = storedCursor{found: true, number: max(int64Of(row[2]), 0)}
		if row[3] != nil {
			stored.head = headOf(row[3], row[4])
		}
		same = query.Same(string(row[0]), string(row[1]))
		return false
	}, name)
	if err == nil && !same {
		err = factstr.ErrQueryMismatch(name)
	}
	return stored, err
}

// register raises the generation and reads the cursor, in this order: a cursor write of an older
// generation is then either in the cursor or without effect.
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
	generation, raised, err := s.one(ctx, b.texts.raise, name, query.Exact)
	if err != nil {
		return claim, err
	}
	if err := s.run(ctx, b.texts.enter, name, query.Text); err != nil {
		return claim, err
	}
	stored, err := b.readCursor(ctx, s, name, query)
	if err != nil {
		return claim, err
	}
	if !raised || !stored.found {
		return claim, swallowed("registering a durable stream", "the rows of its name are not in durable_stream_cursors and "+generationsTable)
	}
	if err := s.script(ctx, "COMMIT"); err != nil {
		return claim, err
	}
	committed = true
	return factstr.StreamClaim{Generation: uint64(generation), Cursor: uint64(stored.number), Head: stored.head}, nil
}

// WriteCursors moves the cursors, and looks at the log after that, in a statement of its own: the
// first may have waited for a restore, whose log it does not see. From then on nobody can set the
// cursors back before the transaction ends.
func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	names, generations, numbers := make([]string, len(writes)), make([]int64, len(writes)), make([]int64, len(writes))
	for i, write := range writes {
		names[i], generations[i], numbers[i] = write.Name, int64(write.Generation), int64(write.SequenceNumber)
	}
	head := writes[0].Head // of all, since they are of one log
	err := b.names.with(ctx, func(ctx context.Context, s *session) error {
		now, there := map[string]cursorNow{}, false
		err := b.inTransaction(ctx, s, func(begin before) error {
			ahead := []before{begin, {text: b.texts.cursors, visit: func([][]byte) {}, values: []any{names, generations, numbers}}}
			_, err := s.inOneTrip(ctx, ahead, b.texts.cursorsNow, all(func(row [][]byte) {
				now[string(row[0])] = cursorNow{generation: int64Of(row[1]), number: int64Of(row[2]), found: row[2] != nil}
				there = boolOf(row[3])
			}), names, generations, numbers, int64(head.SequenceNumber), headTime(head))
			if err == nil && !there {
				return factstr.NewError(factstr.CodeLogTruncated, "postgres: the log went backwards or was replaced: fact %d of %s is not in it any more, so durable cursors were not moved", head.SequenceNumber, head.OccurredAt)
			}
			if err != nil {
				return err
			}
			return wantMoved(writes, now)
		})
		if err == nil {
			b.letGo(ctx, s, writes, now)
		}
		return err
	})
	return failure("storing durable cursors", err)
}

// cursorNow is what the database holds of a durable name after its cursor was to be moved.
type cursorNow struct {
	generation, number int64
	found              bool
}

// is reports whether the cursor is still that of a registration.
func (c cursorNow) is(write factstr.CursorWrite) bool {
	return c.found && c.generation == int64(write.Generation)
}

// wantMoved wants each cursor to be where it was moved.
func wantMoved(writes []factstr.CursorWrite, now map[string]cursorNow) error {
	for _, write := range writes {
		if cursor := now[write.Name]; cursor.is(write) && cursor.number < int64(write.SequenceNumber) {
			return swallowed("storing durable cursors", "the cursor of durable stream "+strconv.Quote(write.Name)+" is not where it was moved")
		}
	}
	return nil
}

// letGo ends streams whose names were registered by somebody else, or removed, since they were
// registered here.
func (b *backend) letGo(ctx context.Context, s *session, writes []factstr.CursorWrite, now map[string]cursorNow) {
	for _, write := range writes {
		if !now[write.Name].is(write) {
			b.names.lose(ctx, s, write.Name, int64(write.Generation))
		}
	}
}

// inTransaction runs use in a transaction that use begins by a statement in front of its own, and
// commits it if use succeeds.
func (b *backend) inTransaction(ctx context.Context, s *session, use func(begin before) error) error {
	err := use(before{text: "BEGIN ISOLATION LEVEL READ COMMITTED", visit: func([][]byte) {}})
	if err == nil {
		return s.script(ctx, "COMMIT")
	}
	if s.alive() {
		if undo := s.script(context.WithoutCancel(ctx), "ROLLBACK"); undo != nil {
			s.drop()
		}
	}
	return err
}
