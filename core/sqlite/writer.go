package sqlite

import (
	"context"
	"strconv"
	"strings"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

func (b *backend) openWriter(ctx context.Context, wait time.Duration) (err error) {
	if b.writer, err = b.connect(ctx, wait); err != nil {
		b.writer = nil
		return err
	}
	if b.pageCount > 0 {
		if err := b.writer.script("PRAGMA max_page_count = " + strconv.Itoa(b.pageCount)); err != nil {
			return failure("opening "+b.path, err)
		}
	}
	return nil
}

// dropWriter closes the writing connection, if there is one. The caller holds b.writing.
func (b *backend) dropWriter() {
	if b.writer != nil {
		b.writer.close()
		b.writer = nil
	}
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
