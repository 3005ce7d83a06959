package postgres

import (
	"context"
	_ "embed"
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
)

// What is trusted of a schema
//
// The tables are the Rust store's, which creates them at each start with IF NOT EXISTS and reads no
// version. So this store finds tables that another program made, that somebody copied, restored or
// renamed, or that have the right names by chance. Before it trusts them with facts, it looks at
// all that matters in one statement (schema_inspection.go), refuses what it cannot trust with
// advice (schema_refusals.go), and creates what is missing. If nothing is missing it writes
// nothing, so a role without rights to create, or a standby, can open a store.
//
// Refused, because the contract could be broken without an error:
//
//   - views, foreign tables and so on under the name of a table: nobody knows what an insert does
//     there.
//   - columns of other types, told by the type's number; a type's name may be anybody's.
//   - a key column without a unique index that is valid and not deferred: the primary key is the
//     fence against two facts of one number (G2).
//   - tables that others inherit from: the key does not reach into children.
//   - UNLOGGED tables: the server empties them after a crash (G5).
//   - INSTEAD rules for inserts, and for updates of cursors: they drop what they are given.
//   - row level security that applies to the role: an empty context would let a condition hold
//     (G9).
//   - newer formats, other encodings than UTF-8.
//
// Welcome, because it can only add: further columns, indexes, triggers that keep the rows, rules
// that refuse updates and deletes of facts. What triggers do to an insert is compared at each
// append.
//
// Ours beside the Rust tables, each of which the store can do without: the generations of durable
// names (needed by durable streams only), the index on types, and the append function. The function
// runs with the appender's rights, so its name says nothing: body, arguments, settings and owner
// are compared (append_function.go). The look is repeated when a call fails as if the function had
// changed.
//
// Creation happens in one transaction under an advisory lock. The Rust store does not take that
// lock, so either side may fail with "exists already"; ours then looks again.
//
// Rejected: a version table of our own (the Rust store would not keep it, and a schema that was
// half restored would lie); CREATE ... IF NOT EXISTS at each opening (needs rights, takes locks,
// and says nothing about what is there); information_schema (leaves out what the role has no right
// on).
//
// See also core/DESIGN.md: "the append function is used only if it is exactly this schema's".

//go:embed migrations/0001_store.sql
var storeSchema string

//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

//go:embed migrations/0003_type_index.sql
var typeIndexSchema string

//go:embed migrations/0005_parked_batches.sql
var parkedSchema string

// currentSchema returns the schema in which the connection's own settings would create tables.
func currentSchema(ctx context.Context, s *session) (schema string, err error) {
	err = s.rows(ctx, "SELECT pg_catalog.current_schema()::pg_catalog.text", func(row [][]byte) bool {
		schema = string(row[0])
		return false
	})
	if err == nil && schema == "" {
		err = factstr.NewError(factstr.CodeInvalidArgument,
			"no schema of the connection's search_path exists; create one, or name it by the option schema")
	}
	if err == nil && checkSchemaName(schema) != nil { // such as pg_temp, whose tables end with the session
		err = factstr.NewError(factstr.CodeInvalidArgument,
			"the connection's search_path begins with %s, which is PostgreSQL's own; name another by the option schema",
			schema)
	}
	return schema, failure("opening", err)
}

// prepareSchema checks the format and creates what is missing, as far as the role may. If nothing
// is missing it writes nothing.
func prepareSchema(ctx context.Context, s *session, schema string, readOnly bool) (*inspection, error) {
	f, err := inspect(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(schema); err != nil {
		return nil, err
	}
	if readOnly && !s.server.inRecovery {
		return f, f.checkReadable(schema)
	}
	if s.server.inRecovery || f.complete() && f.durables && f.parks && f.function.ours() && !f.lacksIndexAtOnce() {
		return f, readable(f, s, schema)
	}
	if f.complete() && !f.mayCreate {
		return f, nil // our own additions are optional
	}
	before := f
	// The Rust store does not take the lock of create: if both create at once, either may fail.
	for try := 0; ; try++ {
		f, err = create(ctx, s, schema)
		switch state(err) {
		case uniqueViolation, "42P07", "42710", "42P06", "40P01", "42723", "XX000":
			if try < 5 {
				continue
			}
		}
		if state(err) == deniedPrivilege && before.usable() {
			return before, nil // the tables that formats before 0.5 lack are optional, too
		}
		if err != nil {
			return nil, failure("creating the store in schema "+strconv.Quote(schema), err)
		}
		return f, nil
	}
}

func create(ctx context.Context, s *session, schema string) (*inspection, error) {
	in := spellingIn(schema, "{concurrently}", "")
	begin := "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning; "
	if err := s.script(ctx, begin+takeLock(lockKey("create", schema, ""))); err != nil {
		return nil, err
	}
	committed := false
	defer func() {
		if !committed && s.alive() {
			_ = s.script(ctx, "ROLLBACK") // if that fails, the session is dropped
		}
	}()
	f, err := inspect(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(schema); err != nil {
		return nil, err
	}
	var missing []string
	if !f.schema {
		missing = append(missing, "CREATE SCHEMA IF NOT EXISTS {schema}")
	}
	if !f.complete() {
		missing = append(missing, storeSchema)
		f.owner = f.owner || len(f.columns["events"]) == 0
	}
	if !f.durables {
		missing = append(missing, durableStreamsSchema)
	}
	if !f.parks {
		missing = append(missing, parkedSchema)
	}
	if f.lacksIndexAtOnce() {
		missing = append(missing, typeIndexSchema)
	}
	for _, text := range missing {
		if err := s.script(ctx, in.Replace(text)); err != nil {
			return nil, err
		}
	}
	if !f.function.ours() {
		if err := createFunction(ctx, s, schema, f.function); err != nil {
			return nil, err
		}
	}
	if err := s.script(ctx, "COMMIT"); err != nil {
		return nil, err
	}
	committed = true
	return inspect(ctx, s, schema)
}
