package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["quitter"] = appendAndStay
}

func appendAndStay(side *proctest.Side, arguments []string) error {
	store, err := Open(context.Background(), arguments[0], Options{})
	if err != nil {
		return err
	}
	if _, err := store.Append(context.Background(), facttest.Batch(3, "a")); err != nil {
		return err
	}
	side.Say("appended")
	side.Await()
	return nil
}

// crashed leaves a database of four facts as a killed process leaves it: three of them are in the
// log.
func crashed(t *testing.T, path string) {
	t.Helper()
	filled(t, path, 1)
	quitter := proctest.Start(t, "quitter", path)
	quitter.Expect("appended")
	quitter.Kill()
}

// A closed database may be moved, copied and linked freely.
func TestAClosedDatabaseMayBeMovedAndCopied(t *testing.T) {
	path := newPath(t)
	for n := range 3 {
		filled(t, path, 1)
		next := filepath.Join(t.TempDir(), fmt.Sprintf("next-%d.sqlite", n))
		if n == 1 {
			copyFile(t, path, next)
		} else if err := os.Rename(path, next); err != nil {
			t.Fatal(err)
		}
		path = next
	}
	if got := len(facttest.All(t, openStore(t, path))); got != 3 {
		t.Errorf("%d facts", got)
	}
}

// The data folder of a killed process may be moved as a whole, and the database together with its
// log.
func TestACrashedDatabaseMayBeMovedWithItsLog(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "one")
	path := filepath.Join(folder, "facts.sqlite")
	crashed(t, path)
	moved := filepath.Join(filepath.Dir(folder), "two")
	if err := os.Rename(folder, moved); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(moved, "facts.sqlite")
	other := filepath.Join(t.TempDir(), "facts.sqlite")
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"-wal", other+"-wal"); err != nil {
		t.Fatal(err)
	}
	if got := len(facttest.All(t, openStore(t, other))); got != 4 {
		t.Errorf("%d facts", got)
	}
}

// copyWithMark copies as cp -a does.
func copyWithMark(t *testing.T, from, to, name string) {
	t.Helper()
	copyFile(t, from, to)
	text := markAt(from, name)
	if text == "" {
		t.Skip("this file system keeps no marks")
	}
	if err := setMarkAt(to, name, text); err != nil {
		t.Fatal(err)
	}
}

// G1 G24: a backup that is put back often gets the inode of the removed file. A copy that has the
// mark must not pass for one that was copied with its log.
func TestABackupInPlaceOfACrashedDatabaseIsNotMixedWithItsLog(t *testing.T) {
	for name, putBack := range map[string]func(kept, path string) error{
		"copied":              func(kept, path string) error { return copyOver(path, kept) },
		"moved with its mark": os.Rename,
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			crashed(t, path)
			both := filepath.Join(t.TempDir(), "facts.sqlite")
			copyWithMark(t, path, both, placeMark)
			copyWithMark(t, path+"-wal", both+"-wal", logMark)
			if got := len(facttest.All(t, openStore(t, both))); got != 4 {
				t.Errorf("%d facts in a copy of database and log", got)
			}
			kept := path + ".kept"
			copyWithMark(t, path, kept, placeMark)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := putBack(kept, path); err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeInvalidState, "not that of the file", "remove")
		})
	}
}

// A crashed store in an image of a container: opening it copies the database to the upper layer,
// but not yet its log.
func TestACrashedDatabaseOfALowerLayerOpens(t *testing.T) {
	base := t.TempDir()
	layers := map[string]string{}
	for _, layer := range []string{"lower", "upper", "work", "merged"} {
		layers[layer] = filepath.Join(base, layer)
		if err := os.Mkdir(layers[layer], 0o777); err != nil {
			t.Fatal(err)
		}
	}
	crashed(t, filepath.Join(layers["lower"], "facts.sqlite"))
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", layers["lower"], layers["upper"], layers["work"])
	if err := syscall.Mount("overlay", layers["merged"], "overlay", 0, options); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(layers["merged"], syscall.MNT_DETACH) })
	path := filepath.Join(layers["merged"], "facts.sqlite")
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, store, 5)
	facttest.Close(t, store)
}

// G1: no message tells to remove the log of a database that was only touched, and acknowledged
// facts with it.
func TestATouchedDatabaseKeepsItsLog(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil {
		t.Fatal(err)
	}
	_, err := store.Append(t.Context(), facttest.Batch(1, "lost"))
	facttest.WantError(t, err, factstr.CodeLogTruncated, "touched")
	facttest.Close(t, store)
	advice := "setfattr -x " + logMark + " " + path + "-wal"
	refusedOpen(t, path, factstr.CodeInvalidState, "keep them", advice)
	if err := syscall.Removexattr(path+"-wal", logMark); err != nil {
		t.Fatal(err)
	}
	facttest.WantGapless(t, openStore(t, path), 3)
}
