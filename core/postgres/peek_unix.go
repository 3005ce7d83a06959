//go:build unix

package postgres

import "syscall"

// over reports, without waiting, whether the other side has closed the connection or sent something
// unasked, which is a farewell. It peeks at the socket and does not read through the connection:
// after a write that took long the driver's own reader is still reading, and over would wait for
// it.
func (w *announcedConn) over() (over bool) {
	_ = w.raw.Control(func(descriptor uintptr) {
		var first [1]byte
		_, _, err := syscall.Recvfrom(int(descriptor), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		over = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
	})
	return over
}
