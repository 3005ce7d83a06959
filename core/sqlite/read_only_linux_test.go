package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// mountedToRead shows a folder at another place, where nothing can be written.
func mountedToRead(t *testing.T, folder string) string {
	t.Helper()
	place := t.TempDir()
	if err := syscall.Mount(folder, place, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(place, syscall.MNT_DETACH) })
	if err := syscall.Mount("", place, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	return place
}

// G1 G6 G24: on a file system that is read-only here, a database is read beside a writer on the
// other side, without one, and never behind one that comes later.
func TestAStoreReadsFromAFileSystemThatIsReadOnlyHere(t *testing.T) {
	path := batched(t, 100)
	place := filepath.Join(mountedToRead(t, filepath.Dir(path)), filepath.Base(path))

	_, err := Open(t.Context(), place, Options{})
	facttest.WantError(t, err, factstr.CodeReadOnly)
	reader := openToRead(t, place) // nobody writes: the database stands for itself
	wantReads(t, reader, 100)

	// A writer in another process, which knows the folder by its other name.
	writer := proctest.Start(t, "backed-up", path)
	waitForGrowth(t, path)
	_, err = reader.Query(t.Context(), factstr.AllEvents())
	facttest.WantError(t, err, factstr.CodeLogTruncated, "open it again")
	facttest.Close(t, reader)
	// The database is the same file at another place, whose log this opening sees: the writer's.
	beside := openToRead(t, place)
	for *facttest.Query(t, beside, factstr.AllEvents().AtMost(0)).CurrentContextVersion <= 110 {
		if t.Context().Err() != nil {
			t.Fatal("nothing of the writer is seen")
		}
	}
	if report, err := beside.Verify(t.Context()); err != nil || len(report.Findings) > 0 {
		t.Errorf("%v %+v", err, report)
	}
	facttest.Close(t, beside)
	writer.Kill()
	// What the killed writer has left in the log only a writer can bring in.
	_, err = Open(t.Context(), place, Options{ReadOnly: true})
	facttest.WantError(t, err, factstr.CodeReadOnly, "open the store once where")
	facttest.Close(t, openStore(t, path))
	again := openToRead(t, place)
	if report, err := again.Verify(t.Context()); err != nil || len(report.Findings) > 0 || report.Facts <= 100 {
		t.Errorf("%v %+v", err, report)
	}
}

// lookedAt is a context that does something when it is looked at, as by a statement that begins.
type lookedAt struct {
	context.Context
	looks int
	do    func(look int)
}

func (c *lookedAt) Err() error {
	c.looks++
	c.do(c.looks)
	return c.Context.Err()
}

// G1 G6: an opening to read waits for nobody, so others open and close the database meanwhile. It
// reads what they leave.
func TestAnOpeningToReadGoesOnIfAWriterComesOrGoesMeanwhile(t *testing.T) {
	const first, last = true, false // how it is opened is chosen; the end of the log is to be read
	for name, c := range map[string]struct {
		moment            bool
		before, meanwhile []string
	}{
		"the last writer closes":  {first, []string{"open", "append"}, []string{"close"}},
		"a writer comes":          {first, nil, []string{"open", "append"}},
		"a writer comes and goes": {first, nil, []string{"open", "append", "close"}},
		"a writer comes late":     {last, nil, []string{"open", "append"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := batched(t, 10)
			place := filepath.Join(mountedToRead(t, filepath.Dir(path)), filepath.Base(path))
			child := proctest.Start(t, "told", path)
			tell := func(commands []string) {
				for _, command := range commands {
					child.Tell(command)
					child.Expect(command + " <nil>")
				}
			}
			tell(c.before)
			moment := 1
			if c.moment == last {
				counting := &lookedAt{Context: t.Context(), do: func(look int) { moment = look }}
				alone, err := Open(counting, place, Options{ReadOnly: true})
				if err != nil {
					t.Fatal(err)
				}
				facttest.Close(t, alone)
			}
			meanwhile := &lookedAt{Context: t.Context(), do: func(look int) {
				if look == moment {
					tell(c.meanwhile)
				}
			}}
			reader, err := Open(meanwhile, place, Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer facttest.Close(t, reader)
			wantReads(t, reader, 11)
		})
	}
}

// G1: whenever the last writer closes while somebody opens the database to read, he leaves no log
// that later readers could not use.
func TestAWriterThatClosesWhileAReaderOpensLeavesNoLog(t *testing.T) {
	for moment, met := 1, true; met; moment++ {
		met = false
		path := batched(t, 10)
		place := filepath.Join(mountedToRead(t, filepath.Dir(path)), filepath.Base(path))
		writer := proctest.Start(t, "told", path)
		tell := func(command string) {
			writer.Tell(command)
			writer.Expect(command + " <nil>")
		}
		tell("open")
		tell("append")
		meanwhile := &lookedAt{Context: t.Context(), do: func(look int) {
			if look == moment {
				met = true
				tell("close")
			}
		}}
		reader, err := Open(meanwhile, place, Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("moment %d: %v", moment, err)
		}
		facttest.Close(t, reader)
		facttest.WantGapless(t, openToRead(t, place), 11)
	}
}

// G6: a transaction that another program has not ended, and rolls back at its next opening, may be
// in the database in part.
func TestAnUnfinishedTransactionOfAnotherProgramIsNotRead(t *testing.T) {
	path := batched(t, 100)
	raw := openRaw(t, path)
	raw.exec("PRAGMA journal_mode = DELETE")
	raw.exec("PRAGMA cache_size = 1")
	raw.exec("BEGIN")
	raw.exec("UPDATE events SET payload = '{\"changed\":true}'") // more than the cache holds
	folder := t.TempDir()
	crashed := filepath.Join(folder, filepath.Base(path))
	copyFile(t, path, crashed)
	copyFile(t, path+"-journal", crashed+"-journal")
	raw.exec("ROLLBACK")
	place := filepath.Join(mountedToRead(t, folder), filepath.Base(path))
	_, err := Open(t.Context(), place, Options{ReadOnly: true})
	facttest.WantError(t, err, factstr.CodeReadOnly, "-journal", "open the store once where")
	if err := os.Truncate(crashed+"-journal", 0); err != nil { // how some programs end one
		t.Fatal(err)
	}
	facttest.Close(t, openToRead(t, place))
}

// G5 G6: whatever SQLite says of a file in which somebody writes, somebody writes.
func TestAFurtherConnectionToAFileThatChangesDoesNotCallItDamaged(t *testing.T) {
	path := batched(t, 10)
	place := filepath.Join(mountedToRead(t, filepath.Dir(path)), filepath.Base(path))
	b, err := openBackend(t.Context(), place, Options{ReadOnly: true, BusyTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	changed := &lookedAt{Context: t.Context(), do: func(look int) {
		if look == 1 {
			if err := os.WriteFile(path, make([]byte, 1<<16), 0o600); err != nil {
				t.Error(err)
			}
		}
	}}
	_, err = b.connect(changed, 0)
	facttest.WantError(t, err, factstr.CodeLogTruncated, "open it again")
}

func init() { roles["commits"] = commitWithoutEnd }

// commitWithoutEnd commits as often as SQLite can, as no program that syncs would.
func commitWithoutEnd(side *proctest.Side, arguments []string) error {
	c, err := openConn(context.Background(), arguments[0], time.Minute, "synchronous = OFF", "wal_autocheckpoint = 100")
	if err != nil {
		return err
	}
	defer c.close()
	err = c.run("CREATE TABLE of_another_program (n INTEGER)")
	side.Say("begun")
	for err == nil {
		err = c.run("INSERT INTO of_another_program VALUES (1)")
	}
	return err
}

// G1: a reader that cannot write the index of the log is not refused because a writer was changing
// the index at that moment. New connections read it too, as they compile statements, and so does a
// backup.
func TestAReaderIsNotRefusedWhileAWriterChangesTheIndexOfTheLog(t *testing.T) {
	path := batched(t, 100)
	place := filepath.Join(mountedToRead(t, filepath.Dir(path)), filepath.Base(path))
	child := proctest.Start(t, "commits", path)
	child.Hear()
	reader := openToRead(t, place)
	for began := time.Now(); time.Since(began) < 2*time.Second; {
		c, err := openConnAs(t.Context(), place, "ro", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			if _, err := readHead(c); err != nil {
				t.Fatal(err)
			}
		}
		c.close()
		facttest.Query(t, reader, factstr.AllEvents().AtMost(1))
	}
	if _, err := reader.Backup(t.Context(), filepath.Join(t.TempDir(), "copy")); err != nil {
		t.Fatal(err)
	}
}

// waitForGrowth waits until a log is there.
func waitForGrowth(t *testing.T, path string) {
	t.Helper()
	for {
		if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 100_000 {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("no log")
		}
	}
}
