package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// G1 G5: of two stores of which SQLite takes one for a part of the other, the second is refused;
// opening it would remove the first one's facts.
func TestStoresDoNotRemoveEachOtherByTheirNames(t *testing.T) {
	for _, suffix := range sideSuffixes {
		for _, closed := range []bool{true, false} {
			for _, longerFirst := range []bool{true, false} {
				folder := t.TempDir()
				first, second := filepath.Join(folder, "orders"), filepath.Join(folder, "orders"+suffix)
				if longerFirst {
					first, second = second, first
				}
				what := fmt.Sprintf("%s beside %s (closed: %t)", filepath.Base(second), filepath.Base(first), closed)
				store := openStore(t, first)
				facttest.Append(t, store, facttest.BatchOf("a", "b")...)
				if closed {
					facttest.Close(t, store)
				}
				other, err := Open(t.Context(), second, Options{})
				if other != nil {
					facttest.Append(t, other, facttest.BatchOf("c")...)
					facttest.Close(t, other)
				}
				code := factstr.CodeOf(err)
				if code != factstr.CodeInvalidState && code != factstr.CodeUnsupportedFormat {
					t.Errorf("%s: %v", what, err)
				}
				if closed {
					store = openStore(t, first)
				}
				if got := len(facttest.All(t, store)); got != 2 {
					t.Errorf("%s: %d facts are left", what, got)
				}
				facttest.Close(t, store)
			}
		}
	}
}

// openAsHost opens a connection that is no store's, and reads on it.
func openAsHost(t *testing.T, path string) *conn {
	t.Helper()
	host, err := openConn(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.one("SELECT count(*) FROM events"); err != nil {
		t.Fatal(err)
	}
	return host
}

// G1 G6: SQLite's locks on the index are those of the process, and closing any descriptor of it
// drops all of them. Stores that open and close beside a connection of the host do not: without the
// locks, other processes write the log over that is being read, or written.
func TestStoresDropNoLockThatTheHostsConnectionHasOnTheIndex(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("a")...)
	host := openAsHost(t, path)
	index, err := oslock.OpenToRead(path + "-shm")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = index.Close() }()
	wantLocks := func(after string) {
		t.Helper()
		const write, readers = 120, 123
		for what, held := range map[string]func() (bool, error){
			"writes":  func() (bool, error) { return index.Held(write, 1) },
			"reads":   func() (bool, error) { return index.Held(readers, 5) },
			"is here": func() (bool, error) { return index.Held(indexInUse, 1) },
		} {
			if held, err := held(); err != nil || !held {
				t.Errorf("after %s: nothing says that a connection %s (%v)", after, what, err)
			}
		}
	}
	if err := host.run("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	wantLocks("its own begin")
	other := openToRead(t, path)
	wantLocks("a further store opened")
	facttest.Close(t, other)
	wantLocks("a further store closed")
	facttest.Close(t, store)
	wantLocks("the last store closed")
	for range 2 {
		store = openToRead(t, path)
		wantLocks("a store opened again")
		facttest.Close(t, store)
		wantLocks("it closed")
	}
	if err := host.run("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("b")...)
	facttest.WantGapless(t, store, 2)
	facttest.Close(t, store)
	host.close()
	facttest.Close(t, openStore(t, path))
	instances.mu.Lock()
	defer instances.mu.Unlock()
	if n := len(instances.left); n > 0 {
		t.Errorf("%d indexes are left open that nobody uses", n)
	}
}

// G1: what a store has left open of an index says nothing about a file that has the index's name
// later.
func TestADatabaseAtTheNameOfAnIndexThatIsLeftOpenIsNotRemoved(t *testing.T) {
	path := batched(t, 10)
	backup := filepath.Join(t.TempDir(), "backup")
	copyFile(t, path, backup)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("a")...)
	host := openAsHost(t, path)
	facttest.Close(t, store)
	host.close() // the last one removes the index
	copyFile(t, backup, path+"-shm")
	refusedOpen(t, path, factstr.CodeInvalidState, "is beside")
	if err := os.Rename(path+"-shm", backup); err != nil {
		t.Fatal(err)
	}
	facttest.WantGapless(t, openStore(t, backup), 10)
	facttest.WantGapless(t, openStore(t, path), 11)
}

func TestANameThatEndsLikeAJournalIsAGoodName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders-journal")
	for n := range 2 {
		store := openStore(t, path)
		facttest.Append(t, store, facttest.BatchOf("a")...)
		if got := len(facttest.All(t, store)); got != n+1 {
			t.Errorf("%d facts", got)
		}
		facttest.Close(t, store)
	}
}

// G1 G5: a backup is never written over a store, another backup, or what SQLite keeps beside them.
func TestABackupDestroysNeitherStoresNorBackups(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	store := openStore(t, in("facts"))
	facttest.Append(t, store, facttest.BatchOf("a", "b")...)
	refused := func(path string, words ...string) {
		t.Helper()
		_, err := store.Backup(t.Context(), path)
		facttest.WantError(t, err, factstr.CodeInvalidArgument, words...)
	}
	if _, err := store.Backup(t.Context(), in("copy")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range sideSuffixes {
		refused(in("copy"+suffix), "SQLite uses itself")
	}
	refused(in("other"+backupSuffix), "not finished")
	_, err := Open(t.Context(), in("other"+backupSuffix), Options{})
	facttest.WantError(t, err, factstr.CodeInvalidArgument, "not finished")

	// Somebody has moved or linked a database to where a backup is written before it is whole.
	if err := os.Link(in("copy"), in("linked"+backupSuffix)); err != nil {
		t.Fatal(err)
	}
	refused(in("linked"), "second name")
	if err := os.Remove(in("linked" + backupSuffix)); err != nil {
		t.Fatal(err)
	}
	open := openStore(t, in("copy"))
	facttest.Append(t, open, facttest.BatchOf("c")...)
	if err := os.Link(in("copy"), in("moved"+backupSuffix)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(in("copy"), in("away")); err == nil && os.Remove(in("away")) == nil {
		refused(in("moved"), "in use")
		if err := os.Rename(in("moved"+backupSuffix), in("copy")); err != nil {
			t.Fatal(err)
		}
	}
	facttest.Close(t, open)
	_ = os.Remove(in("moved" + backupSuffix)) // it is still there where nobody renames an open database
	for name, want := range map[string]int{"facts": 2, "copy": 3} {
		if got := len(facttest.All(t, openStore(t, in(name)))); got != want {
			t.Errorf("%s has %d facts", name, got)
		}
	}
}

// G1: the journal of a killed program is not played into a backup that gets its database's name.
func TestABackupIsNotMadeBesideAJournal(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "facts"))
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(to+"-journal", []byte("of a former database"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Backup(t.Context(), to)
	facttest.WantError(t, err, factstr.CodeInvalidArgument, "copy-journal")
}
