package sqlite

import (
	_ "embed"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// storeSchema is the format that package rustformat describes. Every statement leaves alone what
// exists.
//
//go:embed migrations/0001_store.sql
var storeSchema string

// durableStreamsSchema holds the generations of cursors. It is made with the first durable stream.
//
//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

// durableNamesSchema holds the slots of leases. It is made with the first durable stream, too.
//
//go:embed migrations/0003_durable_names.sql
var durableNamesSchema string

// durableHoldersSchema tells people who has a name. It is made with the first durable stream, too.
//
//go:embed migrations/0004_durable_holders.sql
var durableHoldersSchema string

// parkedSchema holds parked batches. It is made with the first durable stream, too.
//
//go:embed migrations/0005_parked_batches.sql
var parkedSchema string

const schemaObjects = `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND lower(name) IN
	('events', 'append_batches', 'store_metadata', 'subscriber_cursors')`

// The Rust store makes two more indexes whenever it opens a database, idx_events_type and
// idx_events_occurred_at. This store neither makes nor drops them: they cost a third of a batch,
// queries find types in the term index, and nothing asks for times. Where the one on types is, also
// if it comes or goes while the store is open, it is used.
const typeIndexThere = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND lower(name) = 'idx_events_type'"

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
	// Another process may have created it, or changed something else, in the meantime.
	if complete, err = checkFormat(c, path); err != nil || complete {
		return err
	}
	if err := c.script(storeSchema); err != nil {
		return failure("creating the store", err)
	}
	// What was created must fit what was there.
	if _, err := checkFormat(c, path); err != nil {
		return err
	}
	if err := c.run("COMMIT"); err != nil {
		return failure("creating the store", err)
	}
	return nil
}

// checkFormat refuses a database that is not a store, or a newer one, and reports whether the store
// is complete.
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
	return marked.Complete() && objects == int64(4), nil
}

func markers(c *conn) (marked rustformat.Markers, err error) {
	there, err := c.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = 'store_metadata'")
	if err != nil || there == nil {
		return marked, err
	}
	err = c.each("SELECT key, value FROM store_metadata", func(row []any) bool {
		if key, isText := row[0].(string); isText {
			marked.Read(key, textOf(row[1]))
		}
		return true
	})
	return marked, err
}

// databaseMagic is what every database begins with.
const databaseMagic = "SQLite format 3\x00"

// checkHeader refuses a file that is not a database before anything is created beside it.
func checkHeader(path string, file *oslock.File) error {
	header := make([]byte, len(databaseMagic))
	n, _ := file.ReadAt(header, 0)
	if n > 0 && string(header[:n]) != databaseMagic {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s is not a SQLite database; give another path", path)
	}
	return nil
}

// sameSchema checks the tables again after somebody has changed the schema, so that an open store
// never uses tables that it would not open.
func (b *backend) sameSchema(c *conn) error {
	value, err := c.one("PRAGMA schema_version")
	if err != nil {
		return failure("reading the format of "+b.path, err)
	}
	version, _ := value.(int64)
	if version == b.schema.Load() {
		return nil
	}
	complete, err := checkFormat(c, b.path)
	if err == nil && !complete {
		err = factstr.NewError(factstr.CodeUnsupportedFormat,
			"sqlite: tables of the store in %s were dropped while it was open; close the store and open it again", b.path)
	}
	var there any
	if err == nil {
		there, err = c.one(typeIndexThere)
	}
	if err == nil {
		b.typeIndex.Store(there != nil)
		b.schema.Store(version)
	}
	return err
}
