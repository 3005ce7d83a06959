package postgres

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// columnTypes are the server's types of the columns. The name of a type may be another's in
// somebody's search_path, so types are compared by number.
var columnTypes = map[rustformat.Kind]struct {
	name   string
	number int
}{
	rustformat.Number: {"bigint", typeInt8},
	rustformat.Text:   {"text", typeText},
	rustformat.JSON:   {"jsonb", typeJSON},
	rustformat.Time:   {"timestamp with time zone", typeTimestamp},
}

var tables = rustformat.Tables("durable_stream_cursors", "durable_stream_id")

// inspection is what a schema holds.
type inspection struct {
	schema    bool                         // the schema exists
	others    map[string]bool              // views, sequences and other relations that are no tables
	columns   map[string]map[string]string // by table and name: number, modifier and spelling of the type
	keys      map[string][]string          // by table: columns that are unique
	indexes   map[string]bool              // whether an index is usable
	odd       []oddity
	function  functionFound
	durables  bool // the table of generations exists
	parks     bool // the table of parked batches exists
	head      int64
	markers   rustformat.Markers
	mayCreate bool // the role may create in the schema, or the schema itself
	owner     bool // the role owns the events
}

// oddity is something about a table by which facts may get lost or be hidden.
type oddity struct{ table, kind, detail string }

// usable reports whether there is a log, even if something beside it is missing.
func (f *inspection) usable() bool {
	return len(f.columns["events"]) > 0 && len(f.columns["append_batches"]) > 0
}

// complete reports whether everything of the Rust format is there.
func (f *inspection) complete() bool {
	for _, table := range tables {
		if len(f.columns[table.Name]) == 0 && table.Name != rustformat.Generations {
			return false
		}
	}
	for _, index := range []string{"idx_events_type", "idx_events_occurred_at", "idx_events_payload_gin"} {
		if _, ok := f.indexes[index]; !ok && f.owner {
			return false // a role that does not own the events cannot make it, and goes without
		}
	}
	return f.markers.Complete()
}

// inspectionQuery asks for everything of a schema, $1, and for the oddities of the tables $2. Rules
// are those of INSERT, '3', and where the store does so of UPDATE, '2': others keep facts from
// being changed.
var inspectionQuery = spelled(`SELECT 'column', c.relname::pg_catalog.text, a.attname::pg_catalog.text, pg_catalog.concat(a.atttypid, ' ', a.atttypmod, ' ', pg_catalog.format_type(a.atttypid, a.atttypmod)) FROM pg_catalog.pg_namespace n
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
func inspect(ctx context.Context, s *session, schema string) (*inspection, error) {
	f := &inspection{others: map[string]bool{}, columns: map[string]map[string]string{}, keys: map[string][]string{},
		indexes: map[string]bool{}}
	var encoding string
	var inDatabase bool
	err := s.rows(ctx, inspectionQuery, func(row [][]byte) bool {
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
		return nil, factstr.NewError(factstr.CodeUnsupportedFormat,
			"postgres: the database's encoding is %s; create one with encoding UTF8", encoding)
	}
	if !f.schema {
		f.mayCreate = inDatabase
	}
	f.durables = len(f.columns[rustformat.Generations]) > 0
	f.parks = len(f.columns[parkedTable]) > 0
	if f.checkTables(schema) != nil || f.checkSight(schema) != nil {
		return f, nil // check refuses it; its rows are not read
	}
	if len(f.columns["store_metadata"]) > 0 {
		err = s.rows(ctx, "SELECT key, value FROM "+quoted(schema)+".store_metadata", func(row [][]byte) bool {
			f.markers.Read(string(row[0]), string(row[1]))
			return true
		})
	}
	if err == nil && len(f.columns["events"]) > 0 {
		f.head, _, err = s.one(ctx,
			spellingIn(schema).Replace("SELECT pg_catalog.max(sequence_number) FROM {schema}.events WHERE sequence_number {>} 0"))
	}
	return f, failure("reading the format", err)
}

// tableNames returns the names of the store's tables, that of parked batches included: a batch that
// is put aside must be as safe as the cursor that moves past it.
func tableNames() []string {
	names := []string{parkedTable}
	for _, table := range tables {
		names = append(names, table.Name)
	}
	return names
}

const typeIndex = "factstr_events_type_sequence"

func (f *inspection) lacksIndexAtOnce() bool {
	return !f.indexes[typeIndex] && f.owner && f.head <= indexAtOnceMax
}

// indexAtOnceMax is the size of a log whose index on types is built while opening; for a larger one
// it is built beside the writers.
const indexAtOnceMax = 200_000
