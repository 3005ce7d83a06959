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
// anybody uses the index: the next store on the database takes it, or whichever store of the
// process opens or closes when nobody uses it any more closes it. A program that opens a thousand
// databases of a server in turn would end with a descriptor of each. So of more than leftMax those
// are closed of which this process has no other descriptor, and so no lock either.
//
// A host that makes its first connection to a database in the moment in which an index that nobody
// uses is closed, or one of more than leftMax, can still lose a lock. SQLite tells nobody that it
// opens a file.

// leftMax is how many indexes stay open that only other processes may use.
const leftMax = 16

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
	closeLeft(func(d *indexDescriptor) bool {
		used, err := d.file.Held(indexInUse, 1)
		return err == nil && !used
	})
	if len(instances.left) <= leftMax {
		return
	}
	open, err := allDescriptors()
	if err != nil {
		return
	}
	times := map[fileID]int{}
	for _, id := range open {
		times[id]++
	}
	closeLeft(func(d *indexDescriptor) bool { return times[d.index] == 1 })
}

func closeLeft(whether func(*indexDescriptor) bool) {
	for database, d := range instances.left {
		if whether(&d) {
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
