package termindex

import (
	"io"
	"io/fs"
	"os"
)

// Files are the operations of a folder on its files. A test replaces them, to fail at each.
type Files interface {
	// MakeFolder makes the folder unless it exists; its parent must exist.
	MakeFolder(path string, mode fs.FileMode) error
	// Create creates a file to write, in the place of one that is there. It follows no link.
	Create(path string, mode fs.FileMode) (WritableFile, error)
	// Open opens a regular file to read, and returns its size. It waits for nobody.
	Open(path string) (ReadableFile, int64, error)
	Rename(from, to string) error
	Remove(path string) error
	// List returns the names of the files in a folder.
	List(folder string) ([]string, error)
	SyncFolder(path string) error
}

// WritableFile is a new file.
type WritableFile interface {
	io.Writer
	io.Closer
	Sync() error
}

// ReadableFile is a file that is read at any place by any number of goroutines.
type ReadableFile interface {
	io.ReaderAt
	io.Closer
}

// systemFiles are the files of the operating system.
//
// Whoever may write the database may write the folder, so its files may be anybody's: a link to a
// file that this process may write and they may not, or a pipe that nobody writes. Neither harms.
type systemFiles struct{ owner *Owner }

func (s systemFiles) MakeFolder(path string, mode fs.FileMode) error {
	if mode&0o400 != 0 {
		mode |= 0o100
	}
	if mode&0o040 != 0 {
		mode |= 0o010
	}
	if mode&0o004 != 0 {
		mode |= 0o001
	}
	err := os.Mkdir(path, mode)
	if os.IsExist(err) {
		return nil
	}
	if err == nil {
		handOverFolder(path, mode, s.owner)
	}
	return err
}

func (s systemFiles) Create(path string, mode fs.FileMode) (WritableFile, error) {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	handOver(file, mode, s.owner)
	return file, nil
}

func (systemFiles) Open(path string) (ReadableFile, int64, error) {
	file, err := openRemovable(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrInvalid}
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, err
	}
	return file, info.Size(), nil
}

func (systemFiles) Rename(from, to string) error { return rename(from, to) }
func (systemFiles) Remove(path string) error     { return os.Remove(path) }

func (systemFiles) List(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

func (systemFiles) SyncFolder(path string) error { return syncFolder(path) }
