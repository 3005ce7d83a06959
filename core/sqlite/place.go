package sqlite

import (
	"path/filepath"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// A database has its log beside it, by its name. Under a second name (a hard link, the single file
// mounted somewhere else) it would have a second log, and what is acknowledged by one is unknown to
// the other and overwritten by it. So a database is used at one place at a time: a folder and a
// name in it.

// checkNames refuses a file that has, or may have, another name beside which there is another log.
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

// takePlace tells every other opener of the file at which place it is open. Those shared locks are
// the only ones in their range, so a lock elsewhere in it is of another place. It must be called
// while no other process does the same, or else both may be refused.
func takePlace(path string, file *oslock.File) error {
	folder, name := filepath.Split(path)
	state, err := stateOf(folder)
	if err != nil {
		return pathFailure(path, err)
	}
	alone, err := shareAlone(file, placesOffset, hashOf("%d/%d/%s", state.device, state.inode, name))
	if err != nil {
		return pathFailure(path, err)
	}
	if !alone {
		return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is open under another name or in another folder, and its log lies there: open it by that name; in a container, mount the folder that holds the database, not the file", path)
	}
	return nil
}

// checkLeftLog refuses to make a new database beside the log of another one: SQLite would remove
// the log, and with it facts that somebody waits for.
func checkLeftLog(path string) error {
	log, err := stateOf(path + "-wal")
	if err != nil || log.size == 0 {
		return nil
	}
	// The database is made before its log, and removed by nobody.
	if state, err := stateOf(path); err == nil && state.size > 0 {
		return nil
	}
	return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is missing or empty, but its log %s-wal holds facts: put the database back beside it, or move both away to begin a new store", path, path)
}
