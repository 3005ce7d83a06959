package sqlite

import (
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
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
