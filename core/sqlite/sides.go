package sqlite

import (
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// sides are the log (-wal) and its index (-shm) as this process has them open. As long as a store
// is open SQLite neither removes nor replaces them, and cuts the log only after it has said so in
// the index. So when something else is found, somebody did it from outside, and what is written
// would be lost or destroy the database.
type sides struct {
	mu       sync.Mutex
	users    int // stores that have the side files open; without one SQLite may have removed them since
	database fileID
	log      fileID
	index    fileID
	file     *oslock.File // of the index
	// When the database file was last changed, and how far checkpoints had come when it was last
	// seen so.
	changed      int64
	progress     progress
	timesAreKept bool
}

// identify finds out which files SQLite has open at a path, right after the first connection was
// opened, or compares them for a further one.
func (s *sides) identify(path string, database fileID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	log, err := stateOf(path + "-wal")
	if err != nil {
		return pathFailure(path+"-wal", err)
	}
	index, err := stateOf(path + "-shm")
	if err != nil {
		return pathFailure(path+"-shm", err)
	}
	switch {
	case s.users == 0:
		if err := s.openIndex(path, index.fileID); err != nil {
			return pathFailure(path+"-shm", err)
		}
		s.database, s.log, s.timesAreKept = database, log.fileID, isLocal(path)
		s.changed, s.progress = 0, progress{}
	case s.log != log.fileID || s.index != index.fileID:
		return errSidesReplaced(path)
	}
	if s.users++; s.users == 1 {
		// SQLite's own locks on the index are the process's, and lost when somebody else in the
		// process closes the file. This one is not.
		_ = s.file.TryShared(indexInUse, 1)
	}
	return nil
}

// openIndex keeps a descriptor that is of the index already: closing it could drop the locks that
// SQLite has there.
func (s *sides) openIndex(path string, index fileID) error {
	if s.file != nil && s.index == index {
		return nil
	}
	file, err := oslock.OpenToRead(path + "-shm")
	if err != nil {
		return err
	}
	s.close()
	s.file, s.index = file, index
	return nil
}

// errInUse is the answer to who would use other side files than those who have the database open.
func errInUse(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the log %s-wal or its index %s-shm was removed or replaced while %s was open; those who have it open still use the former ones: close all of them, then open it", path, path, path)
}

// checkSides refuses to open a database beside those who use other side files than those at the
// path. SQLite may fail in many ways on those.
func checkSides(path string, guard *oslock.File) error {
	used, err := guard.Held(sidesOffset, hashMask+1)
	if err != nil {
		return pathFailure(path, err)
	}
	if !used {
		return nil
	}
	log, logErr := stateOf(path + "-wal")
	index, indexErr := stateOf(path + "-shm")
	if logErr != nil || indexErr != nil {
		return errInUse(path)
	}
	return takeSides(path, guard, log.fileID, index.fileID)
}

// takeSides tells every other opener of the database which log and index are in use, and refuses if
// somebody uses others.
func takeSides(path string, guard *oslock.File, log, index fileID) error {
	alone, err := shareAlone(guard, sidesOffset, sidesHash(log, index))
	if err != nil {
		return pathFailure(path, err)
	}
	if !alone {
		return errInUse(path)
	}
	return nil
}

func sidesHash(log, index fileID) int64 {
	return hashOf("%d/%d %d/%d", log.device, log.inode, index.device, index.inode)
}

// giveBack lets the last one who closes the database remove the log.
func (s *sides) giveBack(file *oslock.File) {
	_ = file.Free(sidesOffset + sidesHash(s.log, s.index))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		_ = s.file.Free(indexInUse)
	}
}

// keepLog keeps SQLite, here and in other programs, from removing the log, and from copying it into
// the database, when it closes its last connection. It does so only if it can lock these bytes for
// itself. A store shares them for as long as it is open, as each of its connections does: there are
// moments in which it has none.
func keepLog(file *oslock.File) { _ = file.TryShared(sharedFirst, sharedLength) }

func freeLog(file *oslock.File) { _ = file.FreeRange(sharedFirst, sharedLength) }

func (s *sides) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

func errSidesReplaced(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the log %s-wal or its index %s-shm was removed, replaced or cut while it was open; what is appended now would be lost: close every store on the database, check what it holds, and open it again", path, path)
}
