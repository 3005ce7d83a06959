package sqlite

import (
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
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
