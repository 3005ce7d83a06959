package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["frugal"] = openWithFewDescriptors
	roles["narrow"] = openWithLittleAddressSpace
}

// openWithFewDescriptors opens a store with a number of free descriptors, from none up until it
// works.
func openWithFewDescriptors(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	var former syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &former); err != nil {
		return err
	}
	for spare := 0; ; spare++ {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return err
		}
		lowered := former
		lowered.Cur = uint64(len(entries) - 1 + spare)
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lowered); err != nil {
			return err
		}
		store, failure := Open(ctx, arguments[0], Options{})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &former); err != nil {
			return err
		}
		if failure == nil {
			side.Say("opened with %d", spare)
			return store.Close(ctx)
		}
		side.Say("%v", failure)
	}
}

func TestTooFewDescriptorsAreNamed(t *testing.T) {
	path := newPath(t)
	filled(t, path, 1)
	said := proctest.Start(t, "frugal", path).Finish()
	for i, line := range said {
		if last := i == len(said)-1; last != strings.HasPrefix(line, "opened") || !last && (!strings.HasPrefix(line, "BackendFailure") || !strings.Contains(line, "open files")) {
			t.Errorf("with %d to spare: %s", i, line)
		}
	}
	if len(said) < 4 {
		t.Errorf("%q", said)
	}
}

// smallDisk mounts a file system in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder
}

// fillDisk leaves no room on a file system.
func fillDisk(t *testing.T, folder string) (makeRoom func()) {
	t.Helper()
	fill, err := os.Create(filepath.Join(folder, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = fill.Write(page)
	}
	if err := fill.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.Remove(fill.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskIsNamedWhenAStoreIsOpened(t *testing.T) {
	folder := smallDisk(t, "2m")
	path := filepath.Join(folder, "facts.sqlite")
	filled(t, path, 1)
	makeRoom := fillDisk(t, folder)
	for _, path := range []string{path, filepath.Join(folder, "new.sqlite")} {
		if failure := refusedOpen(t, path, factstr.CodeBackendFailure, "disk is full"); failure.Reason != factstr.ReasonDiskFull {
			t.Errorf("%s: reason %s", path, failure.Reason)
		}
	}
	makeRoom()
	facttest.Append(t, openStore(t, path), facttest.Batch(1, "a")...)
}

func TestAReadOnlyFileSystemIsNamed(t *testing.T) {
	folder := smallDisk(t, "4m")
	path := filepath.Join(folder, "facts.sqlite")
	filled(t, path, 1)
	if err := syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Join(folder, "new.sqlite"), filepath.Join(folder, "new", "facts.sqlite")} {
		refusedOpen(t, path, factstr.CodeReadOnly, path, "read-only file system")
	}
}

// openWithLittleAddressSpace makes the system refuse to map anything more.
func openWithLittleAddressSpace(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	first, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	if err := first.Close(ctx); err != nil {
		return err
	}
	const addressSpace = 9
	var former syscall.Rlimit
	if err := syscall.Getrlimit(addressSpace, &former); err != nil {
		return err
	}
	lowered := former
	lowered.Cur = 1 << 20
	if err := syscall.Setrlimit(addressSpace, &lowered); err != nil {
		return err
	}
	_, failure := Open(ctx, arguments[0], Options{})
	if err := syscall.Setrlimit(addressSpace, &former); err != nil {
		return err
	}
	side.Say("%v", failure)
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	side.Say("opened")
	return store.Close(ctx)
}

func TestALimitOfTheAddressSpaceIsNamed(t *testing.T) {
	proctest.NotUnder(t, proctest.Qemu, "it sets no limit of the address space, which would be its own")
	said := proctest.Start(t, "narrow", newPath(t)).Finish()
	if len(said) != 2 || !strings.Contains(said[0], "address space") || said[1] != "opened" {
		t.Errorf("%q", said)
	}
}

// docs/sqlite.md promises this. SQLite keeps one descriptor of a closed connection for the next
// one.
func TestAnIdleStoreHoldsFewDescriptors(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: facttest.WaitMax})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{})
	store = facttest.Opened(t, store, err)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.All(t, store)
	b.readers.closeIdle(0)
	b.checkpointer.conn.rest()
	if open := openDescriptors(t, path); len(open) > 6 {
		t.Errorf("%d descriptors: %v", len(open), open)
	}
	facttest.WantGapless(t, store, 1) // it goes on
	facttest.Append(t, store, facttest.Batch(1, "a")...)
}
