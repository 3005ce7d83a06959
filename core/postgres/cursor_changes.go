package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// Changes of cursors that no stream makes
//
// A change takes the locks of the names that it concerns on the session of the leases, makes its
// change in one transaction there, and gives the locks back: all in one use of the session, so that
// it meets neither a registration of this store nor, by the locks, one of another. It waits for a
// name that is just being released, and ends a silent holder, as a registration does (whileFree).
//
// The transaction first raises the generation, which waits for a cursor write that has read the old
// one (moveCursors) and makes every later one ineffective. So nothing moves the cursor after the
// change but a stream that was registered after it.
//
// The row of a deleted name's generation stays: a former stream may still hold a batch and try to
// move the cursor of whoever registers the name next.

// change makes one change under the locks of names. Once it has begun it runs to its end, so a
// caller that gives up while it waits for a name has changed nothing.
func (b *backend) change(
	ctx context.Context, doing string, names []string, change func(ctx context.Context, s *session) error,
) error {
	if err := b.readOnly(doing); err != nil {
		return err
	}
	held := ""
	try := func(ctx context.Context, s *session) (err error) {
		held = ""
		var locked []string
		defer func() {
			for _, name := range locked {
				if s.alive() {
					_ = b.leases.unlock(context.WithoutCancel(ctx), s, name)
				}
			}
		}()
		for _, name := range names {
			b.leases.mu.Lock()
			_, ours := b.leases.held[name]
			b.leases.mu.Unlock()
			if ours {
				return factstr.ErrStreamActive(name)
			}
			taken, err := b.leases.lock(ctx, s, name)
			if err != nil {
				return err
			}
			if !taken {
				held = name
				return nil
			}
			locked = append(locked, name)
		}
		return b.changeLocked(ctx, doing, s, change)
	}
	err := b.whileFree(ctx, b.leases.withToEnd, try, func() string { return held })
	return b.namingGrants(ctx, doing, err)
}

// changeLocked makes the change in a transaction.
func (b *backend) changeLocked(
	ctx context.Context, doing string, s *session, change func(ctx context.Context, s *session) error,
) error {
	if err := s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED"); err != nil {
		return err
	}
	if err := change(ctx, s); err != nil {
		if s.alive() && s.script(context.WithoutCancel(ctx), "ROLLBACK") != nil {
			s.drop()
		}
		return err
	}
	err := s.script(ctx, "COMMIT")
	var refused *pgconn.PgError
	if err != nil && !errors.As(err, &refused) {
		s.drop()
		err = factstr.NewError(factstr.CodeCommitUnknown,
			"postgres: %s: the connection was lost before the server answered; look whether it was done: %w", doing, err)
	}
	return err
}

func (b *backend) ResetCursor(ctx context.Context, name string, to uint64) error {
	return b.change(ctx, "resetting a durable cursor", []string{name}, func(ctx context.Context, s *session) error {
		stored, err := b.knownCursor(ctx, s, "name", name)
		if err != nil {
			return err
		}
		if head := stored.head.SequenceNumber; to > head {
			return factstr.ErrCursorBeyond(to, head)
		}
		if err := b.raise(ctx, s, name, stored.exact); err != nil {
			return err
		}
		err = b.whereParked(ctx, s, func() error { return s.run(ctx, b.statements.removeAbove, name, int64(to)) })
		if err != nil {
			return err
		}
		return b.set(ctx, s, name, int64(to))
	})
}

func (b *backend) CopyCursor(ctx context.Context, from, to string) error {
	names := []string{from, to}
	return b.change(ctx, "copying a durable cursor", names, func(ctx context.Context, s *session) error {
		original, err := b.knownCursor(ctx, s, "from", from)
		if err != nil {
			return err
		}
		former, err := b.lookUp(ctx, s, to)
		if err != nil {
			return err
		}
		if former.found {
			return factstr.ErrCursorKnown(to)
		}
		if err := b.raise(ctx, s, to, original.exact); err != nil {
			return err
		}
		if err := s.run(ctx, b.statements.enterCursor, to, original.query); err != nil {
			return err
		}
		err = b.whereParked(ctx, s, func() error { return s.run(ctx, b.statements.copyParked, from, to) })
		if err != nil {
			return err
		}
		return b.set(ctx, s, to, original.number)
	})
}

func (b *backend) DeleteCursor(ctx context.Context, name string) error {
	return b.change(ctx, "deleting a durable cursor", []string{name}, func(ctx context.Context, s *session) error {
		if _, err := b.knownCursor(ctx, s, "name", name); err != nil {
			return err
		}
		err := b.whereParked(ctx, s, func() error {
			parked, _, err := s.one(ctx, b.statements.countParked, name)
			if err == nil && parked > 0 {
				err = factstr.ErrStillParked(name)
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := b.raise(ctx, s, name, ""); err != nil {
			return err
		}
		if err := s.run(ctx, b.statements.deleteCursor, name); err != nil {
			return err
		}
		if stored, err := b.lookUp(ctx, s, name); err != nil || !stored.found {
			return err
		}
		return swallowed("deleting a durable cursor", "its row is still in durable_stream_cursors")
	})
}

// knownCursor fails if the name, which is in that field, was never registered.
func (b *backend) knownCursor(ctx context.Context, s *session, field, name string) (storedCursor, error) {
	stored, err := b.lookUp(ctx, s, name)
	if err == nil && !stored.found {
		err = factstr.ErrCursorUnknown(field, name)
	}
	return stored, err
}

// raise stores the next generation of a name.
func (b *backend) raise(ctx context.Context, s *session, name, exact string) error {
	_, raised, err := s.one(ctx, b.statements.raiseGeneration, name, exact)
	if err == nil && !raised {
		err = swallowed("changing a durable cursor", "the row of its name is not in "+rustformat.Generations)
	}
	return err
}

// set moves a cursor in any direction.
func (b *backend) set(ctx context.Context, s *session, name string, to int64) error {
	number, found, err := s.one(ctx, b.statements.setCursor, name, to)
	if err == nil && (!found || number != to) {
		err = swallowed("changing a durable cursor", "the cursor is not where it was set")
	}
	return err
}
