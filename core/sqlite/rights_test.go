//go:build linux

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["visitor"] = openWithoutRights
	roles["shut-out"] = appendAndDeliver
}

// becomeOther gives up root's rights, since root may do everything.
func becomeOther() error {
	if os.Geteuid() != 0 {
		return nil
	}
	return setOtherUser()
}

// folderForOthers makes a folder whose rights can be changed. Others cannot reach the test's own.
func folderForOthers(t *testing.T) (path string) {
	t.Helper()
	path, err := os.MkdirTemp("", "factstr-rights")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.Chmod(path, 0o777)
		_ = os.RemoveAll(path)
	})
	return path
}

// appendAndDeliver appends a fact for each line that it reads, and says the results and what a
// durable stream gets.
func appendAndDeliver(side *proctest.Side, arguments []string) error {
	if err := becomeOther(); err != nil {
		return err
	}
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "projection"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("delivered %d", batch[0].SequenceNumber)
		return nil
	}))
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil {
		return err
	}
	for side.Say("ready"); ; {
		if _, more := side.Await(); !more {
			return store.Close(ctx)
		}
		if _, err := store.Append(ctx, facttest.Batch(1, "a")); err != nil {
			var failure *factstr.Error
			errors.As(err, &failure)
			_, unread := store.Query(ctx, factstr.AllEvents())
			side.Say("append %s %s, query %s", failure.Code, failure.Reason, factstr.CodeOf(unread))
			continue
		}
		side.Say("appended")
	}
}

// openWithoutRights says what an opening and an append return to a user other than root.
func openWithoutRights(side *proctest.Side, arguments []string) error {
	if err := becomeOther(); err != nil {
		return err
	}
	say := func(what string, err error) {
		var failure *factstr.Error
		if errors.As(err, &failure) {
			side.Say("%s %s %s", what, failure.Code, failure.Reason)
		} else {
			side.Say("%s %v", what, err)
		}
	}
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	say("open", err)
	if err != nil {
		return nil
	}
	result, err := store.Query(ctx, factstr.AllEvents())
	if err != nil {
		return err
	}
	side.Say("query %d", len(result.EventRecords))
	_, err = store.Append(ctx, facttest.Batch(1, "visited"))
	say("append", err)
	_, err = store.StreamAllDurable(ctx, factstr.DurableStream{Name: "visitor"}, facttest.NewDeliveries(nil))
	say("durable", err)
	_, err = store.StreamAll(ctx, facttest.NewDeliveries(nil))
	say("live", err)
	return store.Close(ctx)
}

func TestAFileOrFolderWithoutRightsIsToldAsSuch(t *testing.T) { // G5
	type rights struct{ folder, file os.FileMode }
	for name, c := range map[string]struct {
		rights
		says []string
	}{
		"everything allowed":    {rights{0o777, 0o666}, []string{"open <nil>", "query 205", "append <nil>", "durable <nil>", "live <nil>"}},
		"file only readable":    {rights{0o777, 0o444}, []string{"open <nil>", "query 205", "append ReadOnly ", "durable ReadOnly ", "live <nil>"}},
		"file not readable":     {rights{0o777, 0o000}, []string{"open BackendFailure permission"}},
		"folder only readable":  {rights{0o555, 0o666}, []string{"open BackendFailure permission"}},
		"folder not accessible": {rights{0o000, 0o666}, []string{"open BackendFailure permission"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := folderForOthers(t)
			path := filepath.Join(folder, "facts.sqlite")
			copyFile(t, fixture, path)
			if err := os.Chmod(path, c.file); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(folder, c.folder); err != nil {
				t.Fatal(err)
			}
			visitor := proctest.Start(t, "visitor", path)
			if said := visitor.Finish(); fmt.Sprint(said) != fmt.Sprint(c.says) {
				t.Errorf("%q, want %q", said, c.says)
			}
		})
	}
}

// G5 G21: a folder that may not be searched for some time does not mean that the database was taken
// away.
func TestAFolderWithoutRightsForAWhileEndsNoStream(t *testing.T) {
	folder := folderForOthers(t)
	allow := func(mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(folder, mode); err != nil {
			t.Fatal(err)
		}
	}
	allow(0o777)
	child := proctest.Start(t, "shut-out", filepath.Join(folder, "facts.sqlite"))
	child.Expect("ready")
	// The stream may get a fact before its append returns, which looks at the files after the
	// commit: without rights then, it could not know whether they are the same.
	appended := func(delivered string) {
		t.Helper()
		child.Tell("append")
		first, _ := child.Hear()
		second, _ := child.Hear()
		if said := []string{first, second}; !slices.Contains(said, "appended") || !slices.Contains(said, delivered) {
			t.Fatalf("%q, want an append and %s", said, delivered)
		}
	}
	appended("delivered 1")
	allow(0)
	child.Tell("append")
	child.Expect("append BackendFailure permission, query BackendFailure")
	allow(0o777)
	appended("delivered 2")
	if rest := child.Finish(); len(rest) > 0 {
		t.Errorf("%q", rest)
	}
}
