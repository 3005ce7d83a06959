package sqlite

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// openDescriptors returns this process's descriptors of the database and its side files.
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

// G17: a group that waits for a lock of another program does not keep streams from their end: a
// caller that pulls gets it within the close timeout.

// A store whose index somebody else still uses leaves a descriptor, which the next one takes: there
// is one, however often stores open and close.
func TestOneDescriptorOfAnIndexIsLeftOpen(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("a")...)
	host := openAsHost(t, path)
	facttest.Close(t, store)
	before := openDescriptors(t, path)
	for range 20 {
		facttest.Close(t, openStore(t, path))
	}
	if after := openDescriptors(t, path); len(after) > len(before) {
		t.Errorf("%v are open before twenty stores, %v after them", before, after)
	}
	host.close()
}

func init() {
	roles["server"] = func(side *proctest.Side, arguments []string) error {
		for _, path := range arguments {
			if _, err := Open(context.Background(), path, Options{}); err != nil {
				return err
			}
		}
		side.Say("open")
		side.Await()
		return nil
	}
}

// A program that opens the databases of another one in turn keeps few of them open, but those which
// its own connections use.
func TestFewIndexesAreLeftOpenBesideAnotherProcess(t *testing.T) {
	folder := t.TempDir()
	var paths []string
	for n := range 2*leftMax + 1 {
		paths = append(paths, filepath.Join(folder, strconv.Itoa(n)))
	}
	proctest.Start(t, "server", paths...).Expect("open")
	host, err := openConn(t.Context(), paths[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.one("SELECT count(*) FROM events"); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		facttest.Close(t, openStore(t, path))
	}
	instances.mu.Lock()
	left := slices.Collect(maps.Values(instances.left))
	instances.mu.Unlock()
	if len(left) > leftMax || !slices.ContainsFunc(left, func(d indexDescriptor) bool { return d.path == paths[0] }) {
		t.Errorf("%d are left open: %v", len(left), left)
	}
	host.close()
}

// G1: an index that another process has made between the look at it and its opening is known at the
// next opening, which comes after the first connection: closing it then would drop SQLite's locks.
func TestAnIndexIsKnownByWhatWasOpened(t *testing.T) {
	path := newPath(t)
	facttest.Append(t, openStore(t, path), facttest.BatchOf("a")...)
	index, err := stateOf(path + "-shm")
	if err != nil {
		t.Fatal(err)
	}
	var d indexDescriptor
	defer func() { d.close() }()
	if err := d.open(path, fileID{}); err != nil { // of the one before
		t.Fatal(err)
	}
	opened := d.file
	if err := d.open(path, index.fileID); err != nil || d.file != opened {
		t.Errorf("the same index was opened once more (%v)", err)
	}
}
