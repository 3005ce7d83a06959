//go:build linux || darwin

package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/termindex"
)

type fileKind uint32

const (
	regularFile fileKind = unix.S_IFREG
	directory   fileKind = unix.S_IFDIR
)

func stateOf(path string) (fileState, error) {
	var stat unix.Stat_t
	for {
		err := unix.Stat(path, &stat)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fileState{}, &os.PathError{Op: "stat", Path: path, Err: err}
		}
		return stateFrom(&stat), nil
	}
}

func stateOfDescriptor(descriptor int) (fileState, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(descriptor, &stat); err != nil {
		return fileState{}, os.NewSyscallError("fstat", err)
	}
	return stateFrom(&stat), nil
}

func stateFrom(stat *unix.Stat_t) fileState {
	return fileState{
		fileID:  fileID{uint64(stat.Dev), uint64(stat.Ino)},
		size:    stat.Size,
		changed: unix.TimespecToNsec(stat.Mtim),
		links:   uint64(stat.Nlink),
		kind:    fileKind(stat.Mode & unix.S_IFMT),
	}
}

// checkOwned returns an error if there is something at a path that is not a folder, or a folder
// into which others can write who cannot write the database: they could make files there that are
// read as facts of this log, or links to files of this user.
func checkOwned(folder, database string) error {
	var of, db unix.Stat_t
	if err := unix.Lstat(folder, &of); err != nil {
		if isGone(err) {
			return nil
		}
		return &os.PathError{Op: "lstat", Path: folder, Err: err}
	}
	if err := unix.Stat(database, &db); err != nil {
		return &os.PathError{Op: "stat", Path: database, Err: err}
	}
	const writable = 0o022
	switch {
	case of.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a folder; remove it", folder)
	case of.Uid != db.Uid && of.Uid != 0 && int(of.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user than the database; remove it", folder)
	case of.Mode&writable&^db.Mode != 0:
		return fmt.Errorf("%s can be written by others than the database; remove it, or take their rights away", folder)
	}
	return nil
}

// ownerOf returns whose the files beside the database are to be, if this process may give files
// away: as root it gives them to the database's owner, as SQLite does.
func ownerOf(database os.FileInfo) *termindex.Owner {
	stat, known := database.Sys().(*syscall.Stat_t)
	if !known || os.Geteuid() != 0 {
		return nil
	}
	return &termindex.Owner{User: int(stat.Uid), Group: int(stat.Gid)}
}

// localPath returns the path as it is: any path may be tried.
func localPath(path string) (string, error) { return path, nil }

// realPath returns the path of a file whose folder is named without symbolic links.
func realPath(folder, name string) string {
	if real, err := realFolder(folder); err == nil {
		folder = real
	}
	return filepath.Join(folder, name)
}

// uriPath returns a path as it stands in a URI, before it is escaped.
func uriPath(path string) string { return path }

const uriOptions = ""

// closingDropsLocks: closing a descriptor drops the locks that SQLite has on the file, unless these
// belong to open files, too.
const closingDropsLocks = true

// readIndexHeader reads the first bytes of the index, like io.ReaderAt.
func readIndexHeader(file *oslock.File, b []byte) (int, error) { return file.ReadAt(b, 0) }

var failing = failures{
	readOnly:    []error{syscall.EROFS},
	descriptors: []error{syscall.EMFILE, syscall.ENFILE},
	missing:     []error{syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP},
	full:        []error{syscall.ENOSPC, syscall.EDQUOT},
	tooLong:     []error{syscall.EFBIG},
}

// extendLog writes zeros behind the log, and returns its new size.
func extendLog(path string, log fileID, step int64) (size int64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil || limit.Cur != unix.RLIM_INFINITY {
		return 0, errors.ErrUnsupported
	}
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	state, err := stateOfDescriptor(int(file.Fd()))
	if err != nil || state.fileID != log {
		return 0, errors.ErrUnsupported
	}
	if _, err = file.WriteAt(make([]byte, step), state.size); err != nil {
		// What is left of a disk that is full belongs to facts, of whomever.
		return 0, errors.Join(err, file.Truncate(state.size))
	}
	return state.size + step, nil
}

// renameIfNew is renameNew where the system does not look itself.
func renameIfNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.EEXIST}
	}
	return os.Rename(from, to)
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}

// mayWrite reports whether a file may be written, or files be made in a folder. What is missing
// may be.
func mayWrite(path string) bool {
	err := unix.Access(path, unix.W_OK)
	return err == nil || isGone(err)
}
