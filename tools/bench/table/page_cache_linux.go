package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dropPageCache has the system forget the pages of a database, its log file and its index. Pages
// that a process has mapped stay: of SQLite that is the index of its log file, of some KB.
func dropPageCache(database string) error {
	files, err := filepath.Glob(database + "*")
	if err != nil {
		return err
	}
	for _, file := range files {
		err := filepath.WalkDir(file, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				err = forget(path)
			}
			if errors.Is(err, fs.ErrNotExist) { // the index was merged meanwhile
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forget writes what was not written yet, since only such pages can be dropped.
func forget(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := file.Sync(); err != nil {
		return err
	}
	return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
}
