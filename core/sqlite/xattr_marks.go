package sqlite

import (
	"fmt"
	"path/filepath"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Marks: what a crash leaves behind
//
// Locks end with the process. What must be known after a crash stands in extended attributes of the
// two files: which log belongs to which database.
//
//	on the database   placeMark   its own origin, the inode of its folder and of its log, and its
//	                              path; from the first open until the log is gone
//	on the log        logMark     the origin of its database
//	                  traceMark   when the database was changed last, see replaced_files.go
//
// An origin is the inode and the moment of birth: ext4 gives the inode of a removed file to the
// next file, so a backup put back by rm and cp would pass for the former database by inode alone.
//
// Opening looks at both marks (checkMark), and refuses
//
//   - a database whose mark says that its log was left at another place: facts may be in that log.
//   - a log whose mark names another database, such as one that a backup has replaced: SQLite would
//     copy the former database's pages over the backup.
//   - a log that was marked as nobody's (checkContent in replaced_files.go).
//
// and allows what is harmless: a copy of the database alone (its origin differs from its mark), a
// copy together with its log (both marks copied, but the log has another inode), a move together
// with the log, and a former place at which no log is left.
//
// Marks only refuse. A file system without extended attributes (tmpfs before Linux 6.6) keeps none,
// and then a crash at another place or a foreign log is not noticed; all that concerns running
// processes holds without marks. On overlayfs a file of a lower layer gets another inode and birth
// when it is first written to, the log at another time than the database, so there the origin is
// the inode alone and a moved inode counts as a copy.
const placeMark = "user.factstr.place"

const logMark = "user.factstr.database"

// logOfNobody marks a log whose database was written over while it was open, or only touched: a
// program cannot tell these apart, so the next opener asks a person.
const logOfNobody = "1 0"

// origin names a file in a mark.
type origin struct {
	inode uint64
	born  int64 // in nanoseconds, 0 if the file system does not say
}

// originOf leaves out the birth on file systems where writing to a file changes it.
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

// setMarks writes the marks that differ. Failures are ignored, since marks only refuse.
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

// checkMark refuses a database whose log was left at another place, or that lies beside the log of
// another one.
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
			return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s was changed by something else than a store while it was open: if a backup was copied onto it, remove %s-wal and %s-shm, and with them what was appended after the backup; if nothing was written to it, as by touch, keep them, since they hold facts, and say so: %s", path, path, path, unmark(logMark, path+"-wal"))
		}
		fields, _ := fmt.Sscanf(logText, logForm, &logOf.inode, &logOf.born)
		// A copy that keeps marks, as by cp -a, has both of the original's, and the log has another
		// inode than the mark names, unless it is still that of a lower layer.
		copied := marked && logOf == was && (log.inode != markedLog || isLayered(path))
		if fields == 2 && !logOf.is(is) && !copied {
			return factstr.NewError(factstr.CodeInvalidState, "sqlite: the log %s-wal is not that of the file that is at %s now: if that is a backup which was put back, remove %s-wal and %s-shm, and with them what was appended after the backup; if not, put the former file back; if it is a copy of the database as it was last, say that the log is its own: %s", path, path, path, path, unmark(logMark, path+"-wal"))
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
	return factstr.NewError(factstr.CodeInvalidState, "sqlite: %s was last open as %s and not closed there; facts may be in %s-wal: open it by that name once, or move that file beside this one as %s-wal (if it does not exist any more: %s)",
		path, folder+name, folder+name, filepath.Base(path), unmark(placeMark, path))
}
