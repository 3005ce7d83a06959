package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// milliseconds is a time as SQLite's busy_timeout takes it: more than 31 bits would be no time at
// all.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(min(d.Milliseconds(), math.MaxInt32), 10)
}

// resultCode returns SQLite's primary result code, 0 if the error is not SQLite's.
func resultCode(err error) int {
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return failure.Code() & 0xff
	}
	return 0
}

// failure makes an error of this module of one that SQLite answered to what was being done.
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
	switch resultCode(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL:
		return factstr.NewError(factstr.CodeBusy, "sqlite: %s: another process holds the database's lock; nothing was written, try again: %w", doing, err)
	case lib.SQLITE_READONLY:
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %s: the database or its directory cannot be written; check their permissions: %w", doing, err)
	case lib.SQLITE_FULL:
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %s: the disk is full; make room and try again: %w", doing, err)
	case lib.SQLITE_IOERR:
		return factstr.BackendFailure(factstr.ReasonIO, "sqlite: %s: %w", doing, err)
	case lib.SQLITE_NOTADB:
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s: the file is not a SQLite database; give another path: %w", doing, err)
	case lib.SQLITE_CORRUPT:
		return factstr.NewError(factstr.CodeCorrupt, "sqlite: %s: the database is damaged; restore a backup: %w", doing, err)
	case lib.SQLITE_PERM, lib.SQLITE_AUTH:
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %s: %w", doing, err)
	case lib.SQLITE_CANTOPEN:
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %s: a file of the database cannot be opened; check the permissions of it and its directory: %w", doing, err)
	}
	return factstr.BackendFailure(factstr.ReasonOther, "sqlite: %s: %w", doing, err)
}

// explained names the cause of an opening that failed, where SQLite only says that it did.
func (b *backend) explained(err error) error {
	var answer *sqlite.Error
	if !errors.As(err, &answer) {
		return err
	}
	folder := filepath.Dir(b.path)
	switch answer.Code() {
	case lib.SQLITE_NOMEM, lib.SQLITE_IOERR_NOMEM, lib.SQLITE_IOERR_SHMMAP:
		return factstr.BackendFailure(factstr.ReasonOther, "sqlite: opening %s: the process gets no more memory or address space (ulimit -v, the limit of its container): %w", b.path, err)
	case lib.SQLITE_IOERR_SHMSIZE, lib.SQLITE_IOERR_WRITE, lib.SQLITE_IOERR_FSYNC, lib.SQLITE_IOERR_TRUNCATE:
		if refused := tryToWrite(folder); refused != nil {
			return pathFailure(b.path, refused)
		}
	}
	switch {
	case answer.Code()&0xff == lib.SQLITE_READONLY && !b.guard.ReadOnly() && !isReadOnly(folder):
		return pathFailure(b.path, fs.ErrPermission) // the database can be written, but no log be made beside it
	case answer.Code()&0xff != lib.SQLITE_CANTOPEN:
		return err
	}
	if refused := tryToOpen(folder); refused != nil {
		return pathFailure(b.path, refused)
	}
	if isReadOnly(folder) {
		return pathFailure(b.path, syscall.EROFS)
	}
	return err
}

var timersStarted atomic.Bool

// startTimers makes Go's runtime open the descriptors that its timers need. It does so with the
// first timer, and ends the process, the host of a library too, if it gets none.
func startTimers() error {
	const needed = 3
	if timersStarted.Load() {
		return nil
	}
	var descriptors []int
	defer func() {
		for _, descriptor := range descriptors {
			_ = syscall.Close(descriptor)
		}
		if timersStarted.Load() {
			time.AfterFunc(0, func() {})
		}
	}()
	for range needed {
		descriptor, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		descriptors = append(descriptors, descriptor)
	}
	timersStarted.Store(true)
	return nil
}

// tryToOpen opens as many files as a connection needs. The database's own are left alone, since
// closing them could drop SQLite's locks.
func tryToOpen(folder string) error {
	const needed = 4
	for range needed {
		file, err := os.Open(folder)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
	}
	return nil
}

// tryToWrite writes a file as large as the index of a log.
func tryToWrite(folder string) error {
	file, err := os.CreateTemp(folder, ".factstr-room-")
	if err != nil {
		return err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	_, err = file.Write(make([]byte, 64<<10))
	return err
}

// pathFailure makes an error of one that the operating system answered for a path.
func pathFailure(path string, err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %q lies on a read-only file system; the store writes beside its database even to read: mount it writable, or copy the database elsewhere: %w", path, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return factstr.BackendFailure(factstr.ReasonOther, "sqlite: %q cannot be opened, there are too many open files: close stores that are not needed, or raise the limit on descriptors (ulimit -n): %w", path, err)
	case errors.Is(err, oslock.ErrNotRegular):
		return factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	case errors.Is(err, fs.ErrPermission):
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %q cannot be opened for writing; check the permissions of it and its directory: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		return factstr.BackendFailure(factstr.ReasonMissingPath, "sqlite: %q cannot be made; check that its directory can exist: %w", path, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %q cannot be made, the disk is full: %w", path, err)
	}
	return factstr.BackendFailure(factstr.ReasonIO, "sqlite: %q: %w", path, err)
}
