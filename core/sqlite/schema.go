package sqlite

import (
	"database/sql/driver"
	_ "embed"
	"slices"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// The format is that of the Rust store, which creates the same tables and reads no version: every statement leaves alone what exists.
//
//go:embed migrations/0001_store.sql
var storeSchema string

// The cursor generations are made with the first durable stream.
//
//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

var tables = []struct {
	name    string
	columns []string
}{
	{"events", []string{"sequence_number", "occurred_at", "event_type", "payload"}},
	{"append_batches", []string{"first_sequence_number", "last_sequence_number"}},
	{"subscriber_cursors", []string{"subscriber_id", "event_query", "last_processed_sequence_number"}},
	{"store_metadata", []string{"key", "value"}},
}

const schemaObjects = `SELECT count(*) FROM sqlite_master WHERE name IN
	('events', 'append_batches', 'store_metadata', 'subscriber_cursors', 'idx_events_type', 'idx_events_occurred_at')`

// prepareSchema checks the format and creates what is missing, in one transaction. It takes the write lock only when there is something to write.
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
	if err := c.run("COMMIT"); err != nil {
		return failure("creating the store", err)
	}
	return nil
}

// checkFormat refuses what is not a store or a newer one, and tells whether a store is complete.
func checkFormat(c *conn, path string) (complete bool, err error) {
	objects, err := c.one(schemaObjects)
	if err != nil {
		return false, failure("reading the format of "+path, err)
	}
	for _, table := range tables {
		have, err := columns(c, table.name)
		if err != nil {
			return false, failure("reading the format of "+path, err)
		}
		for _, column := range table.columns {
			if len(have) > 0 && !slices.Contains(have, column) {
				return false, factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s is not a factstr store: its table %s has no column %s; give another path", path, table.name, column)
			}
		}
	}
	version, err := metadata(c, "store_format_version")
	if err != nil {
		return false, failure("reading the format of "+path, err)
	}
	boundaries, err := metadata(c, "append_batch_boundary_format")
	switch {
	case err != nil:
		return false, failure("reading the format of "+path, err)
	case version != "" && version != "1":
		return false, factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s has store_format_version %s, this library reads 1; open it with a newer version", path, version)
	case boundaries != "" && boundaries != "sparse_v1":
		return false, factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s has append_batch_boundary_format %s, this library reads sparse_v1; open it with a newer version", path, boundaries)
	case boundaries == "":
		return false, checkDense(c, path)
	}
	return version != "" && objects == int64(6), nil
}

// checkDense lets a store of before 0.5 pass, where every batch has its row. One without the marker is sound only if the rows cover the whole log.
func checkDense(c *conn, path string) error {
	have, err := columns(c, "events")
	if err != nil || len(have) == 0 {
		return failure("reading the format of "+path, err)
	}
	next, contiguous := int64(1), true
	if have, err = columns(c, "append_batches"); err == nil && len(have) > 0 {
		err = c.each("SELECT first_sequence_number, last_sequence_number FROM append_batches ORDER BY first_sequence_number", func(row []driver.Value) bool {
			first, _ := row[0].(int64)
			last, _ := row[1].(int64)
			contiguous = first == next && last >= first
			next = last + 1
			return contiguous
		})
	}
	if err != nil {
		return failure("reading the format of "+path, err)
	}
	last, err := c.one("SELECT coalesce(max(sequence_number), 0) FROM events")
	if err != nil {
		return failure("reading the format of "+path, err)
	}
	if !contiguous || last != next-1 {
		return factstr.NewError(factstr.CodeUnsupportedFormat,
			"sqlite: %s has no marker append_batch_boundary_format and its append_batches do not cover the log without a gap, so batches cannot be told; import its events into a new store", path)
	}
	return nil
}

func columns(c *conn, table string) (names []string, err error) {
	err = c.each("SELECT name FROM pragma_table_info(?1)", func(row []driver.Value) bool {
		name, _ := row[0].(string)
		names = append(names, name)
		return true
	}, table)
	return names, err
}

func metadata(c *conn, key string) (string, error) {
	have, err := columns(c, "store_metadata")
	if err != nil || len(have) == 0 {
		return "", err
	}
	value, err := c.one("SELECT value FROM store_metadata WHERE key = ?1", key)
	text, _ := value.(string)
	return text, err
}

// useWAL turns write-ahead logging on. SQLite does not wait by itself while another connection does the same.
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
