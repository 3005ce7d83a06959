package sqlite

import (
	"os"
	"strings"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Two copies of this library in one process, say of two packages that carry it, do not know of each
// other, and two SQLites in one process drop each other's locks on a file. So the first copy holds
// a byte that stands for the process, and the second one is refused. The refusal names both: each
// copy keeps an empty file in memory (memfd) whose name holds its path, and the other one finds it
// among the descriptors of the process.

const noteName = "factstr "

var instances struct {
	mu   sync.Mutex
	held map[fileID]*instance
	left map[fileID]indexDescriptor // by the database, of which no store is open here
	note *os.File                   // open while held is not empty
}

// instance is this copy's hold on one database file. Its stores on the file share it.
type instance struct {
	id     fileID
	file   *oslock.File // of the store that came first; open until the last one has left
	stores map[*backend]struct{}
	sides  sides

	renewing sync.Mutex // held by the store that closes the connections of all of them; see renew
}

// others returns the stores except one.
func (i *instance) others(than *backend) (others []*backend) {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	for store := range i.stores {
		if store != than {
			others = append(others, store)
		}
	}
	return others
}

// enterInstance adds a store to those that have the file open. It leaves after it has closed its
// connections.
func enterInstance(b *backend, id fileID) (*instance, error) {
	path, file := b.path, b.guard
	instances.mu.Lock()
	defer instances.mu.Unlock()
	if held := instances.held[id]; held != nil {
		held.stores[b] = struct{}{}
		held.tellWhetherItWrites()
		return held, nil
	}
	err := takeForProcess(file)
	if err == oslock.ErrHeld {
		return nil, factstr.NewError(factstr.CodeInvalidState,
			"sqlite: %s is open in this process by another copy of this library (%s; this one is %s); two copies must not use one file: let the process load one of them", path, otherCopies(), libraryPath())
	}
	if err != nil {
		return nil, pathFailure(path, err)
	}
	if instances.note == nil {
		instances.note = makeNote(noteName + libraryPath())
	}
	if instances.held == nil {
		instances.held = map[fileID]*instance{}
	}
	i := &instance{id: id, file: file, stores: map[*backend]struct{}{b: {}}}
	i.sides.indexDescriptor = takeIndex(id)
	instances.held[id] = i
	return i, nil
}

// takeForProcess takes the byte of this process. A file that allows no exclusive lock, since it is
// open for reading only, gets a shared one, and the store checks that it is alone.
func takeForProcess(file *oslock.File) error {
	offset := byteOfProcess()
	if file.TakesExclusive() {
		return file.Try(offset)
	}
	if err := file.TryShared(offset, 1); err != nil {
		return err
	}
	held, err := file.Held(offset, 1)
	if err == nil && held {
		_ = file.Free(offset)
		return oslock.ErrHeld
	}
	return err
}

func byteOfProcess() int64 { return instancesOffset + hashOf("%s", processKey()) }

// tellWhetherItWrites makes the byte of this process exclusive if a store of it may write, else
// shared. The kernel does that at once, so the byte is never free. A process whose first store may
// only read always shares it. The caller holds instances.mu.
func (i *instance) tellWhetherItWrites() {
	switch {
	case oslock.AskingTakes || i.file.ReadOnly():
	case i.writes():
		_ = i.file.Try(byteOfProcess())
	default:
		_ = i.file.TryShared(byteOfProcess(), 1)
	}
}

// writes reports whether a store of this process may still write. The caller holds instances.mu.
func (i *instance) writes() bool {
	for store := range i.stores {
		if !store.done && !store.guard.ReadOnly() {
			return true
		}
	}
	return false
}

// endWriting says of a store that closes, in all processes, that it writes no more, and reports
// whether a store of this process still does.
func (i *instance) endWriting(b *backend) (written bool) {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	b.done = true
	i.tellWhetherItWrites()
	return i.writes()
}

func (i *instance) leave(b *backend) {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	delete(i.stores, b)
	i.tellWhetherItWrites()
	if len(i.stores) == 0 {
		delete(instances.held, i.id)
		leaveIndex(i.id, i.sides.indexDescriptor)
		closeGuard(i.file)
		if len(instances.held) == 0 && instances.note != nil {
			_ = instances.note.Close()
			instances.note = nil
		}
	}
	if b.guard != i.file {
		closeGuard(b.guard)
	}
}

// otherCopies returns the paths of the other copies of this library that have stores open in this
// process.
func otherCopies() string {
	var paths []string
	for _, note := range notesOfOthers(instances.note) {
		if path, found := strings.CutPrefix(note, noteName); found {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return "its path is unknown"
	}
	return strings.Join(paths, ", ")
}

// libraryPath returns the file that this code was loaded from: the shared library, or the program.
var libraryPath = sync.OnceValue(func() string {
	if library := findLibrary(); library != "" {
		return library
	}
	program, _ := os.Executable()
	return program
})
