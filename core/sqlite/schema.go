package sqlite

import (
	"database/sql/driver"
	_ "embed"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// The format is that of the Rust store, which creates the same tables and reads no version: every
// statement leaves alone what exists.
//
//go:embed migrations/0001_store.sql
var storeSchema string

// The cursor generations are made with the first durable stream.
//
//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

// Their locks' numbers too.
//
//go:embed migrations/0003_durable_names.sql
var durableNamesSchema string

const schemaObjects = `SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'index') AND lower(name) IN
	('events', 'append_batches', 'store_metadata', 'subscriber_cursors', 'idx_events_type', 'idx_events_occurred_at')`

// prepareSchema checks the format and creates what is missing, in one transaction. It takes the
// write lock only when there is something to write.
func prepareSchema(c *conn, path string) error {
	complete, err := checkFormat(c, path)
	if err != nil || complete {
		return err
	}
	if err := c.run("BEGIN IMMEDIATE"); err != nil {
		return failure("creating the store", err)
	}
	defer func() { _ = rollback(c) }()
	// Another process may have done it, or something else, in the meantime.
	if complete, err = checkFormat(c, path); err != nil || complete {
		return err
	}
	if err := c.script(storeSchema); err != nil {
		return failure("creating the store", err)
	}
	// What was created has to go together with what was there.
	if _, err := checkFormat(c, path); err != nil {
		return err
	}
	if err := c.run("COMMIT"); err != nil {
		return failure("creating the store", err)
	}
	return nil
}

// checkFormat refuses what is not a store or a newer one, and tells whether a store is complete.
func checkFormat(c *conn, path string) (complete bool, err error) {
	if err := checkTables(c, path); err != nil {
		return false, failure("reading the format of "+path, err)
	}
	objects, err := c.one(schemaObjects)
	if err != nil {
		return false, failure("reading the format of "+path, err)
	}
	marked, err := markers(c)
	if err != nil {
		return false, failure("reading the format of "+path, err)
	}
	if err := marked.Check("sqlite", path); err != nil {
		return false, err
	}
	return marked.Complete() && objects == int64(6), nil
}

func markers(c *conn) (marked rustformat.Markers, err error) {
	there, err := c.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = 'store_metadata'")
	if err != nil || there == nil {
		return marked, err
	}
	err = c.each("SELECT key, value FROM store_metadata", func(row []driver.Value) bool {
		if key, isText := row[0].(string); isText {
			marked.Read(key, textOf(row[1]))
		}
		return true
	})
	return marked, err
}

// useWAL turns write-ahead logging on. SQLite does not wait by itself while another connection does
// the same.
func useWAL(c *conn, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		mode, err := c.one("PRAGMA journal_mode = WAL")
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: write-ahead logging is not possible here (journal_mode stays %v); use a local file system", mode)
		}
		if converted := failure("turning write-ahead logging on", err); factstr.CodeOf(converted) != factstr.CodeBusy || time.Now().After(deadline) {
			return converted
		}
		time.Sleep(5 * time.Millisecond)
	}
}
