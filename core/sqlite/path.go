package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"

	factstr "github.com/factstr/factstr-go/core"
)

// absolutePath refuses what is no path.
func absolutePath(path string) (string, error) {
	switch {
	case path == "":
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path is empty; give the path of a file")
	case path == ":memory:":
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path is %q; use the memory store instead", path)
	case strings.IndexByte(path, 0) >= 0:
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path holds a NUL byte")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", pathFailure(path, err)
	}
	return absolute, nil
}

// preparePath makes the one path that all openers of the file use, and its directory.
func preparePath(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is a directory; give the path of a file in it", path)
		}
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	}
	absolute, err := followLinks(path)
	if err != nil {
		return "", pathFailure(path, err)
	}
	directory, name := filepath.Split(absolute)
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return "", pathFailure(path, err)
	}
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		directory = real
	}
	return filepath.Join(directory, name), nil
}

// followLinks follows links of the file itself, also to a file that does not exist yet: the log
// belongs beside the database, not beside a link to it.
func followLinks(path string) (string, error) {
	const linksMax = 40
	for range linksMax {
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", syscall.ELOOP
}
