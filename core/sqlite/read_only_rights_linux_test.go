package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() { roles["reader"] = readAsOther }

// readAsOther opens a store as another user, with read_only or not, and says for each line that it
// reads how many facts it finds.
func readAsOther(side *proctest.Side, arguments []string) error {
	if err := becomeOther(); err != nil {
		return err
	}
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{ReadOnly: arguments[1] == "read_only"})
	if err != nil {
		side.Say("open %s", factstr.CodeOf(err))
		return nil
	}
	for more := true; more; _, more = side.Await() {
		result, err := store.Query(ctx, factstr.AllEvents())
		if err != nil {
			side.Say("query %s", factstr.CodeOf(err))
			continue
		}
		side.Say("query %d", len(result.EventRecords))
	}
	return store.Close(ctx)
}

// ofOneUser makes a database that other users may read, in a folder in which they may make files.
func ofOneUser(t *testing.T) (path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs two users")
	}
	folder := folderForOthers(t)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "log.db")
}

// G1: a reader makes no log that those who may write the database cannot write: they would be shut
// out for good, since the reader cannot remove it either.
func TestAReaderWhoMayNotWriteTheDatabaseMakesNoLog(t *testing.T) {
	for _, how := range []string{"read_only", "as usual"} {
		t.Run(how, func(t *testing.T) {
			path := ofOneUser(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.BatchOf("a")...)
			facttest.Close(t, store)
			reader := proctest.Start(t, "reader", path, how)
			reader.Expect("query 1")
			if made := names(t, filepath.Dir(path)); len(made) > 1 {
				t.Errorf("the reader has made %q", made)
			}
			facttest.Append(t, openStore(t, path), facttest.BatchOf("b")...)
			reader.Tell("again")
			reader.Expect("query LogTruncated")
			beside := proctest.Start(t, "reader", path, how)
			beside.Expect("query 2")
		})
	}
}

// G1: a writer that closes beside readers leaves no log that later readers, who may not write it,
// could not use.
func TestReadersGoOnAfterTheLastWriterHasClosedBesideThem(t *testing.T) {
	for _, here := range []bool{false, true} {
		t.Run(fmt.Sprintf("one of them in the writer's process: %t", here), func(t *testing.T) {
			path := ofOneUser(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.BatchOf("a")...)
			reader := proctest.Start(t, "reader", path, "read_only")
			reader.Expect("query 1")
			inside := store
			if here {
				inside = openToRead(t, path)
			}
			facttest.Append(t, store, facttest.BatchOf("b")...)
			facttest.Close(t, store)
			facttest.Close(t, inside)
			reader.Tell("again")
			reader.Expect("query 2")
			reader.Finish()
			later := proctest.Start(t, "reader", path, "read_only")
			later.Expect("query 2")
			later.Finish()
			store = openStore(t, path)
			facttest.Append(t, store, facttest.BatchOf("c")...)
			facttest.WantGapless(t, store, 3)
		})
	}
}

// G1 G6: after a loss of power the index may be older than the log. A reader that may not write it
// does not rely on it, nor make others rely on it: they would overwrite facts.
func TestAReaderBringsNoIndexOfBeforeALossOfPowerBackIntoUse(t *testing.T) {
	path := ofOneUser(t)
	writer := proctest.Start(t, "told", path)
	tell := func(command string) {
		writer.Tell(command)
		writer.Expect(command + " <nil>")
	}
	tell("open")
	tell("append")
	written, err := os.ReadFile(path + "-shm") // to the disk
	if err != nil {
		t.Fatal(err)
	}
	tell("append")
	writer.Kill()
	if err := os.WriteFile(path+"-shm", written, 0o644); err != nil {
		t.Fatal(err)
	}
	reader := proctest.Start(t, "reader", path, "read_only")
	reader.Expect("open ReadOnly")
	reader.Finish()
	// Who had it in use may end while somebody opens the database.
	place := filepath.Join(mountedToRead(t, filepath.Dir(path)), "log.db")
	c, err := openConnAs(t.Context(), place, "ro", 0)
	if err != nil {
		t.Fatal(err)
	}
	facttest.WantError(t, new(sides).identify(place, fileID{}), factstr.CodeReadOnly, "holds facts")
	c.close()
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("after it")...)
	if got := len(facttest.All(t, store)); got != 3 {
		t.Errorf("%d facts, want 3", got)
	}
}
