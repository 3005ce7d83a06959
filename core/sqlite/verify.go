package sqlite

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/jsonvalue"
	lib "modernc.org/sqlite/lib"
)

var (
	_ factstr.Verifier        = (*backend)(nil)
	_ factstr.StoredReader    = (*backend)(nil)
	_ factstr.StorageVerifier = (*backend)(nil)
	_ factstr.TermIndexed     = (*backend)(nil)
)

// ReadStored implements factstr.StoredReader. It reads in pages, as every scan does. Behind a page
// of the file that SQLite refuses it looks for the next fact that can be read.
func (b *backend) ReadStored(
	ctx context.Context, scan factstr.Scan, visit func(factstr.StoredFact) bool,
) error {
	after, upTo := scan.After, min(scan.UpTo, factstr.SequenceMax)
	for after < upTo {
		last, more, err := b.storedPage(ctx, after, upTo, visit)
		if err != nil && resultCode(err) != lib.SQLITE_CORRUPT {
			return failure("verifying", err)
		}
		if err == nil {
			if !more {
				return nil
			}
			after = last
			continue
		}
		next, found := b.readableAfter(ctx, last, upTo)
		if ctx.Err() != nil {
			return failure("verifying", ctx.Err())
		}
		gap := factstr.StoredFact{Problem: err.Error(), Unread: next}
		gap.SequenceNumber = last + 1
		if !visit(gap) || !found {
			return nil
		}
		after = next
	}
	return nil
}

// storedPage reads facts until its time is over, and returns the last one.
func (b *backend) storedPage(
	ctx context.Context, after, upTo uint64, visit func(factstr.StoredFact) bool,
) (last uint64, more bool, err error) {
	last = after
	err = b.readers.with(ctx, func(r *reader) error {
		r.conn.names.begin(true)
		defer r.conn.names.begin(false)
		rows, err := r.conn.rows(r.statements().all, 0, int64(after), int64(upTo))
		if err != nil {
			return err
		}
		defer rows.close()
		var record row
		started := time.Now()
		for n := 1; ; n++ {
			if err := rows.next(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			rows.fact(&r.conn.names, &record)
			fact := factstr.StoredFact{EventRecord: record.EventRecord, Problem: damage(&record)}
			if !visit(fact) {
				return nil
			}
			last = record.SequenceNumber
			if n%pageCheck == 0 && (ctx.Err() != nil || time.Since(started) > pageTime) {
				more = true
				return ctx.Err()
			}
		}
	})
	return last, more, err
}

// readableAfter returns the last number behind after that cannot be read: by steps that double, and
// then halve, since a damaged page holds neighbours. found is false if nothing up to upTo can be
// read.
func (b *backend) readableAfter(ctx context.Context, after, upTo uint64) (unread uint64, found bool) {
	readable := func(number uint64) bool {
		_, _, err := b.storedPage(ctx, number, upTo, func(factstr.StoredFact) bool { return false })
		return err == nil
	}
	low, step := after, uint64(1) // behind low nothing can be read
	for ; ctx.Err() == nil; step *= 2 {
		if low+step >= upTo {
			return upTo, false
		}
		if readable(low + step) {
			break
		}
		low += step
	}
	high := low + step
	for low+1 < high && ctx.Err() == nil {
		if middle := low + (high-low)/2; readable(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high, true
}

// StoredBatches implements factstr.Verifier. A last number that is no whole number ends no range.
func (b *backend) StoredBatches(
	ctx context.Context, from, to int64, limit int,
) (stored []factstr.StoredBatch, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		const find = `SELECT first_sequence_number, last_sequence_number FROM append_batches
			WHERE first_sequence_number BETWEEN ?1 AND ?2 ORDER BY first_sequence_number LIMIT ?3`
		return r.conn.each(find, func(row []any) bool {
			first, _ := row[0].(int64)
			last, whole := row[1].(int64)
			if !whole {
				last = math.MinInt64
			}
			stored = append(stored, factstr.StoredBatch{First: first, Last: last})
			return true
		}, from, to, int64(limit))
	})
	return stored, failure("verifying batches", err)
}

// StoredCursors implements factstr.Verifier.
func (b *backend) StoredCursors(
	ctx context.Context, above string, limit int,
) (stored []factstr.StoredCursor, err error) {
	err = b.readers.with(ctx, func(r *reader) error {
		kind, _, err := kindOf(r.conn, slotsTable)
		if err != nil {
			return err
		}
		shared := "0"
		if kind != "" {
			shared = `(SELECT count(*) FROM factstr_durable_names mine JOIN factstr_durable_names other ON other.slot = mine.slot
				WHERE mine.name = subscriber_id AND other.name <> mine.name)`
		}
		find := "SELECT subscriber_id, event_query, last_processed_sequence_number, " + shared + ` FROM subscriber_cursors
			WHERE subscriber_id > ?1 AND typeof(subscriber_id) = 'text' ORDER BY subscriber_id LIMIT ?2`
		return r.conn.each(find, func(row []any) bool {
			cursor := factstr.StoredCursor{Name: textOf(row[0])}
			position, whole := row[2].(int64)
			switch {
			case !whole || position < 0:
				cursor.Problem = "is no whole number from 0 on; repair its row in subscriber_cursors"
			case !jsonvalue.Valid([]byte(textOf(row[1]))):
				cursor.Problem = "has a query that is not JSON, so that no registration has the same one; repair event_query of its row in subscriber_cursors"
			case row[3] != int64(0):
				cursor.Problem = "shares its lock with another name, so that one of them cannot be active beside the other; close every store on the database and delete its row in factstr_durable_names"
			}
			cursor.SequenceNumber = uint64(max(position, 0))
			stored = append(stored, cursor)
			return true
		}, above, int64(limit))
	})
	return stored, failure("verifying cursors", err)
}

// VerifyStorage implements factstr.StorageVerifier by SQLite's own check of the whole file, with
// its indexes. It is one read transaction, during which SQLite's log file cannot start again.
func (b *backend) VerifyStorage(ctx context.Context, found func(message string)) error {
	return b.apart(ctx, func(c *conn) error {
		const most = "101"
		err := c.each("PRAGMA integrity_check("+most+")", func(row []any) bool {
			if text := textOf(row[0]); text != "ok" {
				found("SQLite's check of the file says: " + text + "; restore a backup")
			}
			return true
		})
		if resultCode(err) == lib.SQLITE_CORRUPT {
			found("SQLite's check of the file gave up: " + err.Error() + "; restore a backup")
			err = nil
		}
		return failure("verifying the file", err)
	})
}

// OpenTermIndex implements factstr.TermIndexed.
func (b *backend) OpenTermIndex(ctx context.Context) (index factstr.TermIndex, used bool, err error) {
	view := b.index.acquire()
	if view == nil {
		return index, false, nil
	}
	same := false
	err = b.readers.with(ctx, func(r *reader) (err error) {
		same, err = r.holds(view.anchor)
		return err
	})
	if err != nil || !same {
		if !same {
			b.index.refuse(view)
		}
		b.index.giveBack(view)
		return index, false, unlessDamaged(err)
	}
	return factstr.TermIndex{
		Source: view.source, Seed: view.seed, Through: view.anchor.Sequence,
		Remedy: "close every store on the database and remove the folder " + b.path + "-index, which is then built anew",
		Broken: func(why error) {
			if damage := (*termindex.Damage)(nil); errors.As(why, &damage) {
				b.index.damaged.Store(damage.First)
			}
			b.index.refuse(view)
		},
		Release: func() { b.index.giveBack(view) },
	}, true, nil
}

// unlessDamaged drops an error of a damaged page: the reading of the facts meets it, too.
func unlessDamaged(err error) error {
	if factstr.CodeOf(err) == factstr.CodeCorrupt {
		return nil
	}
	return err
}

// apart lends a connection that nobody else uses, for what takes long. It does not count as one
// that is in use (connections.using): whoever closes all connections, to free a lock that SQLite
// forgot, must not wait for it with appends behind. Such a lock is then freed when this one is
// closed, too.
func (b *backend) apart(ctx context.Context, use func(*conn) error) error {
	c, err := b.connect(ctx, b.busyTimeout, "query_only = ON")
	if err != nil {
		return err
	}
	defer c.close()
	return b.unlessReplaced(c.withContext(ctx, func() error { return use(c) }))
}
