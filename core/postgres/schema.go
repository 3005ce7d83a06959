package postgres

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
)

// The format is that of the Rust store, which creates the same tables and reads no version: every
// statement leaves alone what exists.
//
//go:embed migrations/0001_store.sql
var storeSchema string

//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

//go:embed migrations/0003_type_index.sql
var typeIndexSchema string

// indexAtOnceMax is the size of a log whose index on types is built while opening; for a larger one
// it is built beside the writers.
const indexAtOnceMax = 200_000

// column is one that the store needs, of the type that the Rust store gives it.
type column struct{ name, is string }

// typeNumbers are the server's. The name of a type may be another's in somebody's search_path.
var typeNumbers = map[string]int{"bigint": typeInt8, "text": typeText, "jsonb": typeJSON, "timestamp with time zone": typeTimestamp}

// tables are those of the Rust format. The first column of each is its key.
var tables = []struct {
	name    string
	columns []column
}{
	{"events", []column{{"sequence_number", "bigint"}, {"occurred_at", "timestamp with time zone"}, {"event_type", "text"}, {"payload", "jsonb"}}},
	{"append_batches", []column{{"first_sequence_number", "bigint"}, {"last_sequence_number", "bigint"}}},
	{"durable_stream_cursors", []column{{"durable_stream_id", "text"}, {"event_query", "text"}, {"last_processed_sequence_number", "bigint"}}},
	{"store_metadata", []column{{"key", "text"}, {"value", "text"}}},
	{generationsTable, []column{{"name", "text"}, {"generation", "bigint"}, {"exact_query", "text"}}}, // ours
}

const generationsTable = "factstr_durable_streams"

// found is what a schema holds.
type found struct {
	schema    bool                         // exists
	others    map[string]bool              // that are no tables: views, sequences and so on
	columns   map[string]map[string]string // of each table, with their types: number, modifier and spelling
	keys      map[string][]string          // columns of each table that are unique
	indexes   map[string]bool              // true: usable
	odd       []oddity
	function  functionFound
	durables  bool // the table of generations
	head      int64
	version   string
	boundary  string
	mayCreate bool // in the schema, or the schema itself
	owner     bool // of the events
}

// oddity is what makes a table of the store one that is not to be trusted with facts, or not in
// full view.
type oddity struct{ table, kind, detail string }

// usable reports whether there is a log, though something beside it may be missing.
func (f *found) usable() bool {
	return len(f.columns["events"]) > 0 && len(f.columns["append_batches"]) > 0
}

// complete reports whether the store of the Rust format is there.
func (f *found) complete() bool {
	for _, table := range tables {
		if len(f.columns[table.name]) == 0 && table.name != generationsTable {
			return false
		}
	}
	for _, index := range []string{"idx_events_type", "idx_events_occurred_at", "idx_events_payload_gin"} {
		if _, ok := f.indexes[index]; !ok && f.owner {
			return false // without the right to make it the store goes without, slower
		}
	}
	return f.version != "" && f.boundary != ""
}

const typeIndex = "factstr_events_type_sequence"

// currentSchema is where the connection's own settings would create tables.
func currentSchema(ctx context.Context, s *session) (schema string, err error) {
	err = s.rows(ctx, "SELECT pg_catalog.current_schema()::pg_catalog.text", func(row [][]byte) bool {
		schema = string(row[0])
		return false
	})
	if err == nil && schema == "" {
		err = factstr.NewError(factstr.CodeInvalidArgument, "no schema of the connection's search_path exists; create one, or name it by the option schema")
	}
	return schema, failure("opening", err)
}

// prepareSchema checks the format and creates what is missing as far as the role may. It writes
// nothing when nothing is missing.
func prepareSchema(ctx context.Context, s *session, schema string) (*found, error) {
	f, err := inspect(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(schema); err != nil {
		return nil, err
	}
	if s.server.inRecovery || f.complete() && f.durables && f.function.ours() && !f.lacksIndexAtOnce() {
		return f, readable(f, s, schema)
	}
	if f.complete() && !f.mayCreate {
		return f, nil // what is ours can be done without
	}
	before := f
	// Two processes that create at once: the Rust store's does not wait for this lock, so one of
	// them may fail and look again.
	for try := 0; ; try++ {
		f, err = create(ctx, s, schema)
		switch state(err) {
		case uniqueViolation, "42P07", "42710", "42P06", "40P01", "42723", "XX000":
			if try < 5 {
				continue
			}
		}
		if state(err) == deniedPrivilege && before.usable() {
			return before, nil // so can what a newer store than that of before 0.5 has beside its facts
		}
		if err != nil {
			return nil, failure("creating the store in schema "+strconv.Quote(schema), err)
		}
		return f, nil
	}
}

// readable refuses a standby that holds no store.
func readable(f *found, s *session, schema string) error {
	if s.server.inRecovery && !f.usable() {
		return factstr.NewError(factstr.CodeReadOnly, "postgres: schema %q holds no store and the server is a standby; open the store on the primary first", schema)
	}
	return nil
}

func (f *found) lacksIndexAtOnce() bool {
	return !f.indexes[typeIndex] && f.owner && f.head <= indexAtOnceMax
}

func create(ctx context.Context, s *session, schema string) (*found, error) {
	in := spellingIn(schema, "{concurrently}", "")
	if err := s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning; "+takeLock(lockKey("create", schema, ""))); err != nil {
		return nil, err
	}
	committed := false
	defer func() {
		if !committed && s.alive() {
			_ = s.script(ctx, "ROLLBACK") // without it the session is dropped
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

// inspection asks for everything of a schema, $1, and for the oddities of the tables $2. Rules are
// those of INSERT, '3', and where the store does so of UPDATE, '2': others keep facts from being
// changed.
var inspection = spelled(`SELECT 'column', c.relname::pg_catalog.text, a.attname::pg_catalog.text, pg_catalog.concat(a.atttypid, ' ', a.atttypmod, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod)) FROM pg_catalog.pg_namespace n
		JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid AND c.relkind {=} ANY (` + plainTables + `)
		JOIN pg_catalog.pg_attribute a ON a.attrelid {=} c.oid AND a.attnum {>} 0 AND NOT a.attisdropped WHERE n.nspname {=} $1
	UNION ALL SELECT 'other', c.relname::pg_catalog.text, '', '' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid AND c.relkind {<>} ALL (` + plainTables + `) WHERE n.nspname {=} $1
	UNION ALL SELECT 'key', c.relname::pg_catalog.text, a.attname::pg_catalog.text, '' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid
		JOIN pg_catalog.pg_index i ON i.indrelid {=} c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts {=} 1
		JOIN pg_catalog.pg_attribute a ON a.attrelid {=} c.oid AND a.attnum {=} i.indkey[0] WHERE n.nspname {=} $1
	UNION ALL SELECT 'index', c.relname::pg_catalog.text, i.indisvalid::pg_catalog.text, '' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid
		JOIN pg_catalog.pg_index i ON i.indexrelid {=} c.oid WHERE n.nspname {=} $1
	UNION ALL SELECT 'schema', n.nspname::pg_catalog.text, pg_catalog.has_schema_privilege(n.oid, 'CREATE')::pg_catalog.text, '' FROM pg_catalog.pg_namespace n WHERE n.nspname {=} $1
	UNION ALL SELECT 'database', '', pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::pg_catalog.text, ''
	UNION ALL SELECT 'owner', '', pg_catalog.pg_has_role(c.relowner, 'USAGE')::pg_catalog.text, '' FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid WHERE n.nspname {=} $1 AND c.relname {=} 'events'
	UNION ALL SELECT 'encoding', '', pg_catalog.getdatabaseencoding()::pg_catalog.text, ''
	UNION ALL SELECT 'odd', c.relname::pg_catalog.text, o.kind, o.detail FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid
		CROSS JOIN LATERAL (SELECT 'hidden', current_user::pg_catalog.text WHERE c.relkind {=} ANY (` + plainTables + `) AND pg_catalog.row_security_active(c.oid)
			UNION ALL SELECT 'unlogged', '' WHERE c.relpersistence {<>} 'p'
			UNION ALL SELECT 'children', h.inhrelid::pg_catalog.regclass::pg_catalog.text FROM pg_catalog.pg_inherits h WHERE h.inhparent {=} c.oid AND c.relkind {=} 'r'
			UNION ALL SELECT 'rule', r.rulename::pg_catalog.text FROM pg_catalog.pg_rewrite r WHERE r.ev_class {=} c.oid AND r.is_instead AND r.ev_enabled {<>} 'D'
				AND (r.ev_type {=} '3' OR r.ev_type {=} '2' AND c.relname {<>} ALL (ARRAY['events', 'append_batches'])) AND c.relkind {=} ANY (` + plainTables + `)) o (kind, detail)
		WHERE n.nspname {=} $1 AND c.relname {=} ANY ($2)`)

const plainTables = `ARRAY['r', 'p']::pg_catalog."char"[]`

// inspect reads what a schema holds.
func inspect(ctx context.Context, s *session, schema string) (*found, error) {
	f := &found{others: map[string]bool{}, columns: map[string]map[string]string{}, keys: map[string][]string{}, indexes: map[string]bool{}}
	var encoding string
	var inDatabase bool
	err := s.rows(ctx, inspection, func(row [][]byte) bool {
		name, detail := string(row[1]), string(row[2])
		switch string(row[0]) {
		case "column":
			if f.columns[name] == nil {
				f.columns[name] = map[string]string{}
			}
			f.columns[name][detail] = string(row[3])
		case "other":
			f.others[name] = true
		case "key":
			f.keys[name] = append(f.keys[name], detail)
		case "index":
			f.indexes[name] = detail == "true"
		case "odd":
			f.odd = append(f.odd, oddity{name, detail, string(row[3])})
		case "schema":
			f.schema, f.mayCreate = true, detail == "true"
		case "database":
			inDatabase = detail == "true"
		case "owner":
			f.owner = detail == "true"
		case "encoding":
			encoding = detail
		}
		return true
	}, schema, tableNames())
	if err == nil {
		f.function, err = inspectFunction(ctx, s, schema)
	}
	if err != nil {
		return nil, failure("reading the format", err)
	}
	if encoding != "UTF8" {
		return nil, factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: the database's encoding is %s; create one with encoding UTF8", encoding)
	}
	if !f.schema {
		f.mayCreate = inDatabase
	}
	f.durables = len(f.columns[generationsTable]) > 0
	if f.checkTables(schema) != nil || f.checkSight(schema) != nil {
		return f, nil // there is nothing to read
	}
	if len(f.columns["store_metadata"]) > 0 {
		err = s.rows(ctx, "SELECT key, value FROM "+quoted(schema)+".store_metadata", func(row [][]byte) bool {
			switch string(row[0]) {
			case "store_format_version":
				f.version = string(row[1])
			case "append_batch_boundary_format":
				f.boundary = string(row[1])
			}
			return true
		})
	}
	if err == nil && len(f.columns["events"]) > 0 {
		f.head, _, err = s.one(ctx, spellingIn(schema).Replace("SELECT pg_catalog.max(sequence_number) FROM {schema}.events WHERE sequence_number {>} 0"))
	}
	return f, failure("reading the format", err)
}

// check refuses what is not a store or a newer one.
func (f *found) check(schema string) error {
	if err := f.checkTables(schema); err != nil {
		return err
	}
	if err := f.checkSight(schema); err != nil {
		return err
	}
	where := "schema " + strconv.Quote(schema)
	switch {
	case f.version != "" && f.version != "1":
		return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: %s has store_format_version %s, this library reads 1; open it with a newer version", where, f.version)
	case f.boundary != "" && f.boundary != "sparse_v1":
		return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: %s has append_batch_boundary_format %s, this library reads sparse_v1; open it with a newer version", where, f.boundary)
	}
	return nil
}

// checkTables refuses a schema where something else has the name of a table of the store.
func (f *found) checkTables(schema string) error {
	refusal := func(what string, args ...any) error {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: schema %q holds no factstr store: its %s; use another schema", schema, fmt.Sprintf(what, args...))
	}
	for _, table := range tables {
		if f.others[table.name] {
			return refusal("%s is no table", table.name)
		}
		have := f.columns[table.name]
		if len(have) == 0 {
			continue
		}
		for _, column := range table.columns {
			is, ok := have[column.name]
			if !ok {
				return refusal("table %s has no column %s", table.name, column.name)
			}
			if kind, spelled, _ := strings.Cut(is, " -1 "); kind != strconv.Itoa(typeNumbers[column.is]) {
				return refusal("table %s has a column %s of type %s instead of %s", table.name, column.name, cmp.Or(spelled, is), column.is)
			}
		}
		if key := table.columns[0].name; !slices.Contains(f.keys[table.name], key) {
			return refusal("table %s may hold two rows of one %s, for want of a primary key", table.name, key)
		}
	}
	return nil
}

// checkSight refuses tables of which some rows may be hidden, or lost, without an error.
func (f *found) checkSight(schema string) error {
	for _, odd := range f.odd {
		table := quoted(schema) + "." + odd.table
		switch odd.kind {
		case "hidden":
			return factstr.BackendFailure(factstr.ReasonPermission, "postgres: row level security of table %s applies to role %q, so facts could be hidden from it; ALTER TABLE %s DISABLE ROW LEVEL SECURITY, or give the role BYPASSRLS", table, odd.detail, table)
		case "unlogged":
			if odd.table != generationsTable {
				return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: table %s is not logged, so the server empties it after a crash; ALTER TABLE %s SET LOGGED", table, table)
			}
		case "children":
			return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: table %s is inherited by %s, so it may hold two rows of one number; ALTER TABLE %s NO INHERIT %s", table, odd.detail, odd.detail, table)
		case "rule":
			return factstr.NewError(factstr.CodeUnsupportedFormat, "postgres: rule %q of table %s does something else instead of what is asked; DROP RULE %s ON %s", odd.detail, table, quoted(odd.detail), table)
		}
	}
	return nil
}

func tableNames() (names []string) {
	for _, table := range tables {
		names = append(names, table.name)
	}
	return names
}

// takeLock spells the statement that takes a lock until the transaction ends.
func takeLock(key int64) string {
	return "SELECT pg_catalog.pg_advisory_xact_lock('" + strconv.FormatInt(key, 10) + "'::BIGINT)"
}
