package sqlite

import (
	"strings"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// The index of the log (-shm), as this process has it open
//
// Stores look at the index without SQLite (known_head.go, replaced_files.go). SQLite's locks on it
// belong to the process: whoever closes a descriptor of it drops them all, those of this library's
// connections and those of connections that the host has made itself. Without them another process
// may begin the log anew, or copy pages into the database, under a read or a commit. So a
// descriptor stays open while a store of this process has the database open, and after that while
// the host has the index open and anybody uses it: the next store on the database takes it, or
// whichever store of the process opens or closes when that is over closes it. Beside other
// processes alone nothing stays open: a program that opens a thousand databases of a server in turn
// would end with a descriptor of each, and no file system of theirs could be unmounted.
//
// A host that makes its first connection to a database in the moment in which an index that it had
// not open is closed can still lose a lock. SQLite tells nobody that it opens a file.

type indexDescriptor struct {
	path  string // of the database
	index fileID
	file  *oslock.File // nil if the index is not open
}

// open opens the index of a database, unless it is open already. The descriptor tells which index
// that is: another process may have made it after the look at the path. By the identity of the
// former one the next opening would not know it, and close it under the connection that uses it.
func (d *indexDescriptor) open(path string, index fileID) error {
	if d.file != nil && d.index == index {
		return nil
	}
	file, err := oslock.OpenToRead(path + "-shm")
	if err != nil {
		return err
	}
	d.close()
	*d = descriptorOfIndex(path, file)
	return nil
}

// descriptorOfIndex takes a file that was opened, or none.
func descriptorOfIndex(path string, file *oslock.File) indexDescriptor {
	d := indexDescriptor{path: path, file: file}
	if file != nil {
		state, _ := stateOfDescriptor(file.Descriptor())
		d.index = state.fileID
	}
	return d
}

func (d *indexDescriptor) close() {
	if d.file != nil {
		_ = d.file.Close()
		d.file = nil
	}
}

// used reports whether a connection, of any process, uses the index. The lock of this descriptor
// does not count.
func (d *indexDescriptor) used() bool {
	used, err := d.file.Held(indexInUse, 1)
	return used && err == nil
}

// holdsLocks reports whether closing the descriptor may drop a lock: somebody uses the index, and
// this process has it open once more. It is so if the system does not tell.
func (d *indexDescriptor) holdsLocks() bool {
	if used, err := d.file.Held(indexInUse, 1); err == nil && !used {
		return false
	}
	open, err := descriptorsOfFile(d.index)
	return err != nil || len(open) > 1
}

// takeIndex returns what was left open of a database's index, for the first store that opens the
// database. The caller holds instances.mu.
func takeIndex(database fileID) indexDescriptor {
	d := instances.left[database]
	delete(instances.left, database)
	closeUnusedIndexes()
	return d
}

// leaveIndex closes the index of a database that no store has open any more, or leaves it open. The
// caller holds instances.mu.
func leaveIndex(database fileID, d indexDescriptor) {
	if closingDropsLocks && d.file != nil {
		if instances.left == nil {
			instances.left = map[fileID]indexDescriptor{}
		}
		instances.left[database] = d
	} else {
		d.close()
	}
	closeUnusedIndexes()
}

func closeUnusedIndexes() {
	for database, d := range instances.left {
		if !d.holdsLocks() {
			d.close()
			delete(instances.left, database)
			noteDescriptors(d.path)
		}
	}
}

// indexIsDatabase reports whether what is at the path of an index is a database itself. It is not
// looked at while it is open here: then it is an index. No store opens its database meanwhile; the
// first one that does so has asked.
func indexIsDatabase(path string) bool {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	databasePath := strings.TrimSuffix(path, "-shm")
	database, err := stateOf(databasePath)
	if err != nil {
		return isDatabase(path)
	}
	index, err := stateOf(path)
	if err != nil || instances.held[database.fileID] != nil {
		return false
	}
	// What was left may be of an index that is not at the path any more.
	left := takeIndex(database.fileID)
	if left.file != nil && left.index == index.fileID {
		leaveIndex(database.fileID, left)
		return false
	}
	left.close()
	file, is := beginsAsDatabase(path)
	leaveIndex(database.fileID, descriptorOfIndex(databasePath, file))
	return is
}
