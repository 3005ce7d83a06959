package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	factstr "github.com/factstr/factstr-go/core"
)

// absolutePath makes a path absolute, and refuses what cannot be one.
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
	return localPath(absolute)
}

// preparePath returns the one path that all openers of the file use, and makes its folder unless
// nothing may be made.
func preparePath(path string, readOnly bool) (string, error) {
	if readOnly {
		if _, err := stateOf(path); err != nil && isGone(err) {
			return "", factstr.BackendFailure(factstr.ReasonMissingPath,
				"sqlite: there is no database %q, and a store that is opened read_only makes none: %w", path, err)
		}
	}
	if state, err := stateOf(path); err == nil && state.kind != regularFile {
		if state.kind == directory {
			return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is a directory; give the path of a file in it", path)
		}
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	}
	absolute, err := followLinks(path)
	if err != nil {
		return "", pathFailure(path, err)
	}
	folder, name := filepath.Split(absolute)
	// Only a folder that is missing is made: MkdirAll would make parents of a path that is too
	// long.
	if _, err = stateOf(folder); errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(folder, 0o777)
	}
	if err != nil {
		return "", pathFailure(path, err)
	}
	return localPath(realPath(folder, name))
}

// followLinks follows links that the file itself is, also to a file that does not exist yet, so
// that the log lies beside the database and not beside a link to it.
func followLinks(path string) (string, error) {
	const linksMax = 40
	for range linksMax {
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(target) {
			folder, err := realFolder(filepath.Dir(path)) // a target such as ../x starts there
			if err != nil {
				return "", err
			}
			target = filepath.Join(folder, target)
		}
		path = target
	}
	return "", syscall.ELOOP
}
