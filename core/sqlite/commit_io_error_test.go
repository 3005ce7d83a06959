//go:build unix

package sqlite

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["faulty"] = writeBeyondTheLimit
}

// writeBeyondTheLimit makes the system refuse longer files, so that writing the log fails in the
// middle of a COMMIT.
func writeBeyondTheLimit(side *proctest.Side, arguments []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	path := arguments[0]
	store, err := Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	if _, err := store.StreamAll(ctx, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("delivered %d to %d", batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber)
		return nil
	})); err != nil {
		return err
	}
	try := func(what string, events []factstr.NewEvent) {
		_, err := store.Append(ctx, events)
		var failure *factstr.Error
		if errors.As(err, &failure) {
			side.Say("%s: %s: %s", what, failure.Code, strings.ReplaceAll(failure.Message, "\n", " "))
		} else {
			side.Say("%s: %v", what, err)
		}
	}
	try("before", facttest.Batch(3, "before"))
	side.Await()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	lowered := limit
	lowered.Cur = uint64(info.Size()) + 6000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lowered); err != nil {
		return err
	}
	try("beyond", []factstr.NewEvent{facttest.Fact("beyond", `1`), largeFact(roomStep + 200_000), facttest.Fact("beyond", `3`)})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	try("after", facttest.Batch(1, "after"))
	result, err := store.Query(ctx, factstr.AllEvents())
	if err != nil {
		return err
	}
	side.Say("query %d", len(result.EventRecords))
	if err := store.Close(ctx); err != nil {
		return err
	}
	side.Say("closed")
	store, err = Open(ctx, path, Options{})
	if err != nil {
		return err
	}
	try("reopened", facttest.Batch(1, "reopened"))
	return store.Close(ctx)
}

// G5: an I/O error from COMMIT leaves the outcome unknown. The caller is told so, no stream gets
// the batch, and the store appends nothing until it is opened again.
func TestAnErrorOfTheFileSystemDuringACommitIsAnsweredAsUnknown(t *testing.T) {
	path := newPath(t)
	faulty := proctest.Start(t, "faulty", path)
	first := map[string]bool{}
	for range 2 {
		line, _ := faulty.Hear()
		first[line] = true
	}
	if !first["before: <nil>"] || !first["delivered 1 to 3"] {
		t.Fatalf("%v", first)
	}
	faulty.Tell("go on")
	said := faulty.Finish()
	for i, want := range []string{"beyond: CommitUnknown", "after: InvalidState", "query ", "closed", "reopened: <nil>"} {
		if i >= len(said) || !strings.HasPrefix(said[i], want) {
			t.Fatalf("%q, want %s", said, want)
		}
	}
	if len(said) != 5 {
		t.Errorf("%q", said)
	}
	// The batch is there whole or not at all.
	store := openStore(t, path)
	count := len(facttest.All(t, store))
	if count != 4 && count != 7 {
		t.Errorf("%d facts", count)
	}
	facttest.WantGapless(t, store, count)
}
