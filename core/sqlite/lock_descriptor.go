package sqlite

import (
	"sync"

	"github.com/factstr/factstr-go/core/internal/oslock"
	"modernc.org/sqlite"
)

// The guard is a store's own descriptor of the database file. All of its locks are taken on it.

// parked holds guards that may not be closed. SQLite locks by process, rather than by open file, if
// another part of the program has used the driver before the first store was opened; closing any
// descriptor of the database would then drop SQLite's locks. Such a guard is kept for the next
// store on the file.
var parked struct {
	mu     sync.Mutex
	guards map[fileID][]*oslock.File
}

func openGuard(path string, readOnly bool) (file *oslock.File, state fileState, err error) {
	if state, err = stateOf(path); err == nil && !readOnly {
		if file = unpark(state.fileID); file != nil {
			return file, state, nil
		}
	}
	open := oslock.Open
	if readOnly {
		open = oslock.OpenToRead
	}
	if file, err = open(path); err != nil {
		return nil, state, pathFailure(path, err)
	}
	if state, err = stateOfDescriptor(file.Descriptor()); err != nil {
		closeGuard(file)
		return nil, state, pathFailure(path, err)
	}
	return file, state, nil
}

func unpark(id fileID) *oslock.File {
	parked.mu.Lock()
	defer parked.mu.Unlock()
	guards := parked.guards[id]
	if len(guards) == 0 {
		return nil
	}
	parked.guards[id] = guards[:len(guards)-1]
	return guards[len(guards)-1]
}

func closeGuard(file *oslock.File) {
	_ = file.FreeAll() // an opening that was given up may still wait for the turnstile
	if !closingDropsLocks || sqlite.OFDLockingEnabled() {
		_ = file.Close()
		return
	}
	state, err := stateOfDescriptor(file.Descriptor())
	if err != nil {
		return
	}
	parked.mu.Lock()
	defer parked.mu.Unlock()
	if parked.guards == nil {
		parked.guards = map[fileID][]*oslock.File{}
	}
	parked.guards[state.fileID] = append(parked.guards[state.fileID], file)
}
