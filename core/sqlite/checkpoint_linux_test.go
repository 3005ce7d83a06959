package sqlite

import (
	"context"
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// A reader that stays long leaves a large log, which is cut afterwards. The observer hears of both.
func TestALargeLogFileBecomesShortWhenTheReaderHasLeft(t *testing.T) {
	path := newPath(t)
	records, logger := facttest.NewRecords()
	store := openStoreWith(t, path, Options{Options: factstr.Options{Logger: logger}})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	size := func() int64 {
		statistics, err := store.Statistics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return statistics.LogFileBytes
	}
	raw := openRaw(t, path)
	raw.exec("BEGIN")
	raw.one("SELECT count(*) FROM events")
	for size() <= logFileMax {
		facttest.Append(t, store, largeFact(4<<20))
	}
	starved := records.Await(t, factstr.LogCheckpointStarved, 1)[0]
	if bytes, _ := starved.Attributes["log_file_bytes"].(int64); bytes <= logFileMax {
		t.Errorf("%v", starved)
	}
	raw.exec("COMMIT")
	records.Await(t, factstr.LogCheckpointCaughtUp, 1) // without anybody appending
	if size() > logFileMax {
		t.Errorf("%d bytes", size())
	}
	facttest.Append(t, store, facttest.Batch(1, "a")...)
}

// Where others write the log is theirs: a store of a short-lived program does not cut it, which
// takes long and makes their next commits slower.
func TestAStoreThatClosesBesideAWriterLeavesTheLogToIt(t *testing.T) {
	path := newPath(t)
	writer := proctest.Start(t, "told", path)
	for _, command := range []string{"open", "append"} {
		writer.Tell(command)
		writer.Expect(command + " <nil>")
	}
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("b")...)
	before, err := stateOf(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	facttest.Close(t, store)
	if after, err := stateOf(path + "-wal"); err != nil || after.size < before.size {
		t.Errorf("a log of %d bytes has %d now (%v)", before.size, after.size, err)
	}
}

func init() {
	roles["half-closed"] = func(side *proctest.Side, arguments []string) error {
		b, err := openBackend(context.Background(), arguments[0], Options{})
		if err != nil {
			return err
		}
		side.Say("open")
		side.Await()
		end := halfClosed(b)
		side.Say("closing")
		side.Await()
		end()
		return nil
	}
}

// halfClosed closes a store, up to where it gives back what it holds.
func halfClosed(b *backend) (end func()) {
	b.writing.Lock()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = b.Close()
	}()
	<-b.checkpointer.stop
	for done := false; !done; time.Sleep(time.Millisecond) {
		instances.mu.Lock()
		done = b.done
		instances.mu.Unlock()
	}
	return func() {
		b.writing.Unlock()
		<-closed
	}
}

// besideReader opens a log of eleven facts twice, to write and to read. It is not empty.
func besideReader(t *testing.T) (path string, b *backend, reader *factstr.Store) {
	t.Helper()
	path = batched(t, 10)
	b, err := openBackend(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	store := openStore(t, path)
	facttest.Append(t, store, facttest.BatchOf("a")...)
	reader = openToRead(t, path)
	facttest.Close(t, store)
	return path, b, reader
}

func wantEmptyLog(t *testing.T, path string) {
	t.Helper()
	if log, err := stateOf(path + "-wal"); err != nil || log.size > 0 {
		t.Errorf("a log of %d bytes is left to readers (%v)", log.size, err)
	}
}

// G1: of stores that close at once beside a reader one cuts the log.
func TestStoresThatCloseAtOnceLeaveNoLogToReaders(t *testing.T) {
	for _, here := range []bool{true, false} {
		t.Run(fmt.Sprintf("in one process: %t", here), func(t *testing.T) {
			path := batched(t, 10)
			store := openStore(t, path)
			var end func()
			if here {
				b, err := openBackend(t.Context(), path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				end = halfClosed(b)
			} else {
				other := proctest.Start(t, "half-closed", path)
				other.Expect("open")
				other.Tell("close")
				other.Expect("closing")
				end = func() { other.Finish() }
			}
			facttest.Append(t, store, facttest.BatchOf("a")...)
			reader := openToRead(t, path)
			facttest.Close(t, store)
			end()
			wantEmptyLog(t, path)
			facttest.WantGapless(t, reader, 11)
		})
	}
}

// A store that only reads, in the process of one that closes or before it, does not pass for one
// that writes, nor one that writes and comes later for one that only reads.
func TestTheByteOfAProcessTellsWhetherItWrites(t *testing.T) {
	path := batched(t, 10)
	other, err := oslock.OpenToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	want := func(when string, held, alone bool) {
		t.Helper()
		isHeld, err := other.Held(instancesOffset, hashMask+1)
		if err != nil {
			t.Fatal(err)
		}
		isAlone, err := other.HeldAlone(instancesOffset, hashMask+1)
		if err != nil || isHeld != held || isAlone != alone {
			t.Errorf("%s: held %t, alone %t (%v)", when, isHeld, isAlone, err)
		}
	}
	writer, reader := openStore(t, path), openToRead(t, path)
	want("a writer and a reader", true, true)
	facttest.Close(t, writer)
	want("the reader", true, false)
	writer = openStore(t, path)
	want("another writer", true, true)
	facttest.Close(t, reader)
	want("without the reader", true, true)
	facttest.Close(t, writer)
	want("closed", false, false)
}

// G1: a reader who is in the log in the moment in which the last writer closes is waited for.
func TestAStoreThatClosesWaitsForAReadThatEndsSoon(t *testing.T) {
	path, b, reader := besideReader(t)
	raw := openRaw(t, path)
	raw.exec("BEGIN")
	raw.rows("SELECT count(*) FROM events")
	reading := true
	b.checkpointer.pages = func(c *conn, mode string) (walState, error) {
		state, err := checkpoint(c, mode)
		if mode == "TRUNCATE" && reading {
			raw.exec("COMMIT")
			reading = false
		}
		return state, err
	}
	_ = b.Close()
	wantEmptyLog(t, path)
	facttest.WantGapless(t, reader, 11)
}

// A log that a reader has made long is copied beside those who open the database, which may take
// longer than they wait.
func TestALongLogThatIsLeftToReadersKeepsNoWriterOut(t *testing.T) {
	path, b, reader := besideReader(t)
	other, err := oslock.OpenToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	var copied bool
	b.checkpointer.pages = func(c *conn, mode string) (walState, error) {
		state, err := checkpoint(c, mode)
		if !copied && state.copied > 0 {
			copied = true
			if held, err := other.Held(turnstileOffset, 2); err != nil || held {
				t.Errorf("writers are kept out (%v)", err)
			}
		}
		return state, err
	}
	_ = b.Close()
	if !copied {
		t.Error("nothing was copied")
	}
	wantEmptyLog(t, path)
	facttest.WantGapless(t, reader, 11)
}
