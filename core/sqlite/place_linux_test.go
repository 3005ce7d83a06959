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

// filled makes a closed database of some facts.
func filled(t *testing.T, path string, facts int) {
	t.Helper()
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(facts, "a")...)
	facttest.Close(t, store)
}

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

// crashed leaves a database of four facts as a process leaves it that was killed: three of them lie
// in the log beside it.
func crashed(t *testing.T, path string) {
	t.Helper()
	filled(t, path, 1)
	quitter := proctest.Start(t, "quitter", path)
	quitter.Expect("appended")
	quitter.Kill()
}

// G5 G11 G22: a second name has a second log.
func TestAFileOfTwoNamesIsRefused(t *testing.T) {
	path := newPath(t)
	filled(t, path, 3)
	second := filepath.Join(t.TempDir(), "other.sqlite")
	if err := os.Link(path, second); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, second} {
		refusedOpen(t, name, factstr.CodeInvalidState, name, "2 names", "remove the other names")
	}
	if sides, _ := filepath.Glob(second + "-*"); len(sides) > 0 {
		t.Errorf("made beside the second name: %v", sides)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if got := len(facttest.All(t, openStore(t, path))); got != 3 {
		t.Errorf("%d facts", got)
	}
}

// mountOver mounts a file or folder over another one.
func mountOver(t *testing.T, from, over string) {
	t.Helper()
	if err := syscall.Mount(from, over, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(over, syscall.MNT_DETACH) })
}

// G5 G11 G22: as containers do it that are given the file instead of its folder.
func TestASingleFileThatIsMountedIsRefusedAndItsFolderIsNot(t *testing.T) {
	path := newPath(t)
	filled(t, path, 3)
	over := filepath.Join(t.TempDir(), "facts.sqlite")
	copyFile(t, os.DevNull, over)
	mountOver(t, path, over)
	refusedOpen(t, over, factstr.CodeInvalidState, "single file", "mount the folder")
	store := openStore(t, path)
	refusedOpen(t, over, factstr.CodeInvalidState, "mount the folder")
	if sides, _ := filepath.Glob(over + "-*"); len(sides) > 0 {
		t.Errorf("made beside the mounted file: %v", sides)
	}
	folder := t.TempDir()
	mountOver(t, filepath.Dir(path), folder)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	// The same store by another path, here and in another process.
	again := openStore(t, filepath.Join(folder, "facts.sqlite"))
	facttest.Append(t, again, facttest.Batch(1, "a")...)
	opener := proctest.Start(t, "opener", filepath.Join(folder, "facts.sqlite"))
	opener.Expect("ready")
	opener.Tell("go")
	opener.Finish()
	facttest.WantGapless(t, store, 6)
}

// G5 G11: whoever finds the file under another name meets those who have it open, whatever they can
// see of each other's folders.
func TestAFileThatIsOpenUnderItsFormerNameIsRefusedUnderItsNewOne(t *testing.T) {
	path := newPath(t)
	holder := proctest.Start(t, "holder", path, "projection")
	holder.Expect("held")
	moved := filepath.Join(t.TempDir(), "moved.sqlite")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	refusedOpen(t, moved, factstr.CodeInvalidState, moved, "another name", "mount the folder")
	holder.Kill()
	// Its log lies beside the former name, where the mark on the file says.
	refusedOpen(t, moved, factstr.CodeInvalidState, "not closed there", path+"-wal")
	refusedOpen(t, path, factstr.CodeInvalidState, "missing", path+"-wal")
	for _, side := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+side, moved+side); err != nil {
			t.Fatal(err)
		}
	}
	facttest.Append(t, openStore(t, moved), facttest.Batch(1, "a")...)
}

// G5: SQLite removes the log of a database that is empty, with what was acknowledged in it.
func TestALogWithoutItsDatabaseIsNotRemoved(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"removed": os.Remove,
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			crashed(t, path)
			kept := filepath.Join(t.TempDir(), "kept")
			copyFile(t, path, kept)
			log, err := os.ReadFile(path + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeInvalidState, "put the database back")
			if now, err := os.ReadFile(path + "-wal"); err != nil || string(now) != string(log) {
				t.Fatalf("the log is another one: %v", err)
			}
			copyFile(t, kept, path)
			if name == "removed" {
				// It cannot be told from an older copy.
				refusedOpen(t, path, factstr.CodeInvalidState, "setfattr -x "+logMark+" "+path+"-wal")
				if err := syscall.Removexattr(path+"-wal", logMark); err != nil {
					t.Fatal(err)
				}
			}
			if got := len(facttest.All(t, openStore(t, path))); got != 4 {
				t.Errorf("%d facts", got)
			}
		})
	}
}

// What was closed may be moved, copied and linked as one likes.
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

// The data folder of a process that was killed may be moved as a whole; so may the database
// together with its log.
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
	text := fileMark(from, name)
	if text == "" {
		t.Skip("this file system keeps no marks")
	}
	if err := setFileMark(to, name, text); err != nil {
		t.Fatal(err)
	}
}

// G1 G24: a backup that is put back often has the number of the removed file. One that was copied
// with its mark must not pass for one that was copied with its log.
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

// The crashed store of a container's image: opening it copies the database to the upper layer, and
// not yet its log.
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

// G1: nobody is told to remove the log of a database that was only touched, and with it what was
// acknowledged.
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
