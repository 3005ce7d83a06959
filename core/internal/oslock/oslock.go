// Package oslock locks single bytes of a file, which need not exist, between processes. The locks
// belong to an open file, not to the process: closing another descriptor of the file does not drop
// them, two opens in one process exclude each other, and the kernel frees them when the process
// dies, however it dies. They are of the file itself, whatever path it was opened by.
//
// Linux and macOS have them as OFD locks (locks_unix.go), Windows by LockFileEx
// (locks_windows.go). Each system's file has the type locks with its methods, and the functions
// openDescriptor and apart.
package oslock

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// ErrHeld is returned by Try when somebody else holds the byte.
var ErrHeld = errors.New("lock is held")

// ErrNotRegular is returned by Open for a folder, pipe or device.
var ErrNotRegular = errors.New("not a regular file")

// File is an open file that locks are taken on.
type File struct {
	locks    // of the system: the open file, and what it does not keep of the locks itself
	readOnly bool
	mu       sync.Mutex
	uses     int // the holder and attempts in flight; the last one closes the descriptor
}

// use is what a file is opened for.
type use int

const (
	onlyRead use = iota
	glance
	staysInPlace
	movable
)

// Open opens a file, and creates it if it does not exist. It does not follow a symbolic link. A
// file that may not be written is opened for reading only, which may allow shared locks only.
func Open(path string) (*File, error) { return openToWrite(path, staysInPlace) }

// OpenMovable is Open for a file that is given another name, or removed, while it is open: Windows
// forbids both unless everybody who has it open said so.
func OpenMovable(path string) (*File, error) { return openToWrite(path, movable) }

// mayWrite reports whether a file is opened for writing, and created if it does not exist.
func (u use) mayWrite() bool { return u == staysInPlace || u == movable }

func openToWrite(path string, use use) (*File, error) {
	file, err := apart(func() (*os.File, error) { return openDescriptor(path, use) })
	readOnly := errors.Is(err, fs.ErrPermission)
	if readOnly {
		var readable error
		if file, readable = openToRead(path, onlyRead); readable != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		if err == nil {
			err = ErrNotRegular
		}
		return nil, err
	}
	return &File{locks: locks{file: file}, readOnly: readOnly, uses: 1}, nil
}

// OpenToRead opens an existing file, for shared locks only. It does not follow a symbolic link.
func OpenToRead(path string) (*File, error) { return openFileToRead(path, onlyRead) }

// OpenToGlance is OpenToRead for a file that is closed again at once, and that its owner may remove
// meanwhile. On Windows the removal fails then, and who expects that tries again, as SQLite does.
// Under a handle that allows it, the removal would seem to succeed, but not everywhere take the
// name away at once, and a journal that still has its name is taken for one of a crash.
func OpenToGlance(path string) (*File, error) { return openFileToRead(path, glance) }

func openFileToRead(path string, use use) (*File, error) {
	file, err := openToRead(path, use)
	if err != nil {
		return nil, err
	}
	return &File{locks: locks{file: file}, readOnly: true, uses: 1}, nil
}

func openToRead(path string, use use) (*os.File, error) {
	return apart(func() (*os.File, error) { return openDescriptor(path, use) })
}

// ReadOnly reports whether the file could be opened for reading only.
func (f *File) ReadOnly() bool { return f.readOnly }

// TakesExclusive reports whether exclusive locks are possible.
func (f *File) TakesExclusive() bool { return !f.readOnly || exclusiveToReaders }

// Descriptor is the file's descriptor, or its handle.
func (f *File) Descriptor() int { return int(f.file.Fd()) }

// Sync writes what the file holds to the disk.
func (f *File) Sync() error { return f.file.Sync() }

// Close frees all locks once attempts in flight are over.
func (f *File) Close() error { return f.leave() }

func (f *File) leave() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uses--
	if f.uses > 0 {
		return nil
	}
	// Closing alone would leave the locks to a forked child that has not closed its copy yet.
	_ = f.unlockAll()
	return f.file.Close()
}

// Try takes the byte for this file alone, or returns ErrHeld.
func (f *File) Try(offset int64) error { return f.lock(exclusive, offset, 1, false) }

// TryShared takes bytes that others may share, or returns ErrHeld.
func (f *File) TryShared(offset, length int64) error { return f.lock(shared, offset, length, false) }

// AskingTakes reports whether Held takes the bytes for a moment, so that somebody who tries to take
// them then is refused.
const AskingTakes = exclusiveToReaders

// Held reports whether another open file has a lock on one of the bytes. Two who ask at once may
// see each other on Windows, which has no such question and takes a lock for a moment instead.
func (f *File) Held(offset, length int64) (bool, error) {
	if length == 0 {
		return false, nil // the system takes a length of 0 for the rest of the file
	}
	return f.held(exclusive, offset, length)
}

// HeldAlone reports whether another open file has one of the bytes for itself alone. Whoever takes
// one of them so is refused meanwhile on Windows (AskingTakes).
func (f *File) HeldAlone(offset, length int64) (bool, error) { return f.held(shared, offset, length) }

// Free frees the byte.
func (f *File) Free(offset int64) error { return f.unlock(offset, 1) }

// FreeRange frees several bytes.
func (f *File) FreeRange(offset, length int64) error { return f.unlock(offset, length) }

// FreeAll frees everything.
func (f *File) FreeAll() error { return f.unlockAll() }

// ReadAt reads the file's content.
func (f *File) ReadAt(p []byte, offset int64) (int, error) { return f.file.ReadAt(p, offset) }
