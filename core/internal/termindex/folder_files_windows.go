package termindex

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// openRemovable opens a file to read, which others may remove and replace meanwhile.
func openRemovable(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, err := windows.CreateFile(
		name, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// rename tries again for a while if somebody has the file open that is to be replaced: a reader
// has the manifest open for moments only, a virus scanner for a little longer.
func rename(from, to string) (err error) {
	const tries = 20
	for try := range tries {
		err = os.Rename(from, to)
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
			return err
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
	return err
}

// syncFolder has nothing to do: the system keeps names in a journal, and lets nobody sync a folder.
// A crash may leave the former manifest, whose segments may be gone; then they are built again.
func syncFolder(string) error { return nil }

// Files have the rights of their folder, and the owner who runs this process.

func handOver(*os.File, fs.FileMode, *Owner) {}

func handOverFolder(string, fs.FileMode, *Owner) {}
