//go:build unix

package postgres

import "syscall"

// over looks, without waiting, whether the other side has closed the connection or says something unasked, which is a farewell.
func (w *watched) over() (over bool) {
	_ = w.raw.Read(func(descriptor uintptr) bool {
		var first [1]byte
		_, _, err := syscall.Recvfrom(int(descriptor), first[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		over = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK && err != syscall.EINTR
		return true
	})
	return over
}
