package postgres

import (
	"context"
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
)

// storedCursor is what the database holds of a durable name.
type storedCursor struct {
	found        bool
	query, exact string
	number       int64
	head         factstr.Head // of the log from which it was read
}

// readCursor returns the cursor of a name. It fails if the name was registered with another query.
func (b *backend) readCursor(
	ctx context.Context, s *session, name string, query factstr.DurableQuery,
) (stored storedCursor, err error) {
	stored, err = b.lookUp(ctx, s, name)
	if err == nil && stored.found && !query.Same(stored.query, stored.exact) {
		err = factstr.ErrQueryMismatch(name)
	}
	return stored, err
}

func (b *backend) lookUp(ctx context.Context, s *session, name string) (stored storedCursor, err error) {
	err = s.rows(ctx, b.statements.readCursor, func(row [][]byte) bool {
		stored = storedCursor{found: true, query: string(row[0]), exact: string(row[1]),
			number: max(int64Of(row[2]), 0)}
		if row[3] != nil {
			stored.head = headOf(row[3], row[4])
		}
		return false
	}, name)
	return stored, err
}

// ReadCursor reads it by a connection of the pool: it needs no lease.
func (b *backend) ReadCursor(ctx context.Context, name string) (cursor uint64, found bool, err error) {
	err = b.withRetry(ctx, func(ctx context.Context, s *session) (err error) {
		var position int64
		position, found, err = s.one(ctx, b.statements.storedCursor, name)
		cursor = uint64(max(position, 0))
		return err
	})
	return cursor, found, failure("reading a durable cursor", err)
}

// WriteCursors moves the cursors first and looks at the log afterwards, in a statement of its own.
// The first statement may have waited for a restore, whose log only a later statement sees; and
// once it has the rows, nobody can set the cursors back before the transaction ends. If the log
// does not hold the writes' head any more, all of it is undone (G24).
func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	names, generations, numbers := make([]string, len(writes)), make([]int64, len(writes)), make([]int64, len(writes))
	for i, write := range writes {
		names[i], generations[i], numbers[i] = write.Name, int64(write.Generation), int64(write.SequenceNumber)
	}
	head := writes[0].Head // the same for all, since they belong to one log
	err := b.leases.with(ctx, func(ctx context.Context, s *session) error {
		now, there := map[string]cursorNow{}, false
		err := b.inTransaction(ctx, s, func(begin before) error {
			ahead := []before{begin, {text: b.statements.moveCursors, visit: func([][]byte) {},
				values: []any{names, generations, numbers}}}
			_, err := s.inOneTrip(ctx, ahead, b.statements.readMoved, all(func(row [][]byte) {
				now[string(row[0])] = cursorNow{generation: int64Of(row[1]), number: int64Of(row[2]),
					found: row[2] != nil}
				there = boolOf(row[3])
			}), names, generations, numbers, int64(head.SequenceNumber), headTime(head))
			if err == nil && !there {
				return factstr.NewError(factstr.CodeLogTruncated,
					"postgres: the log went backwards or was replaced: fact %d of %s is not in it any more, so durable cursors were not moved", head.SequenceNumber, head.OccurredAt)
			}
			if err != nil {
				return err
			}
			return wantMoved(writes, now)
		})
		if err == nil {
			b.loseStale(ctx, s, writes, now)
		}
		return err
	})
	return failure("storing durable cursors", err)
}

// cursorNow is what the database holds of a durable name after WriteCursors.
type cursorNow struct {
	generation, number int64
	found              bool
}

// is reports whether the name's generation is still that of the write.
func (c cursorNow) is(write factstr.CursorWrite) bool {
	return c.found && c.generation == int64(write.Generation)
}

// wantMoved fails if a cursor is not where it was moved to, as a trigger of others may cause.
func wantMoved(writes []factstr.CursorWrite, now map[string]cursorNow) error {
	for _, write := range writes {
		if cursor := now[write.Name]; cursor.is(write) && cursor.number < int64(write.SequenceNumber) {
			return swallowed("storing durable cursors",
				"the cursor of durable stream "+strconv.Quote(write.Name)+" is not where it was moved")
		}
	}
	return nil
}

// loseStale ends the leases on names that were registered by somebody else, or removed, since they
// were registered here.
func (b *backend) loseStale(ctx context.Context, s *session, writes []factstr.CursorWrite, now map[string]cursorNow) {
	for _, write := range writes {
		if !now[write.Name].is(write) {
			b.leases.lose(ctx, s, write.Name, int64(write.Generation))
		}
	}
}

// inTransaction runs use in a transaction, and commits it if use succeeds. use sends begin ahead of
// its own statements, which saves a round trip.
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
