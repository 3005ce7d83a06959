package sqlite

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
)

// anotherCopy makes the code forget which files it has open in this process, as a second copy of
// the library would not know it.
func anotherCopy(t *testing.T, act func()) {
	t.Helper()
	instances.mu.Lock()
	held, note := instances.held, instances.note
	instances.held, instances.note = nil, nil
	instances.mu.Unlock()
	defer func() {
		instances.mu.Lock()
		defer instances.mu.Unlock()
		instances.held, instances.note = held, note
	}()
	act()
}

// Two copies of SQLite on one file in one process would damage it.
func TestASecondCopyOfTheLibraryInOneProcessIsRefusedByName(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := newPath(t)
	store := openStore(t, path)
	second := openStore(t, path) // the same copy may open it as often as it likes
	anotherCopy(t, func() {
		failure := refusedOpen(t, path, factstr.CodeInvalidState, path, "another copy")
		if strings.Count(failure.Message, program) != 2 {
			t.Errorf("%q does not name the two copies, here %s twice", failure.Message, program)
		}
		facttest.Close(t, openStore(t, newPath(t))) // another file is none of the first copy's business
	})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Close(t, store)
	anotherCopy(t, func() { refusedOpen(t, path, factstr.CodeInvalidState) })
	facttest.Append(t, second, facttest.Batch(1, "a")...)
	facttest.Close(t, second)
	anotherCopy(t, func() { facttest.Close(t, openStore(t, path)) })
	again := openStore(t, path)
	anotherCopy(t, func() { refusedOpen(t, path, factstr.CodeInvalidState) })
	facttest.Close(t, again)
	// Another process is not another copy.
	opener := proctest.Start(t, "opener", path)
	opener.Expect("ready")
	opener.Tell("go")
	first := openStore(t, path)
	opener.Finish()
	facttest.WantGapless(t, first, 3)
}

// openDescriptors are this process's descriptors of the database and its side files.
func openDescriptors(t *testing.T, path string) (open []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + entry.Name()); strings.HasPrefix(target, path) {
			open = append(open, target)
		}
	}
	return open
}

func TestAClosedStoreHoldsNothing(t *testing.T) { // G22
	path := newPath(t)
	for range 10 {
		store := openStore(t, path)
		live := facttest.NewDeliveries(t)
		if _, err := store.StreamAll(t.Context(), live); err != nil {
			t.Fatal(err)
		}
		facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))
		facttest.Append(t, store, facttest.Batch(3, "a")...)
		live.Next()
		facttest.All(t, store)
		if len(openDescriptors(t, path)) == 0 {
			t.Fatal("an open store without descriptors: the test looks at the wrong place")
		}
		facttest.Close(t, store)
		if open := openDescriptors(t, path); len(open) > 0 {
			t.Fatalf("open after close: %v", open)
		}
		_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
	}
	// The goroutines end with it.
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(facttest.WaitMax); ; runtime.Gosched() {
		text := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(text, "core/sqlite.(*") && !strings.Contains(text, "factstr-go/core.(*") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %s", text)
		}
	}
}

func TestAnOpenThatFailsHoldsNothing(t *testing.T) {
	path := copyFixture(t)
	raw := openRaw(t, path)
	raw.exec("UPDATE store_metadata SET value = '2' WHERE key = 'store_format_version'")
	raw.close()
	refusedOpen(t, path, factstr.CodeUnsupportedFormat)
	if open := openDescriptors(t, path); len(open) > 0 {
		t.Fatalf("open: %v", open)
	}
	raw = openRaw(t, path)
	raw.exec("UPDATE store_metadata SET value = '1' WHERE key = 'store_format_version'")
	facttest.Append(t, openStore(t, path), facttest.Batch(1, "a")...)
}

// G5: an append into a file that nobody will find again must not be answered with success.
func TestAFileThatWasRemovedOrReplacedIsNotAppendedTo(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed":  os.Remove,
		"moved":    func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error { return os.Rename(copyFixture(t), path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			if err := replace(path); err != nil {
				t.Fatal(err)
			}
			_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
			facttest.WantError(t, err, factstr.CodeLogTruncated, path, "close the store")
			_, err = store.Query(t.Context(), factstr.AllEvents())
			facttest.WantError(t, err, factstr.CodeLogTruncated, path)
		})
	}
}

func init() {
	roles["late"] = succeedLate
}

// succeedLate holds a durable stream whose handler returns only when the test says so. It
// unsubscribes while the handler runs.
func succeedLate(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	proceed := make(chan struct{})
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "projection"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("delivered %d", len(batch))
		<-proceed
		return nil
	}))
	if err != nil {
		return err
	}
	side.Await()
	stream.Unsubscribe()
	side.Say("unsubscribed")
	side.Await()
	close(proceed)
	<-stream.Done()
	side.Say("ended %v", stream.Err())
	return store.Close(ctx)
}

// G22 G21: across processes, a delivery in flight at unsubscribe moves the cursor only while nobody
// else has registered the name.
func TestALateSuccessOfAnotherProcessCountsOnlyWhileNobodyHasTheName(t *testing.T) {
	refuse := factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return factstr.CodeInvalidState })
	for name, c := range map[string]struct {
		takeOver bool
		cursor   string
	}{"the name was taken over": {true, "0"}, "nobody has the name": {false, "3"}} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(3, "a")...)
			late := proctest.Start(t, "late", path)
			late.Expect("delivered 3")
			_, err := sharetest.Register(store, "projection")
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
			late.Tell("unsubscribe")
			late.Expect("unsubscribed")
			if c.takeOver {
				// The name is free though the delivery goes on. This holder fails, so the cursor
				// stays before the batch.
				facttest.WantError(t, facttest.WaitEnd(t, facttest.DurableStream(t, store, "projection", factstr.AllEvents(), refuse)), factstr.CodeHandlerFailed)
			}
			late.Tell("return")
			late.Expect("ended <nil>")
			late.Finish()
			raw := openRaw(t, path)
			if cursor := raw.one("SELECT last_processed_sequence_number FROM subscriber_cursors"); cursor != c.cursor {
				t.Errorf("the cursor is at %s, want %s", cursor, c.cursor)
			}
			if got := compattest.Replayed(t, store, "projection", factstr.AllEvents()); len(got) != 1 && c.takeOver || len(got) != 0 && !c.takeOver {
				t.Errorf("then delivered %v", got)
			}
		})
	}
}

// G22: a cursor row that was reset or lost together with its query is a new one, whatever is
// remembered beside it.
func TestANameWhoseCursorRowIsGoneStartsAnew(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(1, "b")...)
	if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("a")); len(got) != 1 {
		t.Fatalf("%v", got)
	}
	raw := openRaw(t, path)
	raw.exec("DELETE FROM subscriber_cursors")
	for range 2 {
		raw.exec("UPDATE subscriber_cursors SET last_processed_sequence_number = 0")
		if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("b")); len(got) != 1 || got[0][0] != "2" {
			t.Fatalf("%v", got)
		}
	}
	// The side table can be lost: it only remembers generations and exact numbers.
	raw.exec("DROP TABLE factstr_durable_streams")
	if got := compattest.Replayed(t, store, "projection", factstr.OfTypes("b")); len(got) != 0 {
		t.Fatalf("%v", got)
	}
}
