package sqlite

import (
	"os"
	"strconv"
	"sync"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// A forked child inherits the descriptors that hold locks, and would keep the locks after this process died. The C library closes them in the
// child, so it is told of every descriptor of a lock file, a database and its log.
var descriptors struct {
	mu    sync.Mutex
	tell  func(descriptor int, opened bool)
	known map[string]map[int]bool // of the SQLite files, by database path
}

// OnLockFile sets a function that is told of each descriptor that may hold locks, after it was opened and before or right after it is closed. It must be set before the
// first store is opened.
func OnLockFile(tell func(descriptor int, opened bool)) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	descriptors.tell = tell
	descriptors.known = map[string]map[int]bool{}
}

func lockFileOpened(file *oslock.File) { tellLockFile(file, true) }
func lockFileClosed(file *oslock.File) { tellLockFile(file, false) }

func tellLockFile(file *oslock.File, opened bool) {
	descriptors.mu.Lock()
	defer descriptors.mu.Unlock()
	if descriptors.tell != nil {
		descriptors.tell(file.Descriptor(), opened)
	}
}

// noteDescriptors finds out which descriptors SQLite has open for a database. The driver does not tell, the kernel does.
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
	open := map[int]bool{}
	for _, entry := range entries {
		switch target, _ := os.Readlink(folder + entry.Name()); target {
		case path, path + "-wal", path + "-shm":
			if descriptor, err := strconv.Atoi(entry.Name()); err == nil {
				open[descriptor] = true
			}
		}
	}
	known := descriptors.known[path]
	for descriptor := range known {
		if !open[descriptor] {
			descriptors.tell(descriptor, false)
		}
	}
	for descriptor := range open {
		if !known[descriptor] {
			descriptors.tell(descriptor, true)
		}
	}
	descriptors.known[path] = open
	if len(open) == 0 {
		delete(descriptors.known, path)
	}
}
