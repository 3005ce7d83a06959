package sqlite

import "syscall"

// setOtherUser gives up root's rights for the whole process, for good.
func setOtherUser() error {
	const nobody = 65534
	if err := syscall.Setgid(nobody); err != nil {
		return err
	}
	return syscall.Setuid(nobody)
}
