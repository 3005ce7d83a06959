package sqlite

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G1 G5: a disk that fills during a backup is an error of the backup, and nothing else notices.
func TestABackupOntoAFullDiskLeavesNothing(t *testing.T) {
	path, disk := batched(t, 5000), t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=300k"); err != nil {
		t.Skipf("a disk of its own needs the rights to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	_, err = store.Backup(t.Context(), filepath.Join(disk, "copy.db"))
	if failure := facttest.WantError(t, err, factstr.CodeBackendFailure,
		"disk"); failure.Reason != factstr.ReasonDiskFull {
		t.Errorf("%v", err)
	}
	if left := names(t, disk); len(left) > 0 {
		t.Errorf("%q", left)
	}
	facttest.Append(t, store, facttest.BatchOf("goes on")...)
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=30m"); err != nil {
		t.Fatal(err)
	}
	made, err := store.Backup(t.Context(), filepath.Join(disk, "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, filepath.Join(disk, "copy.db"), made.Head)
	if _, err := os.Stat(filepath.Join(disk, "copy.db-wal")); err == nil {
		t.Error("a log was left beside the copy")
	}
}
