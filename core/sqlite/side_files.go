package sqlite

import (
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// sides are the side files, the log (-wal) and its index (-shm), as this process has them open.
// All stores of the process on one database share it.
type sides struct {
	mu       sync.Mutex
	users    int // stores that have the side files open; SQLite may remove them while there is none
	database fileID
	log      fileID
	indexDescriptor
	// The database's time of change as it was last seen, and how far checkpoints had come then; see
	// checkContent.
	changed      int64
	progress     progress
	timesAreKept bool // by the file system
}

// identify finds out which side files SQLite has open, right after the first connection was opened.
// For a further store it compares them.
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
		if err := s.open(path, index.fileID); err != nil {
			return pathFailure(path+"-shm", err)
		}
		if s.index != index.fileID {
			return errSidesReplaced(path)
		}
		// A connection that may not write an index which nobody uses reads the log into memory
		// instead, and holds no lock. The lock that is taken below would tell everybody, this
		// process among them, that the index has been looked after. It may be older than the log,
		// as after a loss of power: who relies on it overwrites facts.
		used, err := s.file.Held(indexInUse, 1)
		if err == nil && !used && !mayWrite(path+"-shm") {
			return errLogUnused(path, path+"-shm")
		}
		s.database, s.log, s.timesAreKept = database, log.fileID, isLocal(path)
		s.changed, s.progress = 0, progress{}
	case s.log != log.fileID || s.index != index.fileID:
		return errSidesReplaced(path)
	}
	if s.users++; s.users == 1 {
		// SQLite's own locks on the index belong to the process, and are lost when somebody else in
		// the process closes the file. This one is not.
		_ = s.file.TryShared(indexInUse, 1)
	}
	return nil
}

// errInUse refuses an opener who would use other side files than those who have the database open.
func errInUse(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the log %s-wal or its index %s-shm was removed or replaced while %s was open; those who have it open still use the former ones: close all of them, then open it", path, path, path)
}

// checkSides refuses an opening while others have the database open with side files that are not
// those at the path. It comes before the first connection, on which SQLite may fail in many ways
// then. It takes no lock: until a connection is open, the last one who closes the database may
// remove these files, and a lock that stands for removed files keeps others out.
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
	alone, err := noOther(guard, sidesOffset, sidesHash(log.fileID, index.fileID))
	return whetherAlone(path, alone, err)
}

// takeSides locks the byte of these side files, and refuses if somebody uses others.
func takeSides(path string, guard *oslock.File, log, index fileID) error {
	alone, err := shareAlone(guard, sidesOffset, sidesHash(log, index))
	return whetherAlone(path, alone, err)
}

func whetherAlone(path string, alone bool, err error) error {
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

// giveBack frees what says that this store uses the side files. The last one who closes the
// database removes the log, and the next opener makes another one.
func (s *sides) giveBack(file *oslock.File) {
	_ = file.Free(sidesOffset + sidesHash(s.log, s.index))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		_ = s.file.Free(indexInUse)
	}
}

// keepLog keeps SQLite, here and in other programs, from copying the log into the database and
// removing it when a last connection is closed. SQLite does that only if it can lock these bytes
// for itself. Each connection shares them; a store shares them also in the moments in which it has
// no connection.
func keepLog(file *oslock.File) { _ = file.TryShared(sharedFirst, sharedLength) }

func freeLog(file *oslock.File) { _ = file.FreeRange(sharedFirst, sharedLength) }

func errSidesReplaced(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the log %s-wal or its index %s-shm was removed, replaced or cut while it was open; what is appended now would be lost: close every store on the database, check what it holds, and open it again", path, path)
}
