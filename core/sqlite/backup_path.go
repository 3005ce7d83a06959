package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// backupSuffix is of the file that a backup is written into. What a killed backup has left under
// such a name is cut off by the next one. So nothing else may be there that anybody wants to keep:
// neither a store (checkUnfinished) nor a finished backup (freePath) gets such a name, and a file
// that somebody has moved or linked there is taken only if nobody uses it (isLeft).
const backupSuffix = ".factstr-backup"

func isUnfinished(path string) bool {
	return strings.HasSuffix(placeName(filepath.Base(path)), backupSuffix)
}

// checkUnfinished refuses to open a backup that was not finished: it may be half a database.
func checkUnfinished(path string) error {
	if !isUnfinished(path) {
		return nil
	}
	return factstr.NewError(factstr.CodeInvalidArgument,
		"path: %s is a backup that was not finished, or has the name of one, and the next backup may remove it; make the backup again, or give a file that you know to be whole another name", path)
}

// freePath makes the path of a backup absolute, and refuses one at which something is. Its folder
// must exist: a backup belongs where somebody wanted it, and not beside a disk that is not there.
func freePath(path string) (string, error) {
	path, err := absolutePath(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", errThere(path)
	}
	if isUnfinished(path) {
		return "", factstr.NewError(factstr.CodeInvalidArgument,
			"path: %s is a name for backups that are not finished, which the next one to %s would remove; give another path",
			path, path[:len(path)-len(backupSuffix)])
	}
	// The copy would be removed when the database is opened.
	if database, there := databaseOf(path); there {
		return "", factstr.NewError(factstr.CodeInvalidArgument,
			"path: %s is a name that SQLite uses itself for the database %s; give another path", path, database)
	}
	// A log there, or a journal, would be taken for the copy's own when it is opened.
	for _, suffix := range []string{"-wal", "-journal"} {
		if left, err := os.Lstat(path + suffix); err == nil && left.Size() > 0 {
			return "", factstr.NewError(factstr.CodeInvalidArgument,
				"path: the log %s%s of a former database is there, and would change the backup when it is opened; give another path, or move the log away", path, suffix)
		}
	}
	return path, nil
}

func errThere(path string) error {
	return factstr.NewError(factstr.CodeInvalidArgument,
		"path: %s exists already; a backup replaces nothing: give the path of a file that does not exist", path)
}

// takeUnfinished makes the file of a backup that is being written, empty and locked.
func takeUnfinished(path string) (*oslock.File, error) {
	unfinished := path + backupSuffix
	for {
		file, err := oslock.OpenMovable(unfinished)
		if err != nil {
			return nil, backupFailure(path, err)
		}
		again, err := emptyUnfinished(path, unfinished, file)
		if err == nil && !again {
			return file, nil
		}
		_ = file.Close()
		switch {
		case errors.Is(err, oslock.ErrHeld):
			return nil, factstr.NewError(factstr.CodeBusy,
				"sqlite: another backup is just being written to %s; wait for it, or give another path", path)
		case err != nil:
			return nil, backupFailure(path, err)
		}
	}
}

// emptyUnfinished locks the file and cuts off what a killed backup has left in it. It returns again
// if the file lost its name meanwhile: the backup before this one was just finished or given up.
func emptyUnfinished(path, unfinished string, file *oslock.File) (again bool, err error) {
	if err := file.Try(turnstileOffset); err != nil {
		return false, err
	}
	ours, err := stateOfDescriptor(file.Descriptor())
	if err != nil {
		return false, err
	}
	there, err := stateOf(unfinished)
	if isGone(err) || err == nil && there.fileID != ours.fileID {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if left, err := isLeft(unfinished, ours, file); err != nil || !left {
		if err == nil {
			err = factstr.NewError(factstr.CodeInvalidArgument,
				"path: %s, which a backup to %s would write over, is in use, has a second name or has a log; move it away, or give another path", unfinished, path)
		}
		return false, err
	}
	return false, os.Truncate(unfinished, 0)
}

// isLeft reports whether a file can be what a killed backup has left, or was just made: it has one
// name, no log, and neither a store nor another program has it open.
func isLeft(unfinished string, state fileState, file *oslock.File) (bool, error) {
	if log, err := os.Lstat(unfinished + "-wal"); state.links > 1 || err == nil && log.Size() > 0 {
		return false, nil
	}
	read, err := file.Held(sharedFirst, sharedLength)
	if read || err != nil {
		return false, err
	}
	placed, err := file.Held(placesOffset, hashMask+1)
	return !placed, err
}
