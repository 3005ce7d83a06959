package sqlite

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// How openers of one database lock each other out
//
// All locks between processes are locks of single bytes (package oslock) on the database file
// itself, far beyond the bytes that SQLite reads, writes or locks; SQLite's own locks end at
// 2^30 + 512. The bytes need not exist, so the locks leave no trace in the file.
//
//	bytes of the database           locked      by and for
//	2^60 and 2^60 + 1               exclusive   the store that writes, opens or closes: turnstile
//	2^60 + 2                        exclusive   the store that writes the index of terms: builder
//	2^61 + slot                     exclusive   the store that has the durable name: lease
//	2^62 + hash of the process      exclusive   the copy of this library in a process: instance;
//	                                            shared while it only reads
//	2^62 + 2^60 + hash of a place   shared      each store: the folder and name that it uses
//	2^62 + 2^61 + hash of files     shared      each store: the -wal and -shm that it uses
//	2^30 + 2, for 510 bytes         shared      each store: SQLite's readers, keeps the log (keepLog)
//
//	byte of the index (-shm)
//	128                             shared      each process: SQLite's "in use" (indexInUse)
//
// The two ranges of hashes of places and files work alike: every store holds a shared lock on the
// byte that stands for what it uses, so a lock on another byte of the range proves that another
// store uses something else (shareAlone). The later one is refused, since two places mean two logs,
// and facts acknowledged in one are unknown to the other.
//
// The kernel ties such a lock to the inode and to the open file description. So every opener meets
// it, whatever path, link or mount led to the file; it needs no cleaning up after a crash; closing
// another descriptor of the file in the same process does not drop it; and a read-only opener can
// take shared ones. Only a forked child can keep it alive (fork.go).
//
// Rejected ways:
//
//   - A lock file beside the database. It can be removed, replaced by a link or made by another
//     user, and a second name of the database has a second one. Each of these gave one lock two
//     owners.
//   - POSIX locks of the process. Closing any descriptor of the file drops them all, and a library
//     does not know what else its host opens. SQLite is told to use OFD locks, too
//     (processSettings).
//   - Identity by path. A link, a bind mount or another container gives one file several paths.
//     Paths are resolved for messages and for the place of the log only.
//   - A byte at a hash of the durable name. Two names can be found that share it, and then one
//     blocks the other. Slots are numbers out of a table instead (claim.go).
//
// The order in which locks are taken:
//
//	a write           backend.writing → turnstile → SQLite's write lock
//	an opening        turnstile → backend.writing, which others only try while a store opens
//	a checkpoint      connections.using shared → SQLite's checkpoint lock; the one that keeps
//	                  writers out takes backend.writing and the turnstile before that
//	a read, a look    connections.using shared → SQLite's read lock
//	renew             backend.writing → instance.renewing, then writing of each other store on the
//	                  file (both only tried) → connections.using of all of them
//	for moments, under any of these: readerPool.mu, leases.mu, sides.mu, instances.mu, parked.mu,
//	                  descriptors.mu
//
// core/DESIGN.md has the table for the whole library, and the dates of the decisions.
const (
	turnstileOffset = int64(1) << 60
	builderOffset   = turnstileOffset + 2
	leasesOffset    = int64(1) << 61 // and the slot of a durable name
	instancesOffset = int64(1) << 62 // and a hash of the process
	placesOffset    = instancesOffset + int64(1)<<60
	sidesOffset     = instancesOffset + int64(1)<<61
	hashMask        = int64(1)<<60 - 1
)

// indexInUse is the byte of the index that every connection locks in the shared way. An opener that
// finds it free takes the index for a leftover of a crash and clears it.
const indexInUse = 128

// The bytes on which SQLite's readers and writers of the database file lock each other out
// (SHARED_FIRST and SHARED_SIZE of its os.h).
const sharedFirst, sharedLength = 0x40000002, 510

func hashOf(format string, args ...any) int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, format, args...))
	return int64(binary.LittleEndian.Uint64(sum[:])) & hashMask
}

// shareAlone takes a shared lock on one byte of a range of hashes, and reports whether no other
// byte of the range is locked.
func shareAlone(file *oslock.File, from, offset int64) (alone bool, err error) {
	if err := file.TryShared(from+offset, 1); err != nil {
		return false, err
	}
	return noOther(file, from, offset)
}

// noOther reports whether no other byte of the range is locked by anybody else.
func noOther(file *oslock.File, from, offset int64) (alone bool, err error) {
	below, err := file.Held(from, offset)
	if err != nil || below {
		return false, err
	}
	above, err := file.Held(from+offset+1, hashMask-offset)
	return !above, err
}
