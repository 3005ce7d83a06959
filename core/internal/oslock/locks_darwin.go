package oslock

import "golang.org/x/sys/unix"

// The commands of <sys/fcntl.h>, which x/sys does not have.
const (
	ofdSet     = 90 // F_OFD_SETLK
	ofdSetWait = 91 // F_OFD_SETLKW
	ofdGet     = 92 // F_OFD_GETLK
)

func anyDescriptor() (int, error) { return unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0) }
