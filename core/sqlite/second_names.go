package sqlite

import (
	"os"
	"path/filepath"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// SQLite finds the log of a database by its path: the database's name and "-wal". Under a second
// name (a hard link, or the single file mounted somewhere else) the database would have a second
// log. Facts acknowledged in one log would be unknown to users of the other, and overwritten by
// them. So a database is used at one place at a time: a folder, by device and inode, and a name in
// it. Running processes see each other's place by a lock (takePlace); the place of a process that
// crashed is in a mark (xattr_marks.go).

// checkNames refuses a file that has, or may have, a second name.
func checkNames(path string, state fileState) error {
	const instead = "its log would lie beside one name only, and facts would be lost"
	if state.links > 1 {
		return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s has %d names (hard links); %s: remove the other names, or give this store a copy of the file", path, state.links, instead)
	}
	if isMountPoint(path) {
		return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is mounted as a single file, as containers do; %s: mount the folder that holds the database instead", path, instead)
	}
	return nil
}

// takePlace locks the byte of this place, and refuses if the file is open at another one. The
// caller holds the turnstile: of two processes that do this at once, both might be refused.
func takePlace(path string, file *oslock.File) error {
	folder, name := filepath.Split(path)
	state, err := stateOf(folder)
	if err != nil {
		return pathFailure(path, err)
	}
	alone, err := shareAlone(file, placesOffset, hashOf("%d/%d/%s", state.device, state.inode, placeName(name)))
	if err != nil {
		return pathFailure(path, err)
	}
	if !alone {
		return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is open under another name or in another folder, and its log lies there: open it by that name; in a container, mount the folder that holds the database, not the file", path)
	}
	return nil
}

// checkLeftLog refuses to make a new database beside a log that was left: SQLite would remove the
// log, and with it acknowledged facts. It opens no handle of the log, which whoever closes the
// database may be about to remove.
func checkLeftLog(path string) error {
	log, err := os.Stat(path + "-wal")
	if err != nil || log.Size() == 0 {
		return nil
	}
	// The database is looked at after the log: an opener makes the database first.
	if state, err := stateOf(path); err == nil && state.size > 0 {
		return nil
	}
	return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is missing or empty, but its log %s-wal holds facts: put the database back beside it, or move both away to begin a new store", path, path)
}
