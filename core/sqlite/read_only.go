package sqlite

import (
	"context"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Stores that only read
//
// With the option read_only a store opens its guard and all connections for reading. It makes no
// database, changes no table, takes no exclusive lock, writes no mark, no checkpoint and no index.
// Otherwise it is a store like any other: it has the database's locks, sees what others commit, and
// its index of terms grows in memory.
//
// In write-ahead logging even a reader needs the index of the log (-shm), to say there what it
// reads. What is possible depends on the log and its index:
//
//	may be written or made  log (-wal)           what is done
//	yes                     any                  SQLite makes log and index where they are missing
//	no                      somebody uses it     its index is opened for reading, which SQLite can
//	no                      missing or empty     the database stands for itself (stands)
//	no                      holds facts, unused  refused: only a writer can bring them in
//
// They may be made by somebody who may write the folder and the database. A store that is opened as
// usual, but may not write the database, is opened so, too.
//
// A database that stands for itself is opened without a log and without SQLite's locks
// (immutable=1), which is right only while nobody writes. Somebody may write all the same, as
// another user or a container's host. So each look (intact) compares the database's identity, size
// and time of change with those of the opening, and looks for a log. A writer makes a log before
// anything else, and copies it into the database later. What was read before such a look is not
// returned: it is LogTruncated, and opening again uses the log.
//
// Rejected: reading the log from a copy in memory (SQLite can, but our locks on a dead index would
// make it trust the index, see indexInUse); opening everything as immutable (a reader beside
// writers must see their commits).

// openAgain opens the files without the turnstile, which takes an exclusive lock. So others open
// and close the database meanwhile: the log that was found is gone when SQLite opens it, or a log
// is there that was not. Such a failure is gone at the next try. If nobody was in the way the same
// error comes again, a moment later.
func (b *backend) openAgain(ctx context.Context) error {
	pause := time.Millisecond
	for try := 1; ; try++ {
		err := b.openFiles(ctx)
		code := factstr.CodeOf(err)
		if err == nil || code == factstr.CodeBusy || ctx.Err() != nil || try == triesToRead {
			return err
		}
		b.forgetFiles()
		time.Sleep(pause)
		pause *= 2
	}
}

const triesToRead = 8

// forgetFiles goes back to where openFiles began.
func (b *backend) forgetFiles() {
	freeLog(b.guard) // who opens for reading removes none
	if b.opened && b.stands == nil {
		b.instance.sides.giveBack(b.guard)
	}
	b.dropWriter()
	b.opened, b.stands = false, nil
}

// chooseMode decides how the database is opened by somebody who may not write all of it. Its state
// is that before the look for a log: whoever writes after that, until the log was looked for, is
// noticed.
func (b *backend) chooseMode() error {
	state, err := stateOf(b.path)
	if err != nil {
		return pathFailure(b.path, err)
	}
	log, err := stateOf(b.path + "-wal")
	if err != nil && !isGone(err) {
		return pathFailure(b.path+"-wal", err)
	}
	unwritable := b.unwritable()
	if unwritable == "" || b.instance.sides.inUse(b.path) {
		return nil
	}
	folder := filepath.Dir(b.path)
	switch {
	case !b.readOnly && isReadOnly(folder):
		return pathFailure(b.path, syscall.EROFS)
	case !b.readOnly && unwritable == folder:
		return pathFailure(b.path, fs.ErrPermission)
	case !b.guard.ReadOnly():
		return pathFailure(unwritable, fs.ErrPermission)
	case log.size > 0:
		return errLogUnused(b.path, unwritable)
	case mustRollBack(b.path + "-journal"):
		return factstr.NewError(factstr.CodeReadOnly,
			"sqlite: another program has not ended a transaction in %s, which %s-journal undoes, but not where nothing can be written: open the store once where and as whom it can be written", b.path, b.path)
	}
	b.stands = &state
	return nil
}

// mustRollBack reports whether a journal, of a program that does not use write-ahead logging, is
// that of a transaction that has not ended. Whoever ends one removes the journal, cuts it, or
// writes zeros over its beginning.
func mustRollBack(journal string) bool {
	file, err := oslock.OpenToGlance(journal)
	if err != nil {
		return !isGone(err)
	}
	defer func() { _ = file.Close() }()
	var first [1]byte
	n, err := file.ReadAt(first[:], 0)
	return n == 1 && first[0] != 0 || err != nil && err != io.EOF
}

func errLogUnused(path, unwritable string) error {
	return factstr.NewError(factstr.CodeReadOnly,
		"sqlite: the log %s-wal holds facts that no running store brings in, and %s cannot be written: open the store once where and as whom it can be written, or copy database and log to such a folder", path, unwritable)
}

// unwritable returns what keeps this process from using the log as somebody who writes: "" if
// nothing. SQLite makes a missing file with the rights of the database. Made by somebody who may
// not write the database, it could not be written by those who may.
func (b *backend) unwritable() string {
	for _, side := range []string{b.path + "-wal", b.path + "-shm"} {
		needed := []string{side}
		if _, err := stateOf(side); isGone(err) {
			needed = []string{filepath.Dir(b.path), b.path}
		}
		for _, path := range needed {
			if !mayWrite(path) {
				return path
			}
		}
	}
	return ""
}

// inUse reports whether a connection, of any process, uses the index of the log.
func (s *sides) inUse(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users > 0 {
		return true
	}
	index, err := stateOf(path + "-shm")
	if err != nil || s.open(path, index.fileID) != nil { // it stays open for whoever opens next
		return false
	}
	return s.used()
}

// mode returns how connections open the database.
func (b *backend) mode() string {
	switch {
	case b.stands != nil:
		return stillMode
	case b.readOnly:
		return "ro"
	}
	return "rw"
}

// checkReadable refuses what only a writing store could use.
func (b *backend) checkReadable(complete bool) error {
	switch {
	case !complete && !b.readOnly:
		return factstr.NewError(factstr.CodeReadOnly,
			"sqlite: %s holds no store, or one of an old format, and cannot be written: check its permissions", b.path)
	case !complete:
		return factstr.NewError(factstr.CodeUnsupportedFormat,
			"sqlite: %s holds no store, or one of an old format, and read_only changes nothing: open it once without read_only", b.path)
	case b.stands != nil:
		return nil
	}
	mode, err := b.writer.one("PRAGMA journal_mode")
	if err == nil && mode != "wal" {
		err = factstr.NewError(factstr.CodeUnsupportedFormat,
			"sqlite: %s is not in write-ahead logging (journal_mode is %v), without which readers and writers wait for each other: open it once without read_only, which turns it on", b.path, mode)
	}
	return err
}

// stillStands returns an error if somebody writes to a database that was opened without a log.
func (b *backend) stillStands() error {
	now, err := stateOf(b.path)
	if err != nil && !isGone(err) {
		return pathFailure(b.path, err)
	}
	log, logErr := stateOf(b.path + "-wal")
	now.links = b.stands.links // more names change nothing
	if err != nil || now != *b.stands || logErr == nil && log.size > 0 {
		return factstr.NewError(factstr.CodeLogTruncated,
			"sqlite: somebody writes to %s, which was read without a log since nobody did when it was opened: open it again", b.path)
	}
	return nil
}
