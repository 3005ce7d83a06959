package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	lib "modernc.org/sqlite/lib"
)

// explained finds the cause of a failed opening where SQLite only reports that it failed.
func (b *backend) explained(err error) error {
	var answer *engineError
	if !errors.As(err, &answer) {
		return err
	}
	folder := filepath.Dir(b.path)
	switch answer.code {
	case lib.SQLITE_NOMEM, lib.SQLITE_IOERR_NOMEM, lib.SQLITE_IOERR_SHMMAP:
		return factstr.BackendFailure(factstr.ReasonOther, "sqlite: opening %s: the process gets no more memory or address space (ulimit -v, the limit of its container): %w", b.path, err)
	case lib.SQLITE_IOERR_SHMSIZE, lib.SQLITE_IOERR_WRITE, lib.SQLITE_IOERR_FSYNC, lib.SQLITE_IOERR_TRUNCATE:
		if refused := tryToWrite(folder); refused != nil {
			return pathFailure(b.path, refused)
		}
	}
	switch {
	case answer.code&0xff == lib.SQLITE_READONLY && !b.guard.ReadOnly() && !isReadOnly(folder):
		return pathFailure(b.path, fs.ErrPermission) // the database can be written, but no log be made beside it
	case answer.code&0xff != lib.SQLITE_CANTOPEN:
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

// tryToOpen opens as many files as a connection needs, but none of the database: closing those
// could drop SQLite's locks.
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

// tryToWrite writes a file as large as a new index.
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

// pathFailure converts an error of the operating system about a path into one of this library.
func pathFailure(path string, err error) error {
	switch {
	case isOne(err, failing.readOnly):
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %q lies on a read-only file system; the store writes beside its database even to read: mount it writable, or copy the database elsewhere: %w", path, err)
	case isOne(err, failing.descriptors):
		return factstr.BackendFailure(factstr.ReasonOther, "sqlite: %q cannot be opened, %s: %w", path, allowMore, err)
	case errors.Is(err, errors.ErrUnsupported):
		return factstr.NewError(factstr.CodeNotImplemented, "sqlite: %q: this system or file system has no locks of open files, without which processes would destroy each other's facts: use a local file system or a newer system: %w", path, err)
	case isOne(err, failing.inUse):
		return factstr.NewError(factstr.CodeBusy, "sqlite: %q is held by another program, such as a backup or a scanner; try again when it has let it go: %w", path, err)
	case errors.Is(err, oslock.ErrNotRegular):
		return factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	case errors.Is(err, fs.ErrPermission):
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %q cannot be opened for writing; check the permissions of it and its directory: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), isOne(err, failing.missing):
		return factstr.BackendFailure(factstr.ReasonMissingPath, "sqlite: %q cannot be made; check that its directory can exist: %w", path, err)
	case isOne(err, failing.full):
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %q cannot be written, %s: %w", path, makeRoom, err)
	case isOne(err, failing.tooLong):
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %q cannot be written, %s: %w", path, allowLonger, err)
	}
	return factstr.BackendFailure(factstr.ReasonIO, "sqlite: %q: %s: %w", path, askTheSystem, err)
}

func isOne(err error, of []error) bool {
	return slices.ContainsFunc(of, func(one error) bool { return errors.Is(err, one) })
}
