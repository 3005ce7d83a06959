package sqlite

import (
	"fmt"
	"os"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// G8 G12: the head that a store knows is not taken for the real one after any other program has
// committed, be it a fact, its removal, or nothing that concerns the store.
func TestAKnownHeadIsReadAgainAfterAnotherProgramHasCommitted(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	raw := openRaw(t, path)
	for n := 1; n < 60; n += 3 {
		Append(t, store, Batch(1, "ours")...)
		if got := len(All(t, store)); got != n {
			t.Fatalf("%d facts after an append, want %d", got, n)
		}
		for i := 1; i <= 2; i++ {
			raw.exec(fmt.Sprintf("INSERT INTO events VALUES (%d, '%s', 'theirs', '{}')", n+i, someTime))
			if got := len(All(t, store)); got != n+i {
				t.Fatalf("%d facts after another program's commit, want %d", got, n+i)
			}
		}
		raw.exec(fmt.Sprintf("PRAGMA user_version = %d", n))
		if n%2 == 0 {
			raw.exec("PRAGMA wal_checkpoint(TRUNCATE)")
		}
	}
}

// G8: a query that nothing has happened before asks SQLite for nothing, and neither does one after
// an append of the store.
func TestAHeadIsKnownAfterItWasReadAndAfterAnAppend(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	raw := openRaw(t, b.path)
	known := func(what string, want bool) {
		t.Helper()
		if _, ok, err := b.headNow(); ok != want || err != nil {
			t.Errorf("%s: known %t, error %v", what, ok, err)
		}
	}
	known("before anything", false)
	raw.exec("PRAGMA user_version = 1")
	known("after another program's commit", false)
	if _, err := b.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	known("after it was read", true)
	raw.exec("PRAGMA user_version = 2")
	known("after another program's next commit", false)
	appended := func(c *conn) (bool, error) {
		b.appended = factstr.Head{SequenceNumber: 1, OccurredAt: someTime}
		return true, c.run("INSERT INTO events VALUES (1, '" + someTime + "', 'a', '{}')")
	}
	if err := b.write(t.Context(), "append", appended); err != nil {
		t.Fatal(err)
	}
	known("after an append", true)
	if err := b.write(t.Context(), "cursor", func(c *conn) (bool, error) {
		return true, c.run("INSERT INTO store_metadata VALUES ('color', 'blue')")
	}); err != nil {
		t.Fatal(err)
	}
	known("after a commit that appends nothing", false)
}

// G8: between this store's COMMIT and its look at the header, another program may have committed.
// Then the counter has gone two further, and the header says nothing about our head.
func TestTheStateAfterTwoCommitsIsNotThatOfOurs(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	raw := openRaw(t, b.path)
	var states []logState
	for n := range 4 {
		raw.exec(fmt.Sprintf("PRAGMA user_version = %d", n+1))
		if n == 2 {
			raw.exec("PRAGMA wal_checkpoint(TRUNCATE)") // the log begins again
		}
		state, valid := b.logState()
		if !valid {
			t.Fatal("no header")
		}
		states = append(states, state)
	}
	for i, state := range states {
		for j, before := range states[:i] {
			if got, want := state.follows(before), i == j+1; got != want || state == before {
				t.Errorf("state %d follows %d: %t; equal: %t", i, j, got, state == before)
			}
		}
	}
}

// G24: the header of a log without a frame has no salt, so it may be that of two states of the
// database. It names one together with the database's time of change, once that is old enough.
func TestTheHeadOfALogWithoutASaltIsKeptForAnUnchangedFileOnly(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	Append(t, store, Batch(3, "a")...)
	Close(t, store)
	for name, ago := range map[string]time.Duration{"just changed": 0, "changed long ago": time.Hour} {
		t.Run(name, func(t *testing.T) {
			changed := time.Now().Add(-ago)
			if err := os.Chtimes(path, changed, changed); err != nil {
				t.Fatal(err)
			}
			b := openTestBackend(t, path)
			if !b.instance.sides.keepTimes() {
				t.Skip("the file system keeps no times of change")
			}
			if head, err := b.Head(t.Context()); err != nil || head.SequenceNumber != 3 {
				t.Fatalf("%v, error %v", head, err)
			}
			if _, ok, _ := b.headNow(); ok != (ago > 0) {
				t.Errorf("the head is known: %t", ok)
			}
			earlier := changed.Add(-time.Hour)
			if err := os.Chtimes(path, earlier, earlier); err != nil {
				t.Fatal(err)
			}
			if state, _ := b.logState(); ago > 0 {
				if _, _, ok := b.head.of(state); ok {
					t.Error("the head is known for a file that was changed since")
				}
			}
		})
	}
}
