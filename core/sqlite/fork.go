package sqlite

import "sync"

// Forked children
//
// A child that was forked shares the open file descriptions of this process, and locks belong to
// those. So while a child keeps a descriptor of a database or a side file open, it keeps every
// lock, also after this process died: names stay leased, writers wait for a lock that nobody will
// free. exec closes the descriptors (O_CLOEXEC); a child that goes on without exec, as of Python's
// multiprocessing, does not.
//
// The C library therefore closes them in the child (pthread_atfork), and so must know their
// numbers. SQLite does not report which descriptors it opens. They are found among those of the
// process after each opening and closing of a connection, as those of the three files, and reported
// to tell: an opened one before the first statement, which may wait for a lock for long, a closed
// one after it was closed. The child checks by device and inode that a number is still that file,
// since numbers are used again.
//
// A forked child must not use a store: the threads of Go's runtime do not exist there.
var descriptors struct {
	mu    sync.Mutex
	tell  func(descriptor int, opened bool)
	known map[string]map[int]fileID // by database path
}

// OnLockHolder sets the function that is called for each descriptor that may hold locks: after it
// was opened, and before or right after it is closed. It must be set before the first store is
// opened.
func OnLockHolder(tell func(descriptor int, opened bool)) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	descriptors.tell = tell
	descriptors.known = map[string]map[int]fileID{}
}

// noteDescriptors finds the descriptors that SQLite has open for a database, and reports changes.
func noteDescriptors(path string) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	if descriptors.tell == nil {
		return
	}
	known := descriptors.known[path]
	open, err := descriptorsOf(path, known)
	if err != nil {
		return
	}
	for descriptor, was := range known {
		if open[descriptor] != was {
			descriptors.tell(descriptor, false)
		}
	}
	for descriptor, is := range open {
		if known[descriptor] != is {
			descriptors.tell(descriptor, true)
		}
	}
	descriptors.known[path] = open
	if len(open) == 0 {
		delete(descriptors.known, path)
	}
}
