package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Looks at the files
//
// SQLite trusts that nobody touches its files from outside. Users do: they restore a backup over an
// open database, move it, delete side files. SQLite then commits without an error into a file that
// nobody will open again, or mixes pages of two databases. So the store looks at its files before
// it relies on them. What a look relies on: while a store has a connection open, SQLite neither
// removes nor replaces the log and the index, cuts the log only after it has said so in the index,
// and changes the database only during a checkpoint. Whatever else is found was done from outside.
//
// One look is three calls of stat and one read of the index, about 1.5 microseconds. It asks for no
// times but the database's, since to ask for those of the log makes commits slower (identityOf). It
// compares
//
//	what                               with                         and so finds
//	device and inode of the database   the file that was opened     mv, rm, a backup moved into place
//	the same of log and index          the ones in use              removed or replaced side files
//	size of the log                    frames in the index          a log that was cut
//	the database's time of change      progress of checkpoints      a backup copied over it in place
//
// When it is taken, and why there:
//
//   - after BEGIN IMMEDIATE: waiting for the lock may have taken long, and what is written next
//     would go into the wrong file. Nothing was written yet, so the append fails with LogTruncated.
//   - after COMMIT: the files may have been exchanged in between. What was committed is lost or
//     not, so the append ends with CommitUnknown; also if the look fails, as on a folder whose
//     rights were taken away just then.
//   - after a read: what was read while files were exchanged may be of two logs. Afterwards, since
//     a look before would prove nothing about the read.
//   - before and after a connection is opened, since SQLite opens by path.
//   - at each look of the watcher, since the number that it compares never changes again in a file
//     that was left behind, and before each delivery of a durable stream (Confirm in claim.go).
//   - before a checkpoint, and before the one at the last close: it would copy the former log over
//     the backup.
//
// Fewer looks would open a gap: each stands at a moment after which something irrevocable happens.
// Cheaper ones were rejected, too. The time of change of the folder does not show that the folder
// itself, or a mount, was exchanged. fstat of the open descriptors does not show who has the name
// now. A mapped index would end the process with SIGBUS when somebody cuts it.

// intact takes one look.
func (s *sides) intact(path string, guard *oslock.File) error {
	before, valid, cut := readIndex(s.file)
	database, databaseErr := stateOf(path)
	log, logErr := identityOf(path + "-wal")
	index, indexErr := identityOf(path + "-shm")
	for _, err := range []error{databaseErr, logErr, indexErr} {
		if err != nil && !isGone(err) {
			return pathFailure(path, err) // such as missing rights on a folder, which may come back
		}
	}
	switch {
	case databaseErr != nil || database.fileID != s.database:
		return errMoved(path, guard)
	case logErr != nil || log.fileID != s.log, indexErr != nil || index.fileID != s.index || cut:
		return errSidesReplaced(path)
	}
	if !valid {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	short := log.size < before.bytes()
	if database.changed == s.changed {
		if s.progress != before.progress {
			s.progress = before.progress
			before.leave(path, database.changed)
		}
		if !short {
			return nil
		}
	}
	after, valid, _ := readIndex(s.file)
	if !valid {
		return nil
	}
	// The log is short although nobody wrote, cut or restarted it between the two reads.
	if short && before.counter == after.counter && before.salt == after.salt && before.frames == after.frames {
		return errSidesReplaced(path)
	}
	if database.changed == s.changed {
		return nil
	}
	return s.checkContent(path, database, before, after)
}

// isGone reports whether nothing is at a path.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// checkContent is called when the database's time of change is a new one. A checkpoint may have
// changed it, or somebody else who wrote over the file; the file itself does not show which, since
// an older state of the same database may have the same size and header. It was not a checkpoint
// if no frame was copied since the last look and none is being copied: progress is the same before
// and after the stat, and what was attempted is done. Touching an open database looks the same.
//
// A store that did not look for a while cannot tell: others may have begun a log, or checkpointed.
// It compares with what the last store that looked has left on the log, see traceMark.
func (s *sides) checkContent(path string, database fileState, before, after logIndex) error {
	quiet := after.progress == before.progress && before.copied == before.attempted
	if s.changed != 0 && s.timesAreKept && quiet {
		over := before.progress == s.progress || before.contradicts(path, database.changed)
		if over {
			_ = setMarkAt(path+"-wal", logMark, logOfNobody)
		}
		if over || markAt(path+"-wal", logMark) == logOfNobody {
			return errWrittenOver(path)
		}
	}
	// The progress from before the stat: a checkpoint that goes on is then not taken for somebody
	// else at the next look.
	s.changed, s.progress = database.changed, before.progress
	if quiet {
		before.leave(path, database.changed)
	}
	return nil
}

// traceMark is on the log: the database's time of change that a store saw, and how far checkpoints
// had come then. It is left whenever that changes, so it tells a store that has been idle since
// what it did not see. A time that is not the trace's, with the same progress, is no checkpoint's.
//
// A trace counts only if no recovery of the index came after it: that starts progress and counter
// from 0, and the next checkpoint copies the same frames once more. So the counter must not be
// lower, and one without a commit, or without a log, leaves no trace.
const traceMark = "user.factstr.trace"

const traceForm = "1 %d %d %d %d %d"

func (x *logIndex) leave(path string, changed int64) {
	if x.salt != 0 && x.counter > 0 && x.copied == x.attempted {
		_ = setMarkAt(path+"-wal", traceMark, fmt.Sprintf(traceForm, x.salt, x.copied, x.attempted, x.counter, changed))
	}
}

// contradicts reports whether the database's time of change is not the one of the trace, which was
// left at the same progress.
func (x *logIndex) contradicts(path string, changed int64) bool {
	var left logIndex
	var at int64
	fields, _ := fmt.Sscanf(markAt(path+"-wal", traceMark), traceForm, &left.salt, &left.copied, &left.attempted,
		&left.counter, &at)
	return fields == 5 && left.progress == x.progress && left.counter <= x.counter && at != changed
}

func errWrittenOver(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the file %s was written over while it was open, as by a backup that was copied onto it; what is appended now would be lost: close every store on it, then put the backup back and remove %s-wal and %s-shm; if it was only touched, opening it says how to go on", path, path, path)
}

// errMoved says where the file is now, since opening the path again would make a new, empty store.
func errMoved(path string, guard *oslock.File) error {
	now := nameNow(guard)
	const changed = "sqlite: the file %s was replaced, moved or removed while it was open"
	switch _, err := stateOf(path); {
	case err == nil:
		return factstr.NewError(factstr.CodeLogTruncated, changed+"; another file has its name now: close the store, and open it again if that file is the one to go on with", path)
	case now == path || now == "":
		return factstr.NewError(factstr.CodeLogTruncated, changed+"; nothing has its name now: close the store and put a backup back, since opening the path would begin an empty store", path)
	}
	return factstr.NewError(factstr.CodeLogTruncated, changed+"; it is at %s now: close the store, then open that path, or move the file back, since opening the former path would begin an empty store", path, now)
}
