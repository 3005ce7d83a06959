package oslock

import "golang.org/x/sys/unix"

const (
	ofdSet     = unix.F_OFD_SETLK
	ofdSetWait = unix.F_OFD_SETLKW
	ofdGet     = unix.F_OFD_GETLK
)

// anyDescriptor opens something that needs neither a path nor rights.
func anyDescriptor() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK) }
