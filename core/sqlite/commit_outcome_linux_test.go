package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G5 G24: between the last look at the files and COMMIT another file may be put in the database's
// place. What was committed then may be lost, so the outcome is unknown.
func TestACommitDuringWhichTheFileIsReplacedIsInDoubt(t *testing.T) {
	path, backup := newPath(t), newPath(t)
	filled(t, backup, 1)
	b := openTestBackend(t, path)
	err := b.write(t.Context(), "append", func(c *conn) (bool, error) {
		if err := c.run("INSERT INTO store_metadata VALUES ('color', 'blue')"); err != nil {
			return false, err
		}
		return true, os.Rename(backup, path)
	})
	facttest.WantError(t, err, factstr.CodeCommitUnknown, "append", path)
}

// G24: what a transaction read while another file was put in the database's place, such as a page
// that looks damaged or a fact that conflicts, says nothing about either.
func TestATransactionDuringWhichTheFileIsReplacedEndsWithThat(t *testing.T) {
	for name, ends := range map[string]error{
		"it fails":        factstr.NewError(factstr.CodeCorrupt, "a page of the other file"),
		"nothing changes": nil,
	} {
		t.Run(name, func(t *testing.T) {
			path, backup := newPath(t), newPath(t)
			filled(t, backup, 1)
			b := openTestBackend(t, path)
			err := b.write(t.Context(), "append", func(*conn) (bool, error) {
				if err := os.Rename(backup, path); err != nil {
					return false, err
				}
				return false, ends
			})
			facttest.WantError(t, err, factstr.CodeLogTruncated, path)
		})
	}
}

// G5: a transaction that cannot be rolled back stays open on the connection. The next write would
// commit it, so there is none.
func TestAfterARollbackThatFailedNothingIsWritten(t *testing.T) {
	path := newPath(t)
	b := openTestBackend(t, path)
	onPurpose := errors.New("on purpose")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.write(t.Context(), "append", func(c *conn) (bool, error) {
		if err := c.run("INSERT INTO store_metadata VALUES ('color', 'blue')"); err != nil {
			return false, err
		}
		c.engine.context = ended // ROLLBACK does not run any more
		return false, onPurpose
	})
	if !errors.Is(err, onPurpose) {
		t.Errorf("%v", err)
	}
	b.writer.engine.context = context.Background()
	err = b.write(t.Context(), "append", func(*conn) (bool, error) { return true, nil })
	facttest.WantError(t, err, factstr.CodeInvalidState, "rolled back", "open it again")
	if got := openRaw(t, path).one("SELECT count(*) FROM store_metadata WHERE key = 'color'"); got != "0" {
		t.Errorf("%s rows of a transaction that failed", got)
	}
}

// G5: a disk that is full when COMMIT writes the log is no doubt: the frame that commits is the
// last one. The store goes on when there is room.
func TestADiskThatIsFullDuringACommitIsToldAndTheStoreGoesOn(t *testing.T) {
	folder := smallDisk(t, "4m")
	store := openStore(t, filepath.Join(folder, "facts.sqlite"))
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	makeRoom := fillDisk(t, folder)
	for range 2 {
		_, err := store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("a", `1`), largeFact(roomStep + 200_000)})
		if failure := facttest.WantError(t, err, factstr.CodeBackendFailure, "disk is full"); failure.Reason != factstr.ReasonDiskFull {
			t.Errorf("reason %s", failure.Reason)
		}
	}
	makeRoom()
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, store, 2)
}

// G5: SQLite makes a file that is missing, and an empty store in place of one that was moved away
// would take facts.
func TestAConnectionMakesNoFile(t *testing.T) {
	path := newPath(t)
	if c, err := openConn(t.Context(), path, time.Second); err == nil {
		c.close()
		t.Error("a file that is missing was opened")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
}

// G5: what is acknowledged survives a loss of power.
func TestEveryConnectionSyncsWhatItCommits(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	const full = int64(2)
	if got, err := b.writer.one("PRAGMA synchronous"); err != nil || got != full {
		t.Errorf("synchronous is %v, error %v", got, err)
	}
}
