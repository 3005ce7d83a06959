package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/childtest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func init() {
	roles["visitor"] = openWithoutRights
}

// openWithoutRights says what an open and an append answer to a user who is not root, since root may write everywhere.
func openWithoutRights(side *childtest.Side, arguments []string) error {
	if os.Geteuid() == 0 {
		if err := setOtherUser(); err != nil {
			return err
		}
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
	type rights struct{ folder, file, others os.FileMode }
	for name, c := range map[string]struct {
		rights
		says []string
	}{
		"everything allowed":    {rights{0o777, 0o666, 0o666}, []string{"open <nil>", "query 205", "append <nil>", "durable <nil>", "live <nil>"}},
		"file only readable":    {rights{0o777, 0o444, 0o666}, []string{"open <nil>", "query 205", "append ReadOnly ", "durable ReadOnly ", "live <nil>"}},
		"file not readable":     {rights{0o777, 0o000, 0o666}, []string{"open BackendFailure permission"}},
		"folder only readable":  {rights{0o555, 0o666, 0}, []string{"open BackendFailure permission"}},
		"folder not accessible": {rights{0o000, 0o666, 0}, []string{"open BackendFailure permission"}},
	} {
		t.Run(name, func(t *testing.T) {
			// Not in the test's own folder, which others cannot reach.
			folder, err := os.MkdirTemp("", "factstr-rights")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = os.Chmod(folder, 0o777)
				_ = os.RemoveAll(folder)
			})
			path := filepath.Join(folder, "facts.sqlite")
			copyFile(t, fixture, path)
			for target, mode := range map[string]os.FileMode{path: c.file, path + "-factstr-lock": c.others} {
				if mode != 0 && target != path {
					copyFile(t, os.DevNull, target)
				}
				if err := os.Chmod(target, mode); err != nil && target == path {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(folder, c.folder); err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() != 0 && c.others == 0o600 {
				// The owner is the visitor: take the right from it too.
				if err := os.Chmod(path+"-factstr-lock", 0); err != nil {
					t.Fatal(err)
				}
			}
			visitor := childtest.Start(t, "visitor", path)
			if said := visitor.Finish(); fmt.Sprint(said) != fmt.Sprint(c.says) {
				t.Errorf("%q, want %q", said, c.says)
			}
		})
	}
}
