package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() { roles["told"] = doAsTold }

// doAsTold opens a store, appends a fact to it and closes it when it is told to.
func doAsTold(side *proctest.Side, arguments []string) error {
	var store *factstr.Store
	for ctx := context.Background(); ; {
		command, more := side.Await()
		var err error
		switch command {
		case "open":
			store, err = Open(ctx, arguments[0], Options{})
		case "append":
			_, err = store.Append(ctx, facttest.Batch(1, "told"))
		case "close":
			err = store.Close(ctx)
		}
		if !more {
			return nil
		}
		side.Say("%s %v", command, err)
	}
}

func openToRead(t *testing.T, path string) *factstr.Store {
	t.Helper()
	store, err := Open(t.Context(), path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { facttest.Close(t, store) })
	return store
}

// wantReads checks that a store reads everything, in every way, and refuses whatever would write.
func wantReads(t *testing.T, store *factstr.Store, head uint64) {
	t.Helper()
	ctx := t.Context()
	if found := facttest.Query(t, store, factstr.AllEvents().AtMost(3)); *found.CurrentContextVersion != head || len(found.EventRecords) != 3 {
		t.Errorf("a query returned %+v", found)
	}
	rows := uint64(0)
	for _, err := range store.Read(ctx, factstr.AllEvents()) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != head {
		t.Errorf("%d rows were read", rows)
	}
	deliveries := facttest.NewDeliveries(nil)
	stream, err := store.StreamFrom(ctx, head-1, factstr.AllEvents(), deliveries)
	if err == nil {
		err = stream.WaitReady(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	report, err := store.Verify(ctx)
	if err != nil || len(report.Findings) > 0 || report.Facts != head {
		t.Errorf("verified: %v %+v", err, report)
	}
	refused := func(err error) {
		t.Helper()
		facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
	}
	_, err = store.Append(ctx, facttest.BatchOf("a"))
	refused(err)
	_, err = store.AppendIf(ctx, facttest.BatchOf("a"), factstr.OfTypes("none"), nil)
	refused(err)
	_, err = store.StreamAllDurable(ctx, factstr.DurableStream{Name: "mine"}, facttest.NewDeliveries(nil))
	refused(err)
	refused(store.CursorReset(ctx, "all", 0))
	refused(store.CursorDelete(ctx, "all"))
	_, err = store.DiscardAllParked(ctx, "all")
	refused(err)
	_, err = store.Append(ctx, nil)
	facttest.WantError(t, err, factstr.CodeEmptyAppend)
	stream.Unsubscribe()
}

// G1 G5 G6 G15: a store that only reads sees what others commit, and changes nothing.
func TestAStoreThatOnlyReadsStandsBesideAWriter(t *testing.T) {
	path := batched(t, 100)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	alone := openToRead(t, path)
	wantReads(t, alone, 100)
	facttest.Close(t, alone)
	if after, err := os.ReadFile(path); err != nil || !slices.Equal(before, after) {
		t.Errorf("the database was changed: %v", err)
	}

	writer := openStore(t, path)
	reader := openToRead(t, path)
	wantReads(t, reader, 100)
	delivered := make(chan uint64, 1)
	_, err = reader.StreamAll(t.Context(), factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		delivered <- batch[0].SequenceNumber
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	facttest.Append(t, writer, facttest.BatchOf("seen by others")...)
	if got := <-delivered; got != 101 {
		t.Errorf("delivered %d", got)
	}
	wantReads(t, reader, 101)
	facttest.Close(t, writer) // the reader keeps the log
	wantReads(t, reader, 101)
	facttest.Append(t, openStore(t, path), facttest.BatchOf("again")...)
	wantReads(t, reader, 102)
}

// G1: until a reader that opens has the log open, too, the last one who closes the database removes
// the log. The reader has no lock that stands for the removed one, which would keep out whoever
// comes next.
func TestAnOpeningToReadBesideAClosingStoreKeepsNobodyOut(t *testing.T) {
	path := newPath(t)
	closing := openStore(t, path)
	guard, err := oslock.OpenToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = guard.Close() }()
	if err := checkSides(path, guard); err != nil {
		t.Fatal(err)
	}
	facttest.Close(t, closing)
	facttest.Append(t, openStore(t, path), facttest.BatchOf("after it")...)
}

func TestAStoreThatOnlyReadsMakesNothing(t *testing.T) { // G1
	folder := t.TempDir()
	for name, c := range map[string]struct {
		make func(path string) error
		code factstr.Code
	}{
		"missing":        {func(string) error { return nil }, factstr.CodeBackendFailure},
		"missing/folder": {func(string) error { return nil }, factstr.CodeBackendFailure},
		"empty":          {func(path string) error { return os.WriteFile(path, nil, 0o600) }, factstr.CodeUnsupportedFormat},
		"no store": {func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			execute(t, path, "CREATE TABLE t (x)")
			return nil
		}, factstr.CodeUnsupportedFormat},
	} {
		path := filepath.Join(folder, name)
		if err := c.make(path); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path, Options{ReadOnly: true})
		facttest.WantError(t, err, c.code, "read_only")
	}
	if left := names(t, folder); slices.Contains(left, "missing") {
		t.Errorf("%q", left)
	}
	path := batched(t, 10)
	execute(t, path, "PRAGMA journal_mode = DELETE")
	_, err := Open(t.Context(), path, Options{ReadOnly: true})
	facttest.WantError(t, err, factstr.CodeUnsupportedFormat, "write-ahead", "read_only")
}
