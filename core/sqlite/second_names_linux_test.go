package sqlite

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// filled makes a closed database with some facts.
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

// G5 G11 G22: containers do so if they are given the file instead of its folder.
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

// G5 G11: an opener who finds the file under another name meets those who have it open, whatever
// they can see of each other's folders.
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

// G5: SQLite removes the log of an empty database, and acknowledged facts with it.
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

// A database whose former place has no log any more left nothing there, and opens where it is.
func TestACrashedDatabaseWithoutItsLogOpensAtItsNewPlace(t *testing.T) {
	path, moved := newPath(t), newPath(t)
	crashed(t, path)
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	refusedOpen(t, moved, factstr.CodeInvalidState, path+"-wal")
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	facttest.WantGapless(t, openStore(t, moved), 1)
}

// SQLite takes the pages that are in a log for the database, whatever the file holds, and would
// copy them over it.
func TestAFileOfSomethingElseIsNotWrittenOverFromALog(t *testing.T) {
	path := newPath(t)
	crashed(t, path)
	const content = "dear diary"
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	refusedOpen(t, path, factstr.CodeUnsupportedFormat, path, "not a SQLite database")
	if after, _ := os.ReadFile(path); string(after) != content {
		t.Error("the file was changed")
	}
}
