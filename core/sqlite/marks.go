package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// The place of a database is also written on the file itself while a log may lie there, so that it
// is known after a crash. A copy of the file has another inode and is not meant. File systems
// without extended attributes keep no such mark.
const placeMark = "user.factstr.place"

// The log carries the origin of its database: a log that an earlier database left at the path would
// be copied over a backup that was put back there.
const logMark = "user.factstr.database"

// logOfNobody marks a log whose database was written over while it was open, or only touched.
const logOfNobody = "1 0"

// origin names a file in a mark. The number of a removed file is often the next one's, so the
// moment of its birth belongs to it, which is 0 where the file system does not tell.
type origin struct {
	inode uint64
	born  int64
}

// originOf leaves out the birth where files get another one by being written to.
func originOf(path string, file *oslock.File, database fileID) origin {
	if isLayered(path) {
		return origin{inode: database.inode}
	}
	return origin{database.inode, bornAt(file.Descriptor())}
}

func (o origin) is(other origin) bool {
	return o.inode == other.inode && (o.born == other.born || o.born == 0 || other.born == 0)
}

const (
	placeForm = "1 %d %d %d %d" // origin of the database, folder, log
	logForm   = "1 %d %d"
)

func setMarks(path string, file *oslock.File, database, log fileID) {
	folder, name := filepath.Split(path)
	state, _ := stateOf(folder)
	is := originOf(path, file, database)
	if text := fmt.Sprintf(placeForm+"\n%s\n%s", is.inode, is.born, state.inode, log.inode, folder, name); mark(file.Descriptor(), placeMark) != text {
		_ = setMark(file.Descriptor(), placeMark, text)
	}
	if text := fmt.Sprintf(logForm, is.inode, is.born); markAt(path+"-wal", logMark) != text {
		_ = setMarkAt(path+"-wal", logMark, text)
	}
}

// checkMark refuses to open a database whose log was left at another place, by a crash, or that was
// put beside the log of another one.
func checkMark(path string, file *oslock.File, database fileID) error {
	text := mark(file.Descriptor(), placeMark)
	first, names, _ := strings.Cut(text, "\n")
	folder, name, _ := strings.Cut(names, "\n")
	is := originOf(path, file, database)
	var was, logOf origin
	var markedFolder, markedLog uint64
	fields, _ := fmt.Sscanf(first, placeForm, &was.inode, &was.born, &markedFolder, &markedLog)
	marked := fields == 4
	if log, err := stateOf(path + "-wal"); err == nil && log.size > 0 {
		logText := markAt(path+"-wal", logMark)
		if logText == logOfNobody {
			return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s was changed by something else than a store while it was open: if a backup was copied onto it, remove %s-wal and %s-shm, and with them what was appended after the backup; if nothing was written to it, as by touch, keep them, since they hold facts, and say so: setfattr -x %s %s-wal", path, path, path, logMark, path)
		}
		fields, _ := fmt.Sscanf(logText, logForm, &logOf.inode, &logOf.born)
		// Copies that keep the marks keep both, and the log is another file then, if not one of a
		// lower layer.
		copied := marked && logOf == was && (log.inode != markedLog || isLayered(path))
		if fields == 2 && !logOf.is(is) && !copied {
			return factstr.NewError(factstr.CodeInvalidState, "sqlite: the log %s-wal is not that of the file that is at %s now: if that is a backup which was put back, remove %s-wal and %s-shm, and with them what was appended after the backup; if not, put the former file back; if it is a copy of the database as it was last, say that the log is its own: setfattr -x %s %s-wal", path, path, path, path, logMark, path)
		}
	}
	if !marked || !was.is(is) {
		return nil
	}
	here, _ := stateOf(filepath.Dir(path))
	if here.inode == markedFolder && filepath.Base(path) == name {
		return nil
	}
	if log, err := stateOf(path + "-wal"); err == nil && log.inode == markedLog {
		return nil // moved with it
	}
	if there, err := stateOf(folder); err == nil && there.inode == markedFolder {
		if log, err := stateOf(folder + name + "-wal"); err != nil || log.size == 0 {
			return nil // nothing was left
		}
	}
	return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s was last open as %s and not closed there; facts may be in %s-wal: open it by that name once, or move that file beside this one as %s-wal (if it does not exist any more: setfattr -x %s %s)",
		path, folder+name, folder+name, filepath.Base(path), placeMark, path)
}
