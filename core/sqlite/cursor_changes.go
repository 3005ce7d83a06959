package sqlite

import (
	"context"
	"slices"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// Changes of cursors that no stream makes
//
// A change is one transaction, in which it takes the leases of the names that it concerns, as a
// registration does (claim.go), and gives them back when the transaction has ended, however it
// ends. Registrations and changes of all processes come one after the other by SQLite's write lock,
// so a name is either held, and the change is refused, or nobody can register it before the change
// is committed.
//
// A name that is deleted keeps its rows in our own two tables: its generation, since a former
// stream may still hold a batch and try to move the cursor, and its slot, which must never become
// another name's.

const (
	resetCursor  = "UPDATE subscriber_cursors SET last_processed_sequence_number = ?1 WHERE subscriber_id = ?2"
	deleteCursor = "DELETE FROM subscriber_cursors WHERE subscriber_id = ?1"
	deleteHolder = "DELETE FROM factstr_durable_holders WHERE name = ?1"
)

// change makes one change under the leases of names.
func (b *backend) change(ctx context.Context, doing string, names []string, change func(c *conn) error) error {
	type taking struct {
		slot  int64
		taken *lease
	}
	var takings []taking
	defer func() {
		for _, t := range takings {
			b.leases.free(t.slot, t.taken)
		}
	}()
	return b.write(ctx, doing, func(c *conn) (bool, error) {
		if err := makeDurableTables(c); err != nil {
			return false, err
		}
		for _, name := range names {
			slot, err := slotOf(c, name)
			if err != nil {
				return false, err
			}
			taken, err := b.leases.take(name, slot)
			if err != nil {
				return false, err
			}
			if taken == nil {
				return false, factstr.ErrStreamActive(name)
			}
			takings = append(takings, taking{slot, taken})
		}
		return true, change(c)
	})
}

func (b *backend) ResetCursor(ctx context.Context, name string, to uint64) error {
	return b.change(ctx, "resetting a durable cursor", []string{name}, func(c *conn) error {
		stored, err := knownCursor(c, "name", name)
		if err != nil {
			return err
		}
		head, err := readHead(c)
		if err != nil {
			return err
		}
		if to > head.SequenceNumber {
			return factstr.ErrCursorBeyond(to, head.SequenceNumber)
		}
		if err := raise(c, name, stored); err != nil {
			return err
		}
		if err := c.run(removeAbove, name, int64(to)); err != nil || stored.position == int64(to) {
			return err
		}
		return c.change("subscriber_cursors", resetCursor, int64(to), name)
	})
}

func (b *backend) CopyCursor(ctx context.Context, from, to string) error {
	return b.change(ctx, "copying a durable cursor", []string{from, to}, func(c *conn) error {
		original, err := knownCursor(c, "from", from)
		if err != nil {
			return err
		}
		former, err := readCursor(c, to)
		if err != nil {
			return err
		}
		if former.found {
			return factstr.ErrCursorKnown(to)
		}
		if former.generation, err = generationOf(c, to); err != nil {
			return err
		}
		former.exact = original.exact
		if err := raise(c, to, former); err != nil {
			return err
		}
		if err := c.change("subscriber_cursors", insertCursor, to, original.query); err != nil {
			return err
		}
		if err := c.run(copyParked, from, to); err != nil || original.position == 0 {
			return err
		}
		return c.change("subscriber_cursors", resetCursor, original.position, to)
	})
}

func (b *backend) DeleteCursor(ctx context.Context, name string) error {
	return b.change(ctx, "deleting a durable cursor", []string{name}, func(c *conn) error {
		stored, err := knownCursor(c, "name", name)
		if err != nil {
			return err
		}
		if count, err := c.one(countParked, name); err != nil {
			return err
		} else if count != int64(0) {
			return factstr.ErrStillParked(name)
		}
		stored.exact = ""
		if err := raise(c, name, stored); err != nil {
			return err
		}
		if err := c.run(deleteHolder, name); err != nil {
			return err
		}
		return c.change("subscriber_cursors", deleteCursor, name)
	})
}

// knownCursor fails if the name, which is in that field, was never registered.
func knownCursor(c *conn, field, name string) (stored storedCursor, err error) {
	stored, err = readCursor(c, name)
	if err == nil && !stored.found {
		err = factstr.ErrCursorUnknown(field, name)
	}
	return stored, err
}

// raise stores the next generation of a name.
func raise(c *conn, name string, stored storedCursor) error {
	return c.change(rustformat.Generations, raiseGeneration, name, stored.next(), stored.exact)
}

// generationOf returns the generation of a name that has no cursor, as after a deletion.
func generationOf(c *conn, name string) (int64, error) {
	value, err := c.one("SELECT generation FROM factstr_durable_streams WHERE name = ?1", name)
	generation, _ := value.(int64)
	return generation, err
}

// ListCursors reads what is stored by a connection that only reads, and then asks for the leases.
func (b *backend) ListCursors(ctx context.Context) ([]factstr.CursorState, error) {
	var cursors []factstr.CursorState
	var slots []int64 // 0 for a name that was never registered by this library
	err := b.readers.with(ctx, func(r *reader) error {
		cursors, slots = nil, nil
		ours, err := durableTables(r.conn)
		if err != nil {
			return err
		}
		list := "SELECT k.subscriber_id, k.event_query, k.last_processed_sequence_number"
		from := " FROM subscriber_cursors k"
		for _, one := range []struct{ table, columns, join string }{
			{rustformat.Generations, ", d.exact_query, d.generation", " LEFT JOIN factstr_durable_streams d ON d.name = k.subscriber_id"},
			{slotsTable, ", n.slot", " LEFT JOIN factstr_durable_names n ON n.name = k.subscriber_id"},
			{holdersTable, ", h.holder", " LEFT JOIN factstr_durable_holders h ON h.name = k.subscriber_id AND h.generation = d.generation"},
		} {
			if ours[one.table] && (one.table != holdersTable || ours[rustformat.Generations]) {
				list, from = list+one.columns, from+one.join
			} else {
				list += strings.Repeat(", NULL", strings.Count(one.columns, ","))
			}
		}
		if there, err := hasParked(r.conn); err != nil {
			return err
		} else if there {
			list += ", (SELECT count(*) FROM factstr_parked_batches p WHERE p.name = k.subscriber_id)"
		} else {
			list += ", 0"
		}
		return r.conn.each(list+from+" ORDER BY k.subscriber_id", func(row []any) bool {
			position, _ := row[2].(int64)
			generation, _ := row[4].(int64)
			slot, _ := row[5].(int64)
			parked, _ := row[7].(int64)
			cursors = append(cursors, factstr.CursorState{Name: textOf(row[0]), Cursor: uint64(max(position, 0)),
				Query: factstr.ExactQuery(textOf(row[1]), textOf(row[3])), Generation: uint64(generation),
				HeldBy: textOf(row[6]), Parked: int(parked)})
			slots = append(slots, slot&hashMask)
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	return cursors, b.askHolders(ctx, cursors, slots)
}

// durableTables returns which of our own tables there are: a database of the Rust store has none.
func durableTables(c *conn) (map[string]bool, error) {
	there := map[string]bool{}
	err := c.each("SELECT lower(name) FROM sqlite_master WHERE type = 'table' AND lower(name) LIKE 'factstr!_durable!_%' ESCAPE '!'", func(row []any) bool {
		there[textOf(row[0])] = true
		return true
	})
	return there, err
}

// askHolders fills in who has each name: HeldBy holds who registered it last.
func (b *backend) askHolders(ctx context.Context, cursors []factstr.CursorState, slots []int64) error {
	if oslock.AskingTakes && !b.guard.ReadOnly() && slices.Max(append(slots, 0)) > 0 {
		// A registration at that moment would be refused.
		b.writing.Lock()
		defer b.writing.Unlock()
		if err := b.enter(ctx, "listing durable cursors"); err != nil {
			return err
		}
		defer func() { _ = b.turnstile.Leave() }()
	}
	for i, slot := range slots {
		by, err := b.leases.holder(slot)
		if err != nil {
			return err
		}
		if by == heldElsewhere {
			by = strings.TrimSpace(cursors[i].HeldBy)
			if by == "" {
				by = heldElsewhere
			}
		}
		cursors[i].HeldBy = by
	}
	return nil
}
