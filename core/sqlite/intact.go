package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// intact compares the files at the path with those that are open. It costs a few microseconds.
func (s *sides) intact(path string, guard *oslock.File) error {
	before, valid, cut := readIndex(s.file)
	database, databaseErr := stateOf(path)
	log, logErr := stateOf(path + "-wal")
	index, indexErr := stateOf(path + "-shm")
	for _, err := range []error{databaseErr, logErr, indexErr} {
		if err != nil && !isGone(err) {
			return pathFailure(path, err) // such as a folder without rights; it may pass
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
		s.progress = before.progress
		if !short {
			return nil
		}
	}
	after, valid, _ := readIndex(s.file)
	if !valid {
		return nil
	}
	// Between the two looks nobody wrote, cut or started the log again.
	if short && before.counter == after.counter && before.salt == after.salt && before.frames == after.frames {
		return errSidesReplaced(path)
	}
	if database.changed == s.changed {
		return nil
	}
	return s.checkContent(path, database, before.progress, after.progress)
}

func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// checkContent tells a checkpoint, which alone may change the database file, from somebody else who
// wrote over it. What is in the file does not tell: an older state of the same database may have
// the same size and header.
func (s *sides) checkContent(path string, database fileState, before, after progress) error {
	if s.changed != 0 && s.timesAreKept && before == s.progress && after == before && before.copied == before.attempted {
		_ = setMarkAt(path+"-wal", logMark, logOfNobody)
		return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the file %s was written over while it was open, as by a backup that was copied onto it; what is appended now would be lost: close every store on it, then put the backup back and remove %s-wal and %s-shm; if it was only touched, opening it says how to go on", path, path, path)
	}
	// With the progress of before the look: what a checkpoint writes from here on is not taken for
	// somebody else's.
	s.changed, s.progress = database.changed, before
	return nil
}

// errMoved says where the file is now. Opening the path again would make a new, empty store.
func errMoved(path string, guard *oslock.File) error {
	now, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", guard.Descriptor()))
	const changed = "sqlite: the file %s was replaced, moved or removed while it was open"
	switch _, err := stateOf(path); {
	case err == nil:
		return factstr.NewError(factstr.CodeLogTruncated, changed+"; another file has its name now: close the store, and open it again if that file is the one to go on with", path)
	case strings.HasSuffix(now, " (deleted)") || now == path || now == "":
		return factstr.NewError(factstr.CodeLogTruncated, changed+"; nothing has its name now: close the store and put a backup back, since opening the path would begin an empty store", path)
	}
	return factstr.NewError(factstr.CodeLogTruncated, changed+"; it is at %s now: close the store, then open that path, or move the file back, since opening the former path would begin an empty store", path, now)
}
