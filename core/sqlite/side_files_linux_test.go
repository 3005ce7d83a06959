package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func removeSides(path string, sides ...string) error {
	for _, side := range sides {
		if err := os.Remove(path + side); err != nil {
			return err
		}
	}
	return nil
}

// G1 G5 G11 G24: whatever happens to the files of an open store, nothing is acknowledged on top of
// it, nothing is read from it, nobody opens it beside those who have the former files, and the
// database is whole afterwards.
func TestSideFilesThatAreTakenAwayAreNoticed(t *testing.T) {
	for name, harm := range map[string]func(path, backup string) error{
		"log removed":             func(path, _ string) error { return removeSides(path, "-wal") },
		"index removed":           func(path, _ string) error { return removeSides(path, "-shm") },
		"log and index removed":   func(path, _ string) error { return removeSides(path, "-wal", "-shm") },
		"log emptied":             func(path, _ string) error { return os.Truncate(path+"-wal", 0) },
		"log cut":                 func(path, _ string) error { return os.Truncate(path+"-wal", 5000) },
		"index emptied":           func(path, _ string) error { return os.Truncate(path+"-shm", 0) },
		"log replaced":            func(path, backup string) error { return os.Rename(backup, path+"-wal") },
		"log copied":              func(path, _ string) error { return replaceByCopy(path + "-wal") },
		"index replaced":          func(path, backup string) error { return os.Rename(backup, path+"-shm") },
		"backup moved over it":    func(path, backup string) error { return os.Rename(backup, path) },
		"backup copied over it":   copyOver,
		"backup put back by hand": func(path, backup string) error { return putBack(path, backup) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "index emptied" {
				proctest.NotUnder(t, proctest.Qemu, "its SIGBUS does not carry the address by which SQLite knows a mapping that was cut")
			}
			path := newPath(t)
			backup := filepath.Join(filepath.Dir(path), "backup")
			filled(t, path, 7)
			copyFile(t, path, backup)
			filled(t, path, 30)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(50, "b")...)
			live, err := store.StreamAll(t.Context(), facttest.NewDeliveries(t))
			if err != nil {
				t.Fatal(err)
			}
			durable := facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))
			facttest.WaitReady(t, durable)
			if err := harm(path, backup); err != nil {
				t.Fatal(err)
			}
			// Streams end without anybody calling anything.
			for _, stream := range []*factstr.EventStream{live, durable} {
				facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated, path)
			}
			_, err = store.Append(t.Context(), facttest.Batch(1, "lost"))
			facttest.WantError(t, err, factstr.CodeLogTruncated, path, "close")
			_, err = store.Query(t.Context(), factstr.AllEvents())
			facttest.WantError(t, err, factstr.CodeLogTruncated, path)
			_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "another"}, facttest.NewDeliveries(t))
			facttest.WantError(t, err, factstr.CodeLogTruncated, path)
			facttest.Close(t, store)
			if name == "backup moved over it" || name == "backup copied over it" {
				// SQLite would copy the former log over it.
				refusedOpen(t, path, factstr.CodeInvalidState, path, "remove", "-wal")
				if err := removeSides(path, "-wal", "-shm"); err != nil {
					t.Fatal(err)
				}
			}
			if name == "log replaced" || name == "index replaced" { // by a database, which SQLite would remove
				refusedOpen(t, path, factstr.CodeInvalidState, path)
				if err := removeSides(path, "-wal", "-shm"); err != nil {
					t.Fatal(err)
				}
			}
			again := openStore(t, path)
			before := len(facttest.All(t, again))
			facttest.Append(t, again, facttest.Batch(5, "c")...)
			facttest.WantGapless(t, again, before+5)
			facttest.Close(t, again)
			if raw := openRaw(t, path); raw.one("PRAGMA integrity_check") != "ok" {
				t.Error("the database is damaged")
			}
			if name[:6] == "backup" && before != 7 {
				t.Errorf("%d facts in the backup that was put back", before)
			}
		})
	}
}

// replaceByCopy puts a file of the same content in the place of another.
func replaceByCopy(path string) error {
	if err := copyOver(path+".copy", path); err != nil {
		return err
	}
	return os.Rename(path+".copy", path)
}

// copyOver writes a file over another one, as cp does.
func copyOver(path, backup string) error {
	content, err := os.ReadFile(backup)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

func putBack(path, backup string) error {
	if err := copyOver(path, backup); err != nil {
		return err
	}
	return removeSides(path, "-wal", "-shm")
}

// G5 G11: a process that opens the database afterwards would use other files than those who have it
// open.
func TestADatabaseWhoseSideFilesWereTakenAwayIsNotOpenedBesideItsHolder(t *testing.T) {
	for name, sides := range map[string][]string{"log": {"-wal"}, "index": {"-shm"}, "both": {"-wal", "-shm"}} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			holder := proctest.Start(t, "holder", path, "projection")
			holder.Expect("held")
			if err := removeSides(path, sides...); err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeLogTruncated, path, "close all of them")
			holder.Kill()
			facttest.Append(t, openStore(t, path), facttest.Batch(1, "a")...)
		})
	}
	for _, side := range []string{"-wal", "-shm"} {
		t.Run("copy of "+side, func(t *testing.T) {
			path := newPath(t)
			holder := proctest.Start(t, "holder", path, "projection")
			holder.Expect("held")
			if err := replaceByCopy(path + side); err != nil {
				t.Fatal(err)
			}
			refusedOpen(t, path, factstr.CodeLogTruncated, path, "close all of them")
			holder.Kill()
		})
	}
}

// G5 G11: a further store of the process uses the same side files, or does not open.
func TestAFurtherStoreOfOtherSideFilesIsRefused(t *testing.T) {
	for _, side := range []string{"-wal", "-shm"} {
		path := newPath(t)
		b := openTestBackend(t, path)
		if err := replaceByCopy(path + side); err != nil {
			t.Fatal(err)
		}
		facttest.WantError(t, b.instance.sides.identify(path, b.instance.id), factstr.CodeLogTruncated, path)
	}
}

// Checkpoints, also those of others that cut the log, and changes that leave the content alone do
// no harm.
func TestWhatSQLiteItselfDoesToTheFilesIsNoHarm(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	other := openStore(t, path)
	raw := openRaw(t, path)
	facts := 0
	for round := range 40 {
		for _, writer := range []*factstr.Store{store, other} {
			facttest.Append(t, writer, facttest.Batch(20, "a")...)
			facts += 20
		}
		switch round % 4 {
		case 0:
			raw.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		case 1:
			raw.exec("PRAGMA wal_checkpoint(PASSIVE)")
		case 2:
			raw.exec("PRAGMA wal_checkpoint(RESTART)")
		case 3:
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		}
		for _, reader := range []*factstr.Store{store, other} {
			if got := len(facttest.All(t, reader)); got != facts {
				t.Fatalf("%d facts, want %d", got, facts)
			}
		}
	}
	raw.exec("VACUUM")
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, other, facts+1)
}

// The message must not lead anybody to a new, empty store.
func TestTheAdviceAfterAMoveNamesTheFileAndOpensNothingNew(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	moved := path + ".old"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
	facttest.WantError(t, err, factstr.CodeLogTruncated, "it is at "+moved, "empty store")
	if err := os.Rename(moved, path); err != nil {
		t.Fatal(err)
	}
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = store.Append(t.Context(), facttest.Batch(1, "a"))
	facttest.WantError(t, err, factstr.CodeLogTruncated, "put a backup back", "empty store")
}

// G5: a store opens and finds the last other one of the process. That one closes meanwhile, and
// SQLite, not somebody else, removes the log.
func TestAStoreOpensWhileTheLastOneOfTheProcessCloses(t *testing.T) {
	path := newPath(t)
	closing := openStore(t, path)
	facttest.Append(t, closing, facttest.Batch(1, "a")...)
	guard, state, err := openGuard(path, false)
	if err != nil {
		t.Fatal(err)
	}
	opening := &backend{path: path, guard: guard}
	if opening.instance, err = enterInstance(opening, state.fileID); err != nil {
		t.Fatal(err)
	}
	facttest.Close(t, closing)
	// Some file systems give the number of a removed file to the next one.
	for _, side := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(path + side); err == nil {
			t.Fatalf("%s was not removed", side)
		}
		copyFile(t, os.DevNull, filepath.Join(filepath.Dir(path), "takes-the-number"+side))
	}
	store := openStore(t, path)
	opening.instance.leave(opening)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, store, 2)
	facttest.Close(t, store)
	if open := openDescriptors(t, path); len(open) > 0 {
		t.Errorf("still open: %v", open)
	}
}

// G5 G11: reading and closing the index, as a backup inside the process does, drops the process's
// own locks there. Others must still not take it for a leftover and clear it.
func TestTheIndexIsInUseAlsoAfterTheProcessHasReadIt(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if _, err := os.ReadFile(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	index, err := oslock.OpenToRead(path + "-shm")
	if err != nil {
		t.Fatal(err)
	}
	inUse, err := index.Held(indexInUse, 1)
	if err != nil || !inUse {
		t.Errorf("in use: %t %v; whoever opens the database next clears the index", inUse, err)
	}
	if err := index.Close(); err != nil {
		t.Fatal(err)
	}
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, store, 2)
}

// SQLite gives its side files the database's mode and, as root, its owner. The store gives them to
// the index, too, which a short-lived program of root may be the first to make.
func TestSideFilesBelongToTheOwnerOfTheDatabase(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	indexRest(t, 100)
	path := newPath(t)
	filled(t, path, 1)
	const owner, group = 60001, 60010
	if err := os.Chown(path, owner, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		t.Fatal(err)
	}
	want := func(files ...string) {
		t.Helper()
		found, _ := filepath.Glob(path + "*")
		inside, _ := filepath.Glob(path + indexSuffix + "/*")
		found = append(found, inside...)
		for _, file := range found {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			mode := map[bool]string{false: "660", true: "770"}[info.IsDir()]
			stat := info.Sys().(*syscall.Stat_t)
			if got := fmt.Sprintf("%d:%d %o", stat.Uid, stat.Gid, info.Mode().Perm()); got != "60001:60010 "+mode {
				t.Errorf("%s: %s", file, got)
			}
		}
		if len(found) != len(files) {
			t.Errorf("%v, want %v", found, files)
		}
	}
	store := openStore(t, path)
	facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))
	want("the database", "-wal", "-shm")
	facttest.AppendCourses(t, store, 0, 200)
	facttest.Close(t, store)
	want("the database", "-index", "the manifest", "a segment")
}
