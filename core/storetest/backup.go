package storetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// backUp copies a log to where nothing is. A store that cannot must say what to do instead, and
// leave nothing there; then made is nil.
func backUp(t testing.TB, log Log, store *factstr.Store) (path string, made *factstr.Backup) {
	t.Helper()
	folder := t.TempDir()
	path = filepath.Join(folder, "copy.db")
	made, err := store.Backup(t.Context(), path)
	if log.OpenCopy == nil {
		facttest.WantError(t, err, factstr.CodeNotImplemented)
		var known *factstr.Error
		if errors.As(err, &known); known.Operation != "backup" || known.Store != mustMeasure(t, store).Store || len(known.Message) < 40 {
			t.Fatalf("%+v does not say what to do", known)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Fatalf("left %v, %v", left, err)
		}
		return path, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if file, err := os.Stat(path); err != nil || file.Size() != made.Bytes {
		t.Fatalf("%+v: %v %v", made, file, err)
	}
	return path, made
}

// openCopy opens a backup as a store.
func openCopy(t testing.TB, log Log, path string) *factstr.Store {
	t.Helper()
	return openWith(t, Log{Open: func(
		ctx context.Context, options factstr.Options, _ func(factstr.Backend) factstr.Backend,
	) (*factstr.Store, error) {
		return log.OpenCopy(ctx, path, options)
	}}, factstr.Options{}, nil)
}

var backupTests = tests{
	{"a backup is the log with its batches, cursors and parked batches, or nothing", func(t *testing.T, log Log) { // G1 G3 G21 G23
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "b", "a", "c")
		end(t, durableTo(t, store, "model", ofType("a"), poison(1).recorder, parks))
		appendTypes(t, store, "a", "b")
		path, made := backUp(t, log, store)
		wantStillWorks(t, store, 6)
		if made == nil {
			return
		}
		if made.Head.SequenceNumber != 6 || made.Head.OccurredAt == "" {
			t.Errorf("%+v", made)
		}
		copied := openCopy(t, log, path)
		want := facttest.Query(t, store, factstr.AllEvents()).EventRecords[:6]
		if got := facttest.Query(t, copied, factstr.AllEvents()).EventRecords; !slices.EqualFunc(got, want, sameAs) {
			t.Errorf("the copy holds %v, want %v", got, want)
		}
		wantSound(t, mustVerify(t, copied), 6, 3)
		wantParked(t, copied, "model", "1-1 2")
		wantCursors(t, copied, "model 4+2")
		wantFound(t, 1)(copied.RedeliverAllParked(t.Context(), "model"))
		goesOn := newRecorder()
		end(t, durableTo(t, copied, "model", ofType("a"), goesOn))
		goesOn.want(t, []uint64{1}, []uint64{5})
		batches := newRecorder()
		durable(t, copied, "batches", batches)
		batches.want(t, []uint64{1}, []uint64{2, 3, 4}, []uint64{5, 6})
		// The two logs are two from now on.
		wantStillWorks(t, copied, 6)
		wantParked(t, store, "model", "1-1 2")
		appendTypes(t, store, "b")
		wantHead(t, store, 8)
		wantHead(t, copied, 7)
	}},
	{"a backup beside appends ends at a batch, and holds what was acknowledged before", func(t *testing.T, log Log) { // G3 G5
		store := open(t, log)
		stop := make(chan struct{})
		var appending sync.WaitGroup
		for range 3 {
			appending.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := store.Append(t.Context(), facttest.BatchOf("a", "b", "c")); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		defer appending.Wait()
		defer close(stop)
		for range 5 {
			acknowledged := appendTypes(t, store, "a", "b", "c").LastSequenceNumber
			path, made := backUp(t, log, store)
			if made == nil {
				continue
			}
			head := made.Head.SequenceNumber
			if head < acknowledged || head%3 != 0 {
				t.Errorf("the copy ends at %d, and %d was acknowledged", head, acknowledged)
			}
			copied := openCopy(t, log, path)
			wantSound(t, mustVerify(t, copied), head, head/3)
			wantStillWorks(t, copied, head)
		}
	}},
	{"a backup replaces nothing, is cancelled, and a closed store makes none", func(t *testing.T, log Log) { // G1
		store := open(t, log)
		appendTypes(t, store, "a")
		folder := t.TempDir()
		there := filepath.Join(folder, "there.db")
		if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		refused := func(ctx context.Context, path string, code factstr.Code) {
			t.Helper()
			if log.OpenCopy == nil && code != factstr.CodeCancelled {
				code = factstr.CodeNotImplemented // whatever the path
			}
			_, err := store.Backup(ctx, path)
			facttest.WantError(t, err, code)
		}
		refused(t.Context(), there, factstr.CodeInvalidArgument)
		refused(t.Context(), "", factstr.CodeInvalidArgument)
		refused(t.Context(), "a\x00b", factstr.CodeInvalidArgument)
		refused(t.Context(), filepath.Join(folder, "missing", "copy.db"), factstr.CodeBackendFailure)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		refused(ended, filepath.Join(folder, "copy.db"), factstr.CodeCancelled)
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := store.Backup(t.Context(), filepath.Join(folder, "copy.db"))
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		content, _ := os.ReadFile(there)
		left, _ := os.ReadDir(folder)
		if string(content) != "precious" || len(left) != 1 {
			t.Errorf("%q is left of the file, and %v in the folder", content, left)
		}
	}},
	{"a store that only reads is copied, too", func(t *testing.T, log Log) { // G1 G5
		writer := open(t, log)
		appendTypes(t, writer, "a", "b")
		reader := openToRead(t, log)
		if reader == nil {
			return
		}
		wants := []uint64{2, 3}
		for _, head := range wants {
			path, made := backUp(t, log, reader)
			if made == nil {
				return
			}
			if made.Head.SequenceNumber != head {
				t.Errorf("%+v", made)
			}
			numbers := facttest.Numbers(facttest.Query(t, openCopy(t, log, path), factstr.AllEvents()).EventRecords)
			if uint64(len(numbers)) != head || !slices.IsSorted(numbers) {
				t.Errorf("the copy holds %v", numbers)
			}
			appendTypes(t, writer, "c")
		}
	}},
	{"a backend that knows no backups says so", func(t *testing.T, log Log) {
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			return struct{ factstr.Backend }{inner}
		})
		_, err := store.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"))
		facttest.WantError(t, err, factstr.CodeNotImplemented, "backup")
	}},
}
