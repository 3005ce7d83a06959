package oslock

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system has locks that belong to an open file.
const Supported = true

const (
	shared    = unix.F_RDLCK
	exclusive = unix.F_WRLCK
)

func lock(file *os.File, kind int16, offset, length int64, wait bool) error {
	command := unix.F_OFD_SETLK
	if wait {
		command = unix.F_OFD_SETLKW
	}
	lock := unix.Flock_t{Type: kind, Whence: 0, Start: offset, Len: length}
	err := control(file, command, &lock)
	if !wait && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)) {
		return ErrHeld
	}
	return err
}

func held(file *os.File, offset, length int64) (bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0, Start: offset, Len: length}
	err := control(file, unix.F_OFD_GETLK, &lock)
	return lock.Type != unix.F_UNLCK, err
}

func unlockAll(file *os.File) error { return unlock(file, 0, 0) }

// unlock frees bytes from an offset on. A length of 0 means all of them.
func unlock(file *os.File, offset, length int64) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: 0, Start: offset, Len: length}
	return control(file, unix.F_OFD_SETLK, &lock)
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
func openDescriptor(path string, flags int) (*os.File, error) {
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
		held, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
		if err != nil {
			return open()
		}
		defer func() { _ = unix.Close(held) }()
		if held > unix.Stderr {
			return open()
		}
	}
}
