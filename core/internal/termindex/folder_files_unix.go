//go:build !windows

package termindex

import (
	"os"
	"syscall"
)

// openRemovable opens a file to read, which others may remove and replace meanwhile. It waits for
// no pipe.
func openRemovable(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

func rename(from, to string) error { return os.Rename(from, to) }

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if closed := folder.Close(); err == nil {
		err = closed
	}
	return err
}
