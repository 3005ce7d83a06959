package oslock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Supported tells whether this system has locks that belong to an open file.
const Supported = true

func lockByte(file *os.File, offset int64, wait bool) error {
	command := unix.F_OFD_SETLK
	if wait {
		command = unix.F_OFD_SETLKW
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0, Start: offset, Len: 1}
	for {
		err := unix.FcntlFlock(file.Fd(), command, &lock)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case !wait && (errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES)):
			return ErrHeld
		default:
			return err
		}
	}
}

func unlockByte(file *os.File, offset int64) error { return unlock(file, offset, 1) }

func unlockAll(file *os.File) error { return unlock(file, 0, 0) }

// unlock frees bytes from an offset on, all of them if length is 0.
func unlock(file *os.File, offset, length int64) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: 0, Start: offset, Len: length}
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)
}
