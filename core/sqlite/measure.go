package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// Measure adds the sizes of the files to the statistics.
func (b *backend) Measure(_ context.Context, statistics *factstr.Statistics) error {
	database, _ := stateOf(b.path)
	statistics.DatabaseBytes = database.size
	statistics.LogFileBytes = b.logFileBytes()
	statistics.IndexWatermark = b.index.watermark()
	return nil
}

func (b *backend) logFileBytes() int64 {
	log, _ := identityOf(b.path + "-wal")
	return log.size
}
