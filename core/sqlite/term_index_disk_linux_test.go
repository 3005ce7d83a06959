package sqlite

import (
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// The index has a disk of its own, which is full, writable again, and then only readable.
func TestAnIndexWhoseDiskIsFullOrReadOnlyIsReportedAndUsedAgain(t *testing.T) { // G8 G12
	indexAlways(t, 30)
	sizesOfIndex.again = 300 * time.Millisecond // queries come in between
	random := rand.New(rand.NewPCG(12, 13))
	path, plain := newPath(t), openWithoutTail(t, newPath(t))
	if err := os.Mkdir(path+indexSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	const options = "size=256k,mode=700"
	if err := syscall.Mount("tmpfs", path+indexSuffix, "tmpfs", 0, options); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path+indexSuffix, syscall.MNT_DETACH) })
	records, logger := NewRecords()
	store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
	facts, failures := 0, 0
	grow := func() {
		t.Helper()
		AppendCourses(t, plain, facts, facts+100)
		AppendCourses(t, store, facts, facts+100)
		facts += 100
		for range 10 {
			WantSameAnswers(t, random, store, plain, facts, 5)
			time.Sleep(time.Millisecond) // for the builder
		}
	}
	grow()
	awaitIndex(t, store)
	for _, trouble := range []struct {
		begin func() (end func())
		why   string
	}{
		{func() func() { return fillDisk(t, path+indexSuffix) }, "no space left"},
		{func() func() {
			remount := func(flags uintptr) {
				if err := syscall.Mount("", path+indexSuffix, "", syscall.MS_REMOUNT|flags, options); err != nil {
					t.Fatal(err)
				}
			}
			remount(syscall.MS_RDONLY)
			return func() { remount(0) }
		}, "read-only"},
	} {
		end := trouble.begin()
		grow()
		failures++
		told := records.Await(t, factstr.LogIndexUnusable, failures)
		if message := told[failures-1].Message; !strings.Contains(message, trouble.why) {
			t.Errorf("%q, want %s", message, trouble.why)
		}
		grow()
		if n := len(records.Of(factstr.LogIndexUsable)); n != failures-1 {
			t.Errorf("%s: %d times the index was called usable", trouble.why, n)
		}
		end()
		grow()
		records.Await(t, factstr.LogIndexUsable, failures)
		awaitIndex(t, store)
		WantSameAnswers(t, random, store, plain, facts, 50)
	}
}
