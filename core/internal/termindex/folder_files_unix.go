//go:build !windows

package termindex

import (
	"io/fs"
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

// handOver gives a new file its mode, whatever the umask is, and its owner. Both are tried only, as
// SQLite does for its files: a file system may have no owners.
func handOver(file *os.File, mode fs.FileMode, owner *Owner) {
	_ = file.Chmod(mode)
	if owner != nil {
		_ = file.Chown(owner.User, owner.Group)
	}
}

// handOverFolder is handOver of a folder. It follows no link that was put in its place.
func handOverFolder(path string, mode fs.FileMode, owner *Owner) {
	folder, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err == nil {
		handOver(folder, mode, owner)
		_ = folder.Close()
	}
}
