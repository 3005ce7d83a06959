package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// parkedTable holds the batches that were put aside.
const parkedTable = "factstr_parked_batches"

const (
	countParked  = "SELECT count(*) FROM factstr_parked_batches WHERE name = ?1"
	insertParked = `INSERT INTO factstr_parked_batches (name, position, first, error, attempts, parked_at, redelivering)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0) ON CONFLICT (name, position) DO UPDATE SET first = min(first,
			excluded.first),
		error = excluded.error, attempts = excluded.attempts, parked_at = excluded.parked_at, redelivering = 0`
	listParked = `SELECT position, first, error, attempts, parked_at, redelivering FROM factstr_parked_batches
		WHERE name = ?1 ORDER BY position`
	markOne     = "UPDATE factstr_parked_batches SET redelivering = 1 WHERE name = ?1 AND position = ?2"
	markAll     = "UPDATE factstr_parked_batches SET redelivering = 1 WHERE name = ?1"
	removeOne   = "DELETE FROM factstr_parked_batches WHERE name = ?1 AND position = ?2"
	removeAll   = "DELETE FROM factstr_parked_batches WHERE name = ?1"
	removeAbove = "DELETE FROM factstr_parked_batches WHERE name = ?1 AND first > ?2"
	copyParked  = `INSERT INTO factstr_parked_batches (name, position, first, error, attempts, parked_at, redelivering)
		SELECT ?2, position, first, error, attempts, parked_at, redelivering FROM factstr_parked_batches WHERE name = ?1`
	failAgain = `UPDATE factstr_parked_batches SET error = ?3, attempts = ?4, redelivering = 0 WHERE name = ?1 AND position = ?2`
)

func (b *backend) ParkBatch(ctx context.Context, move factstr.CursorWrite, batch factstr.ParkedBatch) error {
	return b.write(ctx, "parking a batch", func(c *conn) (bool, error) {
		if there, err := holds(c, move.Head); err != nil {
			return false, err
		} else if !there {
			return false, factstr.NewError(factstr.CodeLogTruncated, "the log went backwards or was replaced: event %s is not in it any more, so no batch of durable stream %q was parked", move.Head, move.Name)
		}
		stored, err := readCursor(c, move.Name)
		if err != nil {
			return false, err
		}
		if !stored.found || stored.generation != int64(move.Generation) {
			return false, factstr.ErrStreamLost(move.Name)
		}
		count, err := c.one(countParked, move.Name)
		if err != nil {
			return false, err
		}
		if parked, _ := count.(int64); parked >= factstr.ParkedMax {
			return false, factstr.ErrParkedFull(move.Name)
		}
		if err := c.change(parkedTable, insertParked, move.Name, int64(batch.Position), int64(batch.First),
			batch.Error, int64(batch.Attempts), batch.ParkedAt); err != nil {
			return false, err
		}
		if stored.position >= int64(move.SequenceNumber) {
			return true, nil
		}
		return true, c.change("subscriber_cursors", updateCursor, int64(move.SequenceNumber), move.Name)
	})
}

func (b *backend) ListParked(ctx context.Context, name string) (parked []factstr.ParkedBatch, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		parked = nil
		if there, err := hasParked(r.conn); err != nil || !there {
			return err
		}
		return r.conn.each(listParked, func(row []any) bool {
			number := func(i int) int64 { n, _ := row[i].(int64); return n }
			parked = append(parked, factstr.ParkedBatch{Position: uint64(number(0)), First: uint64(number(1)),
				Error: textOf(row[2]), Attempts: int(number(3)), ParkedAt: textOf(row[4]), Redelivering: number(5) != 0})
			return true
		}, name)
	})
	return parked, err
}

// hasParked reports whether the table is there: a database of the Rust store has none.
func hasParked(c *conn) (bool, error) {
	kind, _, err := kindOf(c, parkedTable)
	return kind == "table", err
}

func (b *backend) MarkParked(ctx context.Context, name string, positions []uint64, discard bool) (found int,
	err error) {
	one, all := markOne, markAll
	if discard {
		one, all = removeOne, removeAll
	}
	err = b.write(ctx, "changing parked batches", func(c *conn) (bool, error) {
		found = 0
		if err := makeDurableTables(c); err != nil {
			return false, err
		}
		if _, err := knownCursor(c, "name", name); err != nil {
			return false, err
		}
		if len(positions) == 0 {
			s, err := c.ran(all, []any{name})
			if err == nil {
				found = int(s.changed())
			}
			return found > 0, err
		}
		seen := map[uint64]bool{}
		for _, position := range positions {
			if seen[position] {
				continue
			}
			seen[position] = true
			s, err := c.ran(one, []any{name, int64(position)})
			if err != nil {
				return false, err
			}
			found += int(s.changed())
		}
		return found > 0, nil
	})
	return found, err
}

func (b *backend) SettleParked(ctx context.Context, name string, generation, position uint64,
	failed *factstr.ParkedBatch) error {
	return b.write(ctx, "settling a parked batch", func(c *conn) (bool, error) {
		stored, err := readCursor(c, name)
		if err != nil {
			return false, err
		}
		if !stored.found || stored.generation != int64(generation) {
			return false, factstr.ErrStreamLost(name)
		}
		if failed == nil {
			return true, c.run(removeOne, name, int64(position))
		}
		return true, c.run(failAgain, name, int64(position), failed.Error, int64(failed.Attempts))
	})
}
