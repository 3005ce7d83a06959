package sqlite

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

// Commit runs a group in one IMMEDIATE transaction.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	return b.write(ctx, "append", func(c *conn) (changed bool, err error) {
		head, err := readHead(c)
		if err != nil {
			return false, err
		}
		write, err := group.Decide(ctx, head, &reader{conn: c, inWrite: true})
		if err != nil || len(write.Records) == 0 {
			return false, err
		}
		if err := b.insertRecords(c, write.Records); err != nil {
			return false, err
		}
		for _, boundary := range write.Boundaries {
			if err := c.change("append_batches", insertBoundary, int64(boundary.First), int64(boundary.Last)); err != nil {
				return false, err
			}
		}
		group.EnterCommit()
		return true, nil
	})
}

// write runs a write transaction on the writing connection. Lock order: writing (this process),
// turnstile (all processes), SQLite's write lock.
func (b *backend) write(ctx context.Context, doing string, transaction func(*conn) (changed bool, err error)) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.broken != nil {
		return b.broken
	}
	err := b.transact(ctx, doing, transaction)
	if mayBeHeldByNobody(err) {
		b.renew()
	}
	return err
}

func (b *backend) transact(ctx context.Context, doing string, transaction func(*conn) (changed bool, err error)) error {
	if b.guard.ReadOnly() {
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %s: the database cannot be written; check its permissions", doing)
	}
	waiting, cancel := context.WithTimeout(ctx, b.busyTimeout)
	defer cancel()
	if err := b.enter(ctx, waiting, doing); err != nil {
		return err
	}
	defer func() { _ = b.turnstile.Leave() }()
	if b.writer == nil {
		if err := b.openWriter(context.Background(), b.busyTimeout); err != nil {
			return err
		}
	}
	c := b.writer
	if err := c.run("BEGIN IMMEDIATE"); err != nil {
		if replaced := b.intact(); replaced != nil {
			return replaced
		}
		return failure(doing, err)
	}
	committed := false
	defer func() {
		// Also when the transaction panics.
		if !committed {
			b.undo()
		}
	}()
	// What was looked at before waiting for the lock may have become another log or other tables
	// since.
	if err := b.intact(); err != nil {
		return err
	}
	if err := b.sameSchema(c); err != nil {
		return err
	}
	changed, err := transaction(c)
	if err != nil || !changed {
		return failure(doing, err)
	}
	if err := c.run("COMMIT"); err != nil {
		return commitFailure(doing, err)
	}
	committed = true
	// What was committed into a log that is not the database's any more is lost, or is there for a
	// while.
	if err := b.intact(); err != nil {
		return factstr.NewError(factstr.CodeCommitUnknown, "sqlite: %s: %w", doing, err)
	}
	b.checkpointer.committed()
	return nil
}

// enter takes the turnstile; waiting is ctx with the time limit.
func (b *backend) enter(ctx, waiting context.Context, doing string) error {
	err := b.turnstile.Enter(waiting)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return failure(doing, ctx.Err())
	case waiting.Err() != nil:
		return factstr.NewError(factstr.CodeBusy, "sqlite: %s: other processes kept the database's lock for %v; nothing was written, try again", doing, b.busyTimeout)
	}
	return factstr.BackendFailure(factstr.ReasonIO, "sqlite: %s: a lock on the database file: %w", doing, err)
}

// undo ends a transaction without writing. If even that fails the connection is of no use any more.
func (b *backend) undo() {
	if err := rollback(b.writer); err != nil {
		b.broken = factstr.NewError(factstr.CodeInvalidState, "sqlite: a transaction could not be rolled back (%v); close the store and open it again", err)
	}
}

func rollback(c *conn) error {
	err := c.run("ROLLBACK")
	if err != nil && strings.Contains(err.Error(), "no transaction is active") {
		return nil // SQLite has rolled back by itself
	}
	return err
}

// commitFailure tells what is certain of a COMMIT that failed. A full disk is found out when frames
// are written, before the one that commits; a lock was never had; a deferred constraint is looked
// at before anything is written. After any other error the batch may be there when the file is
// opened again.
func commitFailure(doing string, err error) error {
	switch resultCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_BUSY, lib.SQLITE_CONSTRAINT:
		return failure(doing, err)
	}
	return factstr.NewError(factstr.CodeCommitUnknown, "sqlite: %s: %w", doing, err)
}

// A row that is there already is of facts that are gone, so it says nothing about the batch.
const insertBoundary = `INSERT INTO append_batches (first_sequence_number, last_sequence_number) VALUES (?1, ?2)
	ON CONFLICT (first_sequence_number) DO UPDATE SET last_sequence_number = excluded.last_sequence_number`

// rowsPerInsert are the sizes of multi-row inserts, largest first.
var rowsPerInsert = []int{64, 32, 16, 8, 4, 2, 1}

var insertTexts = func() map[int]string {
	texts := map[int]string{}
	for _, rows := range rowsPerInsert {
		var text strings.Builder
		text.WriteString("INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES ")
		for row := range rows {
			if row > 0 {
				text.WriteByte(',')
			}
			text.WriteByte('(')
			for column := 1; column <= 4; column++ {
				if column > 1 {
					text.WriteByte(',')
				}
				text.WriteString("?" + strconv.Itoa(4*row+column))
			}
			text.WriteByte(')')
		}
		texts[rows] = text.String()
	}
	return texts
}()

func (b *backend) insertRecords(c *conn, records []factstr.EventRecord) error {
	for _, rows := range rowsPerInsert {
		if len(records) < rows {
			continue
		}
		statement, err := c.prepare(insertTexts[rows], 0)
		if err != nil {
			return err
		}
		for len(records) >= rows {
			args := b.insertArgs[:0]
			for _, record := range records[:rows] {
				args = append(args,
					driver.NamedValue{Ordinal: len(args) + 1, Value: int64(record.SequenceNumber)},
					driver.NamedValue{Ordinal: len(args) + 2, Value: record.OccurredAt},
					driver.NamedValue{Ordinal: len(args) + 3, Value: record.EventType},
					driver.NamedValue{Ordinal: len(args) + 4, Value: textFrom(record.Payload)})
			}
			b.insertArgs = args
			result, err := statement.exec.ExecContext(context.Background(), args)
			if err := changed("events", rows, result, err); err != nil {
				return err
			}
			records = records[rows:]
		}
	}
	clear(b.insertArgs[:cap(b.insertArgs)])
	return nil
}
