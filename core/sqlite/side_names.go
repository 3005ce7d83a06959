package sqlite

import (
	"os"
	"path/filepath"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// SQLite takes three names in the folder of a database for its own, and removes or writes over what
// it finds there when it opens the database. So "orders" and "orders-journal" cannot both be
// databases: opening the first would remove the second, with all its facts. Whichever of two such
// names comes second is refused. A name alone is no reason: "orders-journal" is a good one while
// there is no "orders".
var sideSuffixes = []string{"-wal", "-shm", "-journal"}

const sideNameInstead = "SQLite would take one for a part of the other, and remove it; " +
	"give one of them another name, or move it to another folder"

// checkSideNames refuses a path whose file SQLite takes for a part of another database, and one
// beside which another database has such a name.
func checkSideNames(path string) error {
	if database, beside := databaseOf(path); beside {
		return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s is beside %s: %s", path, database, sideNameInstead)
	}
	for _, suffix := range sideSuffixes {
		taken := isDatabase
		if suffix == "-shm" {
			taken = indexIsDatabase
		}
		if taken(path + suffix) {
			return factstr.NewError(factstr.CodeInvalidState,
				"sqlite: the database %s%s is beside %s: %s", path, suffix, path, sideNameInstead)
		}
	}
	return nil
}

// databaseOf returns the path of which another one would be a side file, if a file is there.
func databaseOf(path string) (database string, there bool) {
	folder, name := filepath.Split(path)
	for _, suffix := range sideSuffixes {
		if own := len(name) - len(suffix); own > 0 && strings.HasSuffix(placeName(name), suffix) {
			database = folder + name[:own]
			state, err := stateOf(database)
			return database, err == nil && state.kind == regularFile
		}
	}
	return "", false
}

// isDatabase reports whether a file begins as a database does, which no log, index or journal does.
func isDatabase(path string) bool {
	file, is := beginsAsDatabase(path)
	if file != nil {
		_ = file.Close()
	}
	return is
}

// beginsAsDatabase returns also the file, if it opened it. SQLite may remove the file meanwhile:
// whoever opens a database looks here without a lock, while another one makes it and ends its first
// journal.
func beginsAsDatabase(path string) (file *oslock.File, is bool) {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() < int64(len(databaseMagic)) {
		return nil, false
	}
	file, err := oslock.OpenToGlance(path)
	if err != nil {
		return nil, false
	}
	header := make([]byte, len(databaseMagic))
	n, _ := file.ReadAt(header, 0)
	return file, string(header[:n]) == databaseMagic
}
