package sqlite

import (
	"os"
	"runtime"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// anotherCopy makes the code forget which files are open in this process, as a second copy of the
// library would not know it.
func anotherCopy(t *testing.T, act func()) {
	t.Helper()
	instances.mu.Lock()
	held, note := instances.held, instances.note
	instances.held, instances.note = nil, nil
	instances.mu.Unlock()
	defer func() {
		instances.mu.Lock()
		defer instances.mu.Unlock()
		instances.held, instances.note = held, note
	}()
	act()
}

// Two SQLites on one file in one process would damage it.
func TestASecondCopyOfTheLibraryInOneProcessIsRefusedByName(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	named := 2
	if runtime.GOOS != "linux" {
		named = 1 // the first copy leaves no note of its path (system.go)
	}
	path := newPath(t)
	store := openStore(t, path)
	second := openStore(t, path) // the same copy may open it as often as it likes
	anotherCopy(t, func() {
		failure := refusedOpen(t, path, factstr.CodeInvalidState, path, "another copy")
		if strings.Count(failure.Message, program) != named {
			t.Errorf("%q does not name the copies, here %s %d times", failure.Message, program, named)
		}
		facttest.Close(t, openStore(t, newPath(t))) // another file is none of the first copy's business
	})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Close(t, store)
	anotherCopy(t, func() { refusedOpen(t, path, factstr.CodeInvalidState) })
	facttest.Append(t, second, facttest.Batch(1, "a")...)
	facttest.Close(t, second)
	anotherCopy(t, func() { facttest.Close(t, openStore(t, path)) })
	again := openStore(t, path)
	anotherCopy(t, func() { refusedOpen(t, path, factstr.CodeInvalidState) })
	facttest.Close(t, again)
	// Another process is not another copy.
	opener := proctest.Start(t, "opener", path)
	opener.Expect("ready")
	opener.Tell("go")
	first := openStore(t, path)
	opener.Finish()
	facttest.WantGapless(t, first, 3)
}

// A file that is open for reading only allows no exclusive lock, so the store shares one and checks
// that it is alone.
func TestASecondCopyOfTheLibraryThatMayOnlyReadIsRefused(t *testing.T) {
	path := newPath(t)
	facttest.Close(t, openStore(t, path))
	var files []*oslock.File
	for range 2 {
		file, err := oslock.OpenToRead(path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		files = append(files, file)
	}
	if err := takeForProcess(files[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := takeForProcess(files[1]); err != oslock.ErrHeld {
			t.Errorf("the second copy: %v", err)
		}
	}
	if err := files[0].FreeAll(); err != nil {
		t.Fatal(err)
	}
	if err := takeForProcess(files[1]); err != nil {
		t.Errorf("alone: %v", err)
	}
}
