package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["backer-up"] = backUpAgainAndAgain
	roles["backed-up"] = appendWithoutEnd
}

// folder lists the names in a folder.
func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// wantWhole checks that a backup can be opened, is sound and ends at a fact.
func wantWhole(t *testing.T, path string, head factstr.Head) *factstr.Verification {
	t.Helper()
	report := verified(t, path)
	if len(report.Findings) > 0 || report.Head != head || report.Facts != head.SequenceNumber {
		t.Fatalf("the backup at %s: %+v", head, report)
	}
	return report
}

// G1 G3 G5 G21: a backup is the log with its batches and cursors, and can be worked with.
func TestABackupIsTheWholeLog(t *testing.T) {
	path := batched(t, 2000)
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	facttest.Append(t, store, facttest.BatchOf("new", "newer")...) // in the log file
	copies := t.TempDir()
	name := "what? 100%.db"
	if runtime.GOOS == "windows" { // it has no such files
		name = "what 100%.db"
	}
	to := filepath.Join(copies, name)
	made, err := store.Backup(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if state, err := os.Stat(to); err != nil || made.Bytes != state.Size() || made.Head.SequenceNumber != 2002 {
		t.Errorf("%+v, %v %v", made, state, err)
	}
	if left := names(t, copies); !slices.Equal(left, []string{filepath.Base(to)}) {
		t.Errorf("in the folder are %q", left)
	}
	if report := wantWhole(t, to, made.Head); report.Batches != 201 || report.Cursors != 1 {
		t.Errorf("%+v", report)
	}
	copied, err := Open(t.Context(), to, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, copied)
	want, got := facttest.Query(t, store, factstr.AllEvents()), facttest.Query(t, copied, factstr.AllEvents())
	if fmt.Sprint(want.EventRecords) != fmt.Sprint(got.EventRecords) {
		t.Error("the copy has other facts")
	}
	deliveries := facttest.NewDeliveries(nil)
	stream, err := copied.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "all"}, deliveries)
	if err == nil {
		err = stream.WaitReady(t.Context())
	}
	if err != nil || stream.Progress().StoredCursor < 2000 {
		t.Errorf("%v, %+v", err, stream.Progress())
	}
	facttest.Append(t, copied, facttest.BatchOf("elsewhere")...)
	if head := facttest.Query(t, store, factstr.AllEvents().AtMost(0)); *head.CurrentContextVersion != 2002 {
		t.Errorf("an append to the copy shows in the original: %d", *head.CurrentContextVersion)
	}
}

func TestABackupReplacesNothingAndLeavesNothingBehind(t *testing.T) { // G1
	path := batched(t, 2000)
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	folder := t.TempDir()
	to := filepath.Join(folder, "copy.db")
	refused := func(code factstr.Code, path string, words ...string) {
		t.Helper()
		_, err := store.Backup(t.Context(), path)
		facttest.WantError(t, err, code, words...)
	}
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("there.db", "precious")
	refused(factstr.CodeInvalidArgument, filepath.Join(folder, "there.db"), "exists already")
	refused(factstr.CodeInvalidArgument, path, "exists already")
	refused(factstr.CodeInvalidArgument, folder, "exists already")
	refused(factstr.CodeInvalidArgument, "", "path")
	refused(factstr.CodeInvalidArgument, ":memory:", "path")
	refused(factstr.CodeInvalidArgument, "a\x00b", "path")
	refused(factstr.CodeBackendFailure, filepath.Join(folder, "missing", "copy.db"))
	put("left.db-wal", "of a former database")
	refused(factstr.CodeInvalidArgument, filepath.Join(folder, "left.db"), "left.db-wal")
	_ = os.Symlink("nowhere", filepath.Join(folder, "link.db"))
	if _, err := os.Lstat(filepath.Join(folder, "link.db")); err == nil { // not every system made it
		refused(factstr.CodeInvalidArgument, filepath.Join(folder, "link.db"), "exists already")
		_ = os.Remove(filepath.Join(folder, "link.db"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := testBackend(t, path)
	_, err = b.Backup(ctx, to, func(int64, int64) { cancel() })
	facttest.WantError(t, err, factstr.CodeCancelled)
	if content, _ := os.ReadFile(filepath.Join(folder, "there.db")); string(content) != "precious" {
		t.Errorf("the file that was there holds %q", content)
	}
	if left := names(t, folder); !slices.Equal(left, []string{"left.db-wal", "there.db"}) {
		t.Errorf("in the folder are %q", left)
	}
	// What a killed backup has left is taken over; a file that comes while the backup runs is not
	// replaced.
	put("copy.db"+backupSuffix, "half of a backup")
	if _, err := store.Backup(t.Context(), to); err != nil {
		t.Error(err)
	}
	second := filepath.Join(folder, "second.db")
	_, err = b.Backup(t.Context(), second, func(int64, int64) { put("second.db", "mine") })
	facttest.WantError(t, err, factstr.CodeInvalidArgument, "exists already")
	_, err = b.Backup(t.Context(), filepath.Join(folder, "third.db"), func(int64, int64) {
		refused(factstr.CodeBusy, filepath.Join(folder, "third.db"), "another backup")
	})
	if err != nil {
		t.Error(err)
	}
	if left := names(t, folder); !slices.Equal(left, []string{"copy.db", "left.db-wal", "second.db", "there.db",
		"third.db"}) {
		t.Errorf("in the folder are %q", left)
	}
}

func testBackend(t *testing.T, path string) *backend {
	t.Helper()
	return openTestBackend(t, path)
}

// G1 G3 G11: a backup of a log that grows is the log up to one moment, and nobody waits for it.
func TestABackupIsMadeWhileOthersAppend(t *testing.T) {
	path := batched(t, 3000)
	for range 2 {
		proctest.Start(t, "backed-up", path)
	}
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	b := testBackend(t, path)
	folder := t.TempDir()
	var last uint64
	for n := range 5 {
		to := filepath.Join(folder, fmt.Sprint(n))
		// During the backup this store appends, and so do the others: the head moves.
		var before, after atomic.Uint64
		made, err := b.Backup(t.Context(), to, func(copied, of int64) {
			result := facttest.Append(t, store, facttest.BatchOf("a", "b", "c")...)
			before.CompareAndSwap(0, result.LastSequenceNumber)
			after.Store(result.LastSequenceNumber)
		})
		if err != nil {
			t.Fatal(err)
		}
		if made.Head.SequenceNumber >= before.Load() || made.Head.SequenceNumber < last {
			t.Errorf("a backup of %s, appended from %d to %d", made.Head, before.Load(), after.Load())
		}
		last = made.Head.SequenceNumber
		wantWhole(t, to, made.Head)
	}
}

// backUpAgainAndAgain makes backups into a folder until it is killed.
func backUpAgainAndAgain(side *proctest.Side, arguments []string) error {
	store, err := Open(context.Background(), arguments[0], Options{})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		to := filepath.Join(arguments[1], strconv.Itoa(n))
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		made, err := store.Backup(context.Background(), to)
		if err != nil {
			return err
		}
		side.Say("%d %s", n, made.Head)
	}
}

func appendWithoutEnd(_ *proctest.Side, arguments []string) error {
	store, err := Open(context.Background(), arguments[0], Options{})
	for err == nil {
		_, err = store.Append(context.Background(), facttest.BatchOf("of another process", "and more"))
	}
	return err
}

// G1 G5: a killed backup leaves nothing under its name, and what has its name is whole.
func TestAKilledBackupLeavesNoHalfFile(t *testing.T) {
	path, folder := batched(t, 5000), t.TempDir()
	proctest.Start(t, "backed-up", path)
	lives := proctest.Rounds(12)
	if os.Getenv("FACTSTR_TORTURE") != "" {
		lives = 300
	}
	for life := range lives {
		child := proctest.Start(t, "backer-up", path, folder)
		child.Hear()
		time.Sleep(time.Duration(life%7) * time.Millisecond)
		child.Kill()
	}
	whole := 0
	for _, name := range names(t, folder) {
		if filepath.Ext(name) == backupSuffix || filepath.Ext(name) != "" {
			continue // of a killed backup, or beside an opened one
		}
		report := verified(t, filepath.Join(folder, name))
		if len(report.Findings) > 0 || report.Facts < 5000 {
			t.Errorf("%s: %+v", name, report)
		}
		whole++
	}
	if whole < lives {
		t.Errorf("%d backups in %d lives: %q", whole, lives, names(t, folder))
	}
}
