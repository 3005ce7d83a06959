package sqlite

import (
	"context"
	"errors"

	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

// resultCode returns SQLite's primary result code, 0 if the error is not SQLite's.
func resultCode(err error) int {
	var failure *engineError
	if errors.As(err, &failure) {
		return failure.code & 0xff
	}
	return 0
}

// failure converts an error of SQLite into one of this library. doing names what was being done.
func failure(doing string, err error) error {
	var known *factstr.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled):
		return factstr.ContextEnded(context.Canceled, "sqlite: %s was cancelled", doing)
	case errors.Is(err, context.DeadlineExceeded):
		return factstr.ContextEnded(context.DeadlineExceeded, "sqlite: %s did not end within the caller's time limit", doing)
	}
	var failed *engineError
	if errors.As(err, &failed) && passes(int32(failed.code)) {
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %s: a writer ended while it changed the index of the log (-shm), which cannot be written here: open the store once where it can be written: %w", doing, err)
	}
	switch resultCode(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL:
		return factstr.NewError(factstr.CodeBusy, "sqlite: %s: another process holds the database's lock; nothing was written, try again: %w", doing, err)
	case lib.SQLITE_READONLY:
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %s: the database or its directory cannot be written; check their permissions: %w", doing, err)
	case lib.SQLITE_FULL:
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %s: %s: %w", doing, makeRoom, err)
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN:
		return fileFailure(doing, err)
	case lib.SQLITE_NOTADB:
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s: the file is not a SQLite database; give another path: %w", doing, err)
	case lib.SQLITE_CORRUPT:
		return factstr.NewError(factstr.CodeCorrupt, "sqlite: %s: the database is damaged; restore a backup: %w", doing, err)
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %s: %w", doing, err)
	}
	return factstr.BackendFailure(factstr.ReasonOther, "sqlite: %s: %w", doing, err)
}

// What to do about files, whether SQLite or this library was told.
const (
	makeRoom     = "the disk is full, or a quota is used up; make room and try again"
	allowLonger  = "a file may not become longer; raise the limit on its size (ulimit -f), or use a file system that takes longer files"
	allowMore    = "there are too many open files; close stores that are not needed, or raise the limit on descriptors (ulimit -n)"
	askTheSystem = "the disk or the file system failed; look into the system's log"
	checkPermits = "a file of the database cannot be opened; check the permissions of it and its directory"
)

// fileFailure converts SQLite's failure to open, read or write a file, by the system's reason.
func fileFailure(doing string, err error) error {
	var failure *engineError
	_ = errors.As(err, &failure)
	reason, advice := factstr.ReasonIO, askTheSystem
	switch {
	case isOne(failure.system, failing.full):
		reason, advice = factstr.ReasonDiskFull, makeRoom
	case isOne(failure.system, failing.tooLong):
		reason, advice = factstr.ReasonDiskFull, allowLonger
	case isOne(failure.system, failing.descriptors):
		reason, advice = factstr.ReasonOther, allowMore
	case resultCode(err) == lib.SQLITE_CANTOPEN:
		reason, advice = factstr.ReasonPermission, checkPermits
	}
	return factstr.BackendFailure(reason, "sqlite: %s: %s: %w", doing, advice, err)
}
