package sqlite

import (
	"os"
	"strconv"
	"sync"
)

// A forked child inherits the descriptors that hold locks, and would keep the locks after this
// process died. The C library closes them in the child, so it is told of every descriptor of a
// database and its side files.
var descriptors struct {
	mu    sync.Mutex
	tell  func(descriptor int, opened bool)
	known map[string]map[int]fileID // by database path
}

// OnLockHolder sets a function that is told of each descriptor that may hold locks, after it was
// opened and before or right after it is closed. It must be set before the first store is opened.
func OnLockHolder(tell func(descriptor int, opened bool)) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	descriptors.tell = tell
	descriptors.known = map[string]map[int]fileID{}
}

// noteDescriptors finds out which descriptors SQLite has open for a database. The driver does not
// tell, the kernel does.
func noteDescriptors(path string) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	if descriptors.tell == nil {
		return
	}
	const folder = "/proc/self/fd/"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	known, open := descriptors.known[path], map[int]fileID{}
	for _, entry := range entries {
		descriptor, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		state, err := stateOfDescriptor(descriptor)
		if err != nil {
			continue
		}
		if was, told := known[descriptor]; told && state.fileID == was {
			open[descriptor] = was // also of a file that was moved or removed meanwhile
			continue
		}
		switch target, _ := os.Readlink(folder + entry.Name()); target {
		case path, path + "-wal", path + "-shm":
			open[descriptor] = state.fileID
		}
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
