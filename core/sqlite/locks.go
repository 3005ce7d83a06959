package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Bytes of the database file on which its openers lock each other out. They lie far beyond what
// SQLite reads, writes or locks. The kernel ties a lock to the file itself, so whoever opens it
// meets it, by whatever path; and there is no file beside the database that could be removed,
// replaced or made with other rights.
const (
	turnstileOffset = int64(1) << 60
	namesOffset     = int64(1) << 61 // and a durable name's slot
	instancesOffset = int64(1) << 62 // and a hash of the process
	placesOffset    = instancesOffset + int64(1)<<60
	sidesOffset     = instancesOffset + int64(1)<<61
	hashMask        = int64(1)<<60 - 1
)

func hashOf(format string, args ...any) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return int64(binary.LittleEndian.Uint64(sum[:])) & hashMask
}

// The bytes of the index that every opener locks in the shared way: who finds them free takes the
// index for a leftover and clears it.
const indexInUse = 128

// The bytes on which SQLite's readers and writers of the database file lock each other out
// (SHARED_FIRST and SHARED_SIZE of its os.h).
const sharedFirst, sharedLength = 0x40000002, 510

// shareAlone takes a shared lock on one byte of a range and reports whether nobody has one on
// another byte of it.
func shareAlone(file *oslock.File, from, offset int64) (alone bool, err error) {
	if err := file.TryShared(from+offset, 1); err != nil {
		return false, err
	}
	below, err := file.Held(from, offset)
	if err != nil || below {
		return false, err
	}
	above, err := file.Held(from+offset+1, hashMask-offset)
	return !above, err
}
