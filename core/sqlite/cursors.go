package sqlite

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	insertCursor = "INSERT INTO subscriber_cursors (subscriber_id, event_query, last_processed_sequence_number) VALUES (?1, ?2, 0)"
	updateCursor = "UPDATE subscriber_cursors SET last_processed_sequence_number = ?1 WHERE subscriber_id = ?2"
	// raiseGeneration stores a generation above every one that a lost table may have given out.
	raiseGeneration = `INSERT INTO factstr_durable_streams (name, generation, exact_query) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, exact_query = excluded.exact_query`
	noteHolder = `INSERT INTO factstr_durable_holders (name, generation, holder) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, holder = excluded.holder`
)

// storedCursor is what the database knows of a durable name.
type storedCursor struct {
	found        bool
	query, exact string
	position     int64
	generation   int64
}

// next returns the generation of the next registration or change of the name: above that one, and
// above all that a lost table may have given out.
func (s storedCursor) next() int64 { return max(s.generation+1, time.Now().UnixMicro()) }

func readCursor(c *conn, name string) (stored storedCursor, err error) {
	const find = `SELECT k.event_query, k.last_processed_sequence_number, d.generation, d.exact_query FROM subscriber_cursors k
		LEFT JOIN factstr_durable_streams d ON d.name = k.subscriber_id WHERE k.subscriber_id = ?1`
	sound := true
	err = c.each(find, func(row []any) bool {
		stored = storedCursor{found: true, query: textOf(row[0]), exact: textOf(row[3])}
		stored.position, sound = row[1].(int64)
		stored.position = max(stored.position, 0)
		stored.generation, _ = row[2].(int64)
		return false
	}, name)
	if err == nil && !sound {
		err = factstr.NewError(factstr.CodeCorrupt, "sqlite: the cursor of durable stream %q is no whole number; repair its row in subscriber_cursors", name)
	}
	return stored, err
}

// WriteCursors checks that the log is the one that was handled, and moves the cursors, in one
// transaction: whatever it waited for, such as a restore, nothing comes between check and write. It
// ends the streams whose names have another generation by now: somebody registered the name without
// seeing the lease.
func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	var lost []factstr.CursorWrite
	err := b.write(ctx, "storing durable cursors", func(c *conn) (moved bool, err error) {
		for _, write := range writes {
			if there, err := holds(c, write.Head); err != nil {
				return false, err
			} else if !there {
				return false, factstr.NewError(factstr.CodeLogTruncated, "the log went backwards or was replaced: event %s is not in it any more, so the cursor of durable stream %q was not moved to %d",
					write.Head, write.Name, write.SequenceNumber)
			}
			stored, err := readCursor(c, write.Name)
			if err != nil {
				return false, err
			}
			ours := stored.generation == int64(write.Generation)
			if !ours {
				lost = append(lost, write)
			}
			if !stored.found || !ours || stored.position >= int64(write.SequenceNumber) {
				continue
			}
			if err := c.change("subscriber_cursors", updateCursor, int64(write.SequenceNumber), write.Name); err != nil {
				return false, err
			}
			moved = true
		}
		return moved, nil
	})
	if err == nil {
		for _, write := range lost {
			b.leases.lose(write.Name, int64(write.Generation))
		}
	}
	return err
}

// ReadCursor reads it by a connection that only reads, so it waits for no writer.
func (b *backend) ReadCursor(ctx context.Context, name string) (cursor uint64, found bool, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		const find = "SELECT last_processed_sequence_number FROM subscriber_cursors WHERE subscriber_id = ?1"
		return r.conn.each(find, func(row []any) bool {
			position, _ := row[0].(int64)
			cursor, found = uint64(max(position, 0)), true
			return false
		}, name)
	})
	return cursor, found, err
}

// holds reports whether the log holds the fact that was once its head. Every log holds the head of
// an empty one.
func holds(c *conn, head factstr.Head) (there bool, err error) {
	if head == (factstr.Head{}) {
		return true, nil
	}
	err = c.each("SELECT occurred_at FROM events WHERE sequence_number = ?1", func(row []any) bool {
		there = textOf(row[0]) == head.OccurredAt
		return false
	}, int64(head.SequenceNumber))
	return there, err
}
