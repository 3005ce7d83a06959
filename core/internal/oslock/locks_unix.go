//go:build linux || darwin

package oslock

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system has locks that belong to an open file. Its kernel or a file
// system may still lack them: then taking one returns errors.ErrUnsupported.
const Supported = true

const (
	shared    = unix.F_RDLCK
	exclusive = unix.F_WRLCK

	exclusiveToReaders = false
)

type locks struct{ file *os.File }

func (l *locks) lock(kind int16, offset, length int64, wait bool) error {
	command := ofdSet
	if wait {
		command = ofdSetWait
	}
	lock := unix.Flock_t{Type: kind, Whence: 0, Start: offset, Len: length}
	err := control(l.file, command, &lock)
	switch {
	case !wait && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)):
		return ErrHeld
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTTY):
		return fmt.Errorf("locks of open files: %w", errors.ErrUnsupported)
	}
	return err
}

// held reports whether others have a lock that keeps one of this kind out.
func (l *locks) held(kind int16, offset, length int64) (bool, error) {
	lock := unix.Flock_t{Type: kind, Whence: 0, Start: offset, Len: length}
	err := control(l.file, ofdGet, &lock)
	return lock.Type != unix.F_UNLCK, err
}

func (l *locks) unlockAll() error { return l.unlock(0, 0) }

// unlock frees bytes from an offset on. A length of 0 means all of them.
func (l *locks) unlock(offset, length int64) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: 0, Start: offset, Len: length}
	return control(l.file, ofdSet, &lock)
}

// control tries again after a passing failure of the file system. A lock that is not freed would
// keep everybody else out.
func control(file *os.File, command int, lock *unix.Flock_t) error {
	const tries = 10
	asked := *lock
	for try := 1; ; try++ {
		switch err := unix.FcntlFlock(file.Fd(), command, lock); {
		case errors.Is(err, unix.EINTR):
			try--
		case (errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOLCK)) && try < tries:
			time.Sleep(time.Duration(try) * time.Millisecond)
		default:
			return err
		}
		*lock = asked
	}
}

// openDescriptor does not use os.OpenFile, which would try to poll the file and take three calls
// more for it. Without O_NONBLOCK, opening a pipe would wait for its other end.
func openDescriptor(path string, use use) (*os.File, error) {
	flags := unix.O_RDONLY
	if use.mayWrite() {
		flags = unix.O_RDWR | unix.O_CREAT
	}
	for {
		descriptor, err := unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0o644)
		switch {
		case err == nil:
			_ = unix.SetNonblock(descriptor, false)
			return os.NewFile(uintptr(descriptor), path), nil
		case err != unix.EINTR:
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// apart opens a file while no standard descriptor is free. In a program that has closed its
// standard error the file would get that number, and the program's next message would be written
// into it. Duplicating it to another number afterwards would not do: closing any descriptor of a
// file may free the locks that SQLite has on it.
func apart(open func() (*os.File, error)) (*os.File, error) {
	for {
		held, err := anyDescriptor()
		if err != nil {
			return open()
		}
		defer func() { _ = unix.Close(held) }()
		if held > unix.Stderr {
			return open()
		}
	}
}
