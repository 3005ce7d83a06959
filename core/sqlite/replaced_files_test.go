package sqlite

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G24 G21: a cursor write that waits for the lock while the log is set back has no effect, even if
// the log has grown past the cursor again. One into a log that holds the head it was made on is
// carried out.
func TestACursorWriteThatWaitedForARestoreHasNoEffect(t *testing.T) {
	const grow = `WITH RECURSIVE n(i) AS (SELECT 6 UNION ALL SELECT i+1 FROM n WHERE i < 20) INSERT INTO events SELECT i, '2020-01-01T00:00:00Z', 'new', '{}' FROM n`
	for name, c := range map[string]struct {
		changes []string
		moved   bool
	}{
		"set back":           {[]string{"DELETE FROM events WHERE sequence_number > 5"}, false},
		"set back and grown": {[]string{"DELETE FROM events WHERE sequence_number > 5", grow}, false},
		"emptied":            {[]string{"DELETE FROM events"}, false},
		"left as it is":      {[]string{"INSERT INTO events VALUES (11, '2020-01-01T00:00:00Z', 'new', '{}')"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(10, "a")...)
			head := facttest.All(t, store)[9]
			facttest.Close(t, store)
			b, err := openBackend(t.Context(), path, Options{BusyTimeout: 10 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = b.Close() }()
			claim, err := b.ClaimStream(t.Context(), "projection", factstr.DurableQuery{Text: "q", Exact: "q"})
			if err != nil {
				t.Fatal(err)
			}
			defer claim.Release()
			if want := (factstr.Head{SequenceNumber: 10, OccurredAt: head.OccurredAt}); claim.Head != want {
				t.Errorf("claimed at %v, want %v", claim.Head, want)
			}
			raw := openRaw(t, path)
			raw.exec("BEGIN IMMEDIATE")
			written := make(chan error)
			go func() {
				written <- b.WriteCursors(t.Context(), []factstr.CursorWrite{{Name: "projection", Generation: claim.Generation, SequenceNumber: 8, Head: claim.Head}})
			}()
			for _, change := range c.changes {
				raw.exec(change)
			}
			raw.exec("COMMIT")
			err = <-written
			stored := raw.one("SELECT last_processed_sequence_number FROM subscriber_cursors")
			if c.moved {
				if err != nil || stored != "8" {
					t.Errorf("error %v, cursor at %s", err, stored)
				}
				return
			}
			facttest.WantError(t, err, factstr.CodeLogTruncated, "10", "projection")
			if stored != "0" {
				t.Errorf("the cursor is at %s", stored)
			}
		})
	}
}

// G5 G24: a commit that waits for the lock while another file is put in the database's place is not
// acknowledged: it would be in a log that nobody finds.
func TestACommitThatWaitedForAnotherFileIsNotAcknowledged(t *testing.T) {
	needsReplaceableFiles(t)
	for range 5 {
		path, backup := newPath(t), newPath(t)
		b, err := openBackend(t.Context(), path, Options{BusyTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		store, err := factstr.OpenStore(t.Context(), b, factstr.Options{})
		store = facttest.Opened(t, store, err)
		facttest.Append(t, store, facttest.Batch(3, "a")...)
		facttest.Close(t, openStore(t, backup))
		raw := openRaw(t, path)
		raw.exec("BEGIN IMMEDIATE")
		answered := make(chan error)
		go func() {
			_, err := store.Append(context.Background(), facttest.Batch(1, "a"))
			answered <- err
		}()
		for b.writing.TryLock() { // until it is on its way
			b.writing.Unlock()
			runtime.Gosched()
		}
		if err := os.Rename(backup, path); err != nil {
			t.Fatal(err)
		}
		raw.exec("COMMIT")
		facttest.WantError(t, <-answered, factstr.CodeLogTruncated)
	}
}

// unwatched is a backend whose store does not look at the log by itself.
type unwatched struct{ factstr.Backend }

// G24: a stream whose cursor write finds another log ends, also where nothing else looks at the
// log.
func TestAStreamWhoseCursorFindsAnotherLogEnds(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), unwatched{b}, factstr.Options{})
	store = facttest.Opened(t, store, err)
	facttest.Append(t, store, facttest.Batch(10, "a")...)
	entered, release := make(chan struct{}), make(chan struct{})
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		if batch[0].SequenceNumber == 11 {
			close(entered)
			<-release
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	facttest.WaitReady(t, stream)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	<-entered
	raw := openRaw(t, path)
	raw.exec("BEGIN IMMEDIATE")
	raw.exec("DELETE FROM events WHERE sequence_number > 5")
	raw.exec("UPDATE subscriber_cursors SET last_processed_sequence_number = 5")
	raw.exec("COMMIT")
	close(release)
	facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeLogTruncated)
	facttest.Append(t, store, facttest.Batch(15, "new")...)
	again := facttest.NewDeliveries(t)
	facttest.WaitReady(t, facttest.DurableStream(t, store, "projection", factstr.AllEvents(), again))
	if batches := again.SoFar(); len(batches) != 1 || len(batches[0]) != 15 || batches[0][0] != 6 {
		t.Errorf("then delivered %v", batches)
	}
}

// replacing calls a function before each scan of a query.
type replacing struct {
	*backend
	scans  int
	before func(scan int)
}

func (r *replacing) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	r.scans++
	r.before(r.scans)
	return r.backend.Scan(ctx, scan, visit)
}

func (r *replacing) HeadAndScan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (factstr.Head, error) {
	r.scans++
	r.before(r.scans)
	return r.backend.HeadAndScan(ctx, scan, visit)
}

// G8 G24: rows and version of a query come from one log, also if another one is restored in
// between.
func TestAQueryDuringWhichTheLogIsReplacedAnswersFromOneLog(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	r := &replacing{backend: b, before: func(int) {}}
	store, err := factstr.OpenStore(t.Context(), r, factstr.Options{TailEvents: -1})
	store = facttest.Opened(t, store, err)
	for range 10 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
	}
	raw := openRaw(t, path)
	r.scans, r.before = 0, func(scan int) {
		if scan != 2 {
			return
		}
		raw.exec("BEGIN IMMEDIATE")
		raw.exec("DELETE FROM events")
		raw.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 12) INSERT INTO events SELECT i, 'restored', CASE WHEN i < 9 THEN 'a' ELSE 'b' END, '{}' FROM n")
		raw.exec("COMMIT")
	}
	result := facttest.Query(t, store, factstr.OfTypes("a").AtMost(1))
	if r.scans < 2 {
		t.Fatalf("%d scans", r.scans)
	}
	if got := result.EventRecords; len(got) != 1 || got[0].OccurredAt != "restored" || facttest.VersionText(result.CurrentContextVersion) != "8" {
		t.Errorf("%+v at version %s", got, facttest.VersionText(result.CurrentContextVersion))
	}
}

// G5: an append into a file that nobody will find again must not succeed.
func TestAFileThatWasRemovedOrReplacedIsNotAppendedTo(t *testing.T) {
	needsReplaceableFiles(t)
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

// needsReplaceableFiles skips a test where nobody can do to an open database what it does. That is
// proven there by TestNobodyRenamesOrRemovesAnOpenDatabase.
func needsReplaceableFiles(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows renames, replaces and removes no open database")
	}
}
