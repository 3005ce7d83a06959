package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// Measure tells the sizes of the files.
func (b *backend) Measure(_ context.Context, statistics *factstr.Statistics) error {
	database, _ := stateOf(b.path)
	statistics.DatabaseBytes = database.size
	statistics.LogFileBytes = b.logFileBytes()
	return nil
}

func (b *backend) logFileBytes() int64 {
	log, _ := stateOf(b.path + "-wal")
	return log.size
}
