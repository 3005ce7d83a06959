package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

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

// The bytes of the index that every opener locks in the shared way: who finds them free takes the
// index for a leftover and clears it.
const indexInUse = 128

// logIndex is what the index says of the log (sqlite.org/walformat.html, section 2.1).
type logIndex struct {
	frames  uint32
	page    uint32 // bytes
	counter uint32
	progress
}

// progress is how far checkpoints have come. The database file changes only between the moment at
// which attempted grows and that at which copied follows.
type progress struct {
	salt      uint64 // another one whenever the log is begun again
	copied    uint32 // frames that are in the database
	attempted uint32 // frames that a checkpoint began to copy
}

func (x *logIndex) bytes() int64 {
	if x.frames == 0 {
		return 0
	}
	return 32 + int64(x.frames)*int64(24+x.page)
}

// readIndex returns cut if the file is shorter than any index, and valid unless somebody writes it
// or it is being made again.
func readIndex(file io.ReaderAt) (x logIndex, valid, cut bool) {
	var b [136]byte
	n, err := file.ReadAt(b[:], 0)
	if n < len(b) {
		return x, false, err != nil
	}
	if [48]byte(b[:48]) != [48]byte(b[48:96]) || b[12] == 0 {
		return x, false, false
	}
	native := binary.NativeEndian
	x = logIndex{frames: native.Uint32(b[16:]), page: uint32(native.Uint16(b[14:])), counter: native.Uint32(b[8:]),
		progress: progress{salt: native.Uint64(b[32:]), copied: native.Uint32(b[96:]), attempted: native.Uint32(b[128:])}}
	if x.page == 1 {
		x.page = 65536
	}
	return x, true, false
}

// waiting is how many pages of the log are not in the database yet.
func (s *sides) waiting() (pages uint32, known bool) {
	index, valid, _ := readIndex(s.file)
	return index.frames - min(index.copied, index.frames), valid
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

// The bytes on which SQLite's readers and writers of the database file lock each other out
// (SHARED_FIRST and SHARED_SIZE of its os.h).
const sharedFirst, sharedLength = 0x40000002, 510

func (s *sides) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

func errSidesReplaced(path string) error {
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the log %s-wal or its index %s-shm was removed, replaced or cut while it was open; what is appended now would be lost: close every store on the database, check what it holds, and open it again", path, path)
}

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
		_ = setFileMark(path+"-wal", logMark, logOfNobody)
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
