package sqlite

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// How a transaction is written
//
// Appends, registrations of durable names and cursors all go through write, on the one writing
// connection. The steps, and what is certain if one fails:
//
//	step                             if it fails
//	backend.writing                  (waits for this store's other writes)
//	turnstile                        Busy after the timeout: nothing written
//	BEGIN IMMEDIATE                  Busy if a program without a turnstile holds SQLite's write lock
//	look at the files and tables     LogTruncated, UnsupportedFormat: nothing written
//	transaction (Group.Decide,       rolled back: nothing written; a look at the files first, since
//	  inserts, counted)              the failure or the conflict may be of exchanged files
//	COMMIT                           by result code, see commit_outcome.go
//	look at the files                CommitUnknown: committed into files that were exchanged
//
// The turnstile stands before SQLite's lock because SQLite has no queue: whoever polls its lock at
// the right moment gets it, and a process that writes without pause starves all others. It is held
// until the transaction has ended. Since the head is read under both locks, no process of this
// library can commit in between; another program can, but only before BEGIN IMMEDIATE.
//
// A caller's context may end the wait for the turnstile (that of a registration does). It never
// ends a statement: a transaction of appends carries the batches of many callers.
//
// What a failed COMMIT means, by result code, stands in commit_outcome.go.
//
// Nobody who commits also checkpoints: copying pages takes longer than the commit
// (checkpoint.go).

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

// write runs a write transaction. It rolls back if transaction returns an error, or changed
// nothing.
func (b *backend) write(ctx context.Context, doing string, transaction func(*conn) (changed bool, err error)) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.broken != nil {
		return b.broken
	}
	err := b.waitAndTransact(ctx, doing, transaction)
	if mayBeHeldByNobody(err) {
		b.renew()
	}
	return err
}

// writeAtOnce is write as far as nobody must be waited for. Where the steps before the transaction
// fail, for whatever reason, it returns ErrWouldWait: write will meet the reason, and report it.
func (b *backend) writeAtOnce(doing string, transaction func(*conn) (changed bool, err error)) error {
	if !b.writing.TryLock() {
		return factstr.ErrWouldWait
	}
	defer b.writing.Unlock()
	if b.broken != nil || b.writer == nil || b.guard.ReadOnly() || b.turnstile.TryEnter() != nil {
		return factstr.ErrWouldWait
	}
	defer func() { _ = b.turnstile.Leave() }()
	if err := b.writer.beginAtOnce(); err != nil {
		return factstr.ErrWouldWait
	}
	return b.transact(doing, transaction)
}

func (b *backend) waitAndTransact(ctx context.Context, doing string,
	transaction func(*conn) (changed bool, err error)) error {
	if b.readOnly {
		return factstr.NewError(factstr.CodeReadOnly,
			"sqlite: %s: this store was opened read_only; open another one without that option", doing)
	}
	if b.guard.ReadOnly() {
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %s: the database cannot be written; check its permissions", doing)
	}
	if err := b.enter(ctx, doing); err != nil {
		return err
	}
	defer func() { _ = b.turnstile.Leave() }()
	if b.writer == nil {
		if err := b.openWriter(context.Background(), b.busyTimeout); err != nil {
			return err
		}
	}
	if err := b.writer.run(begin); err != nil {
		return b.unlessReplaced(failure(doing, err))
	}
	return b.transact(doing, transaction)
}

const begin = "BEGIN IMMEDIATE"

// beginAtOnce begins a transaction, or fails without waiting for SQLite's lock.
func (c *conn) beginAtOnce() error {
	patience := c.engine.busyTimeout
	c.engine.busyTimeout = 0
	defer func() { c.engine.busyTimeout = patience }()
	return c.run(begin)
}

// transact carries out and ends a transaction that has begun.
func (b *backend) transact(doing string, transaction func(*conn) (changed bool, err error)) error {
	c, committed := b.writer, false
	defer func() {
		// Also when the transaction panics.
		if !committed {
			b.undo()
		}
	}()
	// While this waited for the lock, another log may have taken the place of this one, or other
	// tables that of the store's.
	if err := b.intact(); err != nil {
		return err
	}
	if err := b.sameSchema(c); err != nil {
		return b.unlessReplaced(err)
	}
	before, valid := b.logState()
	if valid {
		b.makeRoom(before.header.index())
	}
	b.appended = factstr.Head{}
	changed, err := transaction(c)
	if errors.Is(err, factstr.ErrWouldWait) {
		return err
	}
	if err != nil || !changed {
		return b.unlessReplaced(failure(doing, err))
	}
	if err := c.run("COMMIT"); err != nil {
		return commitFailure(doing, err)
	}
	committed = true
	b.commits.Add(1)
	// In a log that is no longer the database's, the commit is lost now or with its last user.
	if err := b.intact(); err != nil {
		return factstr.NewError(factstr.CodeCommitUnknown, "sqlite: %s: %w", doing, err)
	}
	b.keepAppended(before, valid)
	b.checkpointer.committed()
	return nil
}

// unlessReplaced returns what a look at the files finds, else err. Whatever was read while the
// files were exchanged, be it a damaged page or a conflict, says nothing about either log.
func (b *backend) unlessReplaced(err error) error {
	if replaced := b.intact(); replaced != nil {
		return replaced
	}
	return err
}

// enter takes the turnstile, and waits for it for busyTimeout. It tries without a timer first: each
// timer that is set may wake a thread of the runtime.
func (b *backend) enter(ctx context.Context, doing string) error {
	if ctx.Err() == nil && b.turnstile.TryEnter() == nil {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, b.busyTimeout)
	defer cancel()
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

// undo ends a transaction without writing. If even that fails, the connection is of no use any
// more.
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
