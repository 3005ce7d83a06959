//go:build linux || darwin

package sqlite

import "golang.org/x/sys/unix"

// A mark is a text that a file carries beside its content, as an extended attribute. Marks are read
// and written by descriptor where the store has one, and by path for the log, which SQLite opens.

func mark(descriptor int, name string) string {
	return markFrom(func(value []byte) (int, error) { return unix.Fgetxattr(descriptor, name, value) })
}

func markAt(path, name string) string {
	return markFrom(func(value []byte) (int, error) { return unix.Lgetxattr(path, name, value) })
}

// markFrom returns "" if the file has no such mark, or its file system has no attributes.
func markFrom(read func([]byte) (int, error)) string {
	value := make([]byte, 8192)
	n, err := read(value)
	if err != nil {
		return ""
	}
	return string(value[:n])
}

func setMark(descriptor int, name, text string) error {
	return unix.Fsetxattr(descriptor, name, []byte(text), 0)
}

func setMarkAt(path, name, text string) error { return unix.Lsetxattr(path, name, []byte(text), 0) }

func removeMark(descriptor int, name string) error { return unix.Fremovexattr(descriptor, name) }
