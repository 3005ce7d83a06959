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

func unlockByte(file *os.File, offset int64) error {
	lock := unix.Flock_t{Type: unix.F_UNLCK, Whence: 0, Start: offset, Len: 1}
	return unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &lock)
}
