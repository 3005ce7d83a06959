package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Two copies of this library in one process, say of two packages that carry it, do not know of each other. SQLite must not be in a
// process twice on one file, so the first copy holds a byte of the lock file that stands for the process, and leaves its path there for the message.

const (
	notes     = 64  // in the lock file's content
	noteBytes = 256 // each
)

var instances struct {
	mu   sync.Mutex
	held map[string]*instance // by database path
}

// instance is this copy's hold on one file, shared by its stores.
type instance struct {
	path   string
	file   *oslock.File
	stores int
}

func enterInstance(path string) (*instance, error) {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	if held := instances.held[path]; held != nil {
		held.stores++
		return held, nil
	}
	// A descriptor of its own, since a lock ends with the open file that it was taken by, and stores come and go.
	file, err := oslock.Open(path + "-factstr-lock")
	if err != nil {
		return nil, pathFailure(path, err)
	}
	key := processKey()
	offset := hashOf(key)
	note := offset % notes * noteBytes
	if err := file.Try(instancesOffset + offset); err != nil {
		other := readNote(file, note, key)
		_ = file.Close()
		if err != oslock.ErrHeld {
			return nil, pathFailure(path, err)
		}
		return nil, factstr.NewError(factstr.CodeInvalidState,
			"sqlite: %s is open in this process by another copy of this library (%s; this one is %s); two copies must not use one file: let the process load one of them", path, other, libraryPath())
	}
	_, _ = file.WriteAt(fmt.Appendf(nil, "%-*.*s\n", noteBytes-1, noteBytes-1, key+" "+libraryPath()), note)
	lockFileOpened(file)
	held := &instance{path: path, file: file, stores: 1}
	if instances.held == nil {
		instances.held = map[string]*instance{}
	}
	instances.held[path] = held
	return held, nil
}

func (i *instance) leave() {
	instances.mu.Lock()
	defer instances.mu.Unlock()
	if i.stores--; i.stores == 0 {
		delete(instances.held, i.path)
		lockFileClosed(i.file)
		_ = i.file.Close()
	}
}

// processKey tells processes apart, also those of different containers that share a file.
func processKey() string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return fmt.Sprintf("%d/%s", os.Getpid(), namespace)
}

func readNote(file *oslock.File, offset int64, key string) string {
	note := make([]byte, noteBytes)
	_, _ = file.ReadAt(note, offset)
	if path, found := bytes.CutPrefix(note, []byte(key+" ")); found {
		return string(bytes.TrimRight(path, " \n\x00"))
	}
	return "its path is unknown"
}

// libraryPath is the file that this code was loaded from: the shared library, or the program.
func libraryPath() string {
	var pc [1]uintptr
	runtime.Callers(1, pc[:])
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && from <= pc[0] && pc[0] < to {
			if start := strings.IndexByte(line, '/'); start >= 0 {
				return strings.TrimSpace(line[start:])
			}
		}
	}
	program, _ := os.Executable()
	return program
}
