package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"golang.org/x/sys/unix"
)

// G5: zeros behind the last frame are the end of the log for whoever recovers it after a crash.
func TestALogWithRoomIsRecoveredUpToItsLastCommit(t *testing.T) {
	const facts = 20
	path, copied := newPath(t), newPath(t)
	store := openStore(t, path)
	for range facts {
		facttest.Append(t, store, facttest.Fact("a", `{}`))
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) < roomStep {
		t.Fatalf("a log of %d bytes: %v", len(log), err)
	}
	if rest := log[len(log)-roomStep/2:]; !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Error("what is behind the commits is not zero")
	}
	for _, side := range []string{"", "-wal"} { // as a crash leaves them, without the index
		copyFile(t, path+side, copied+side)
	}
	recovered := openStore(t, copied)
	facttest.WantGapless(t, recovered, facts)
	facttest.Append(t, recovered, facttest.Fact("a", `{}`))
	facttest.WantGapless(t, recovered, facts+1)
}

// G5 G11: room is made under SQLite's lock, so zeros never come over a commit of another store or
// program.
func TestRoomIsNeverMadeOverACommitOfOthers(t *testing.T) {
	const each = 250
	path := newPath(t)
	stores := []*factstr.Store{openStore(t, path), openStore(t, path)}
	raw := openRaw(t, path)
	raw.exec("CREATE TABLE others (id INTEGER PRIMARY KEY, text TEXT)")
	var wait sync.WaitGroup
	for _, store := range stores {
		wait.Go(func() {
			for range each {
				facttest.Append(t, store, facttest.Fact("a", `{}`))
			}
		})
	}
	wait.Go(func() {
		for i := range each {
			raw.exec("INSERT INTO others (text) VALUES (?)", fmt.Sprint(i))
		}
	})
	wait.Wait()
	facttest.WantGapless(t, stores[0], len(stores)*each)
	if got := raw.one("SELECT count(*) FROM others"); got != fmt.Sprint(each) {
		t.Errorf("%v rows of another program", got)
	}
	if got := raw.one("PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
	if size, err := os.Stat(path + "-wal"); err != nil || size.Size() < roomStep {
		t.Errorf("no room was made: %v, %v", size, err)
	}
}

// A log that took the place of this one, or that a link leads to, gets no zeros; and no system
// sends a signal because a file would become too long.
func TestRoomIsNotMadeInAnotherFileOrBeyondALimit(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := stateOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path+"-link"); err != nil {
		t.Fatal(err)
	}
	if _, err := extendLog(path, fileID{}, 10); err == nil {
		t.Error("another file got zeros")
	}
	if _, err := extendLog(path+"-link", own.fileID, 10); err == nil {
		t.Error("a link was followed")
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	less := limit
	less.Cur = 1 << 40
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &less); err != nil {
		t.Fatal(err)
	}
	_, limited := extendLog(path, own.fileID, 10)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if limited == nil {
		t.Error("room was made although files have a limit")
	}
	if size, err := extendLog(path, own.fileID, 10); err != nil || size != 10 {
		t.Errorf("%d, %v", size, err)
	}
}

// G5: room is a wish, and facts need the disk more. What did not fit whole is given back.
func TestRoomThatDoesNotFitTakesNothingOfTheDisk(t *testing.T) {
	path := filepath.Join(smallDisk(t, "1m"), "log")
	if err := os.WriteFile(path, []byte("frames"), 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := stateOf(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := extendLog(path, own.fileID, 2<<20); err == nil {
		t.Error("two mebibytes found room on a disk of one")
	}
	after, err := os.ReadFile(path)
	if err != nil || string(after) != "frames" {
		t.Errorf("%d bytes of the log, %v", len(after), err)
	}
}
