package sqlite

import (
	"fmt"
	"os"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// asSeen is what another process, which looks next at a later time, has seen by now.
func (s *sides) asSeen() *sides {
	return &sides{database: s.database, log: s.log, indexDescriptor: s.indexDescriptor, changed: s.changed,
		progress: s.progress, timesAreKept: s.timesAreKept}
}

// G5 G24: a process that did nothing while others committed and checkpointed is not alarmed by
// that, and notices a backup that was copied onto the database meanwhile.
func TestAProcessThatWasIdleNoticesABackupThatWasCopiedOver(t *testing.T) {
	commit := func(t *testing.T, b *backend, number int) {
		if err := b.write(t.Context(), "append", func(c *conn) (bool, error) {
			return true, c.run(fmt.Sprintf("INSERT INTO events VALUES (%d, '%s', 'a', '{}')", number, someTime))
		}); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := func(t *testing.T, b *backend) {
		if _, err := b.checkpointer.copy("PASSIVE"); err != nil {
			t.Fatal(err)
		}
	}
	for name, others := range map[string]func(t *testing.T, b *backend){
		"nothing":    func(*testing.T, *backend) {},
		"commit":     func(t *testing.T, b *backend) { commit(t, b, 4) },
		"checkpoint": func(t *testing.T, b *backend) { commit(t, b, 4); checkpoint(t, b) },
		"begin the log again": func(t *testing.T, b *backend) {
			commit(t, b, 4)
			checkpoint(t, b)
			commit(t, b, 5)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(3, "a")...)
			facttest.Close(t, store)
			backup, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b := openTestBackend(t, path)
			if err := b.intact(); err != nil {
				t.Fatal(err)
			}
			if markAt(path+"-wal", logMark) == "" {
				t.Skip("this file system keeps no extended attributes")
			}
			quiet, idle := b.instance.sides.asSeen(), b.instance.sides.asSeen()
			others(t, b)
			if err := quiet.intact(path, b.guard); err != nil {
				t.Fatalf("what others did alarms: %v", err)
			}
			if err := os.WriteFile(path, backup, 0o600); err != nil {
				t.Fatal(err)
			}
			facttest.WantError(t, idle.intact(path, b.guard), factstr.CodeLogTruncated, "written over")
		})
	}
}
