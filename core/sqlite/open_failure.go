package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
	case errors.Is(err, syscall.EROFS):
		return factstr.NewError(factstr.CodeReadOnly, "sqlite: %q lies on a read-only file system; the store writes beside its database even to read: mount it writable, or copy the database elsewhere: %w", path, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return factstr.BackendFailure(factstr.ReasonOther, "sqlite: %q cannot be opened, there are too many open files: close stores that are not needed, or raise the limit on descriptors (ulimit -n): %w", path, err)
	case errors.Is(err, oslock.ErrNotRegular):
		return factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	case errors.Is(err, fs.ErrPermission):
		return factstr.BackendFailure(factstr.ReasonPermission, "sqlite: %q cannot be opened for writing; check the permissions of it and its directory: %w", path, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR),
		errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		return factstr.BackendFailure(factstr.ReasonMissingPath, "sqlite: %q cannot be made; check that its directory can exist: %w", path, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return factstr.BackendFailure(factstr.ReasonDiskFull, "sqlite: %q cannot be made, the disk is full: %w", path, err)
	}
	return factstr.BackendFailure(factstr.ReasonIO, "sqlite: %q: %w", path, err)
}
