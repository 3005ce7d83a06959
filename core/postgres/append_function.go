package postgres

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A later version of the function needs another name, so that processes of both versions can use
// one log: each would replace the other's. That includes comments within the body, which is
// compared.
//
//go:embed migrations/0004_append.sql
var appendSchema string

const (
	appendFunction  = "factstr_append_v2"
	appendArguments = "pg_catalog.text, BIGINT, pg_catalog.text, BIGINT, pg_catalog.timestamptz, BOOLEAN, pg_catalog.text[], pg_catalog.text[], pg_catalog.timestamptz[], pg_catalog.text[], pg_catalog.text[], BIGINT[], BIGINT[]"
	appendTypes     = "25 20 25 20 1184 16 1009 1009 1185 1009 1009 1016 1016" // the same, as pg_proc has them
)

// The function returns at most so many facts that its caller did not know. A caller that is further
// behind reads them first.
const (
	behindRowsMax  = 10_000
	behindBytesMax = 4 << 20
)

// SQLSTATEs that the function raises.
const (
	foreignFunction = "FS001" // it belongs to another schema
	swallowedRows   = "FS002" // the tables do not hold what was inserted
	hiddenRows      = "FS003" // row level security may hide rows
)

const (
	// hides: row level security may hide rows from the role.
	hides = `pg_catalog.row_security_active({events name}::pg_catalog.regclass) OR pg_catalog.row_security_active({batches name}::pg_catalog.regclass)`
	// maySwallow: a trigger or a rule may change what is inserted, or the relation is no plain
	// table. Once rows were inserted the answer holds until the transaction ends, since adding a
	// trigger waits for that.
	maySwallow = `EXISTS (SELECT 1 FROM pg_catalog.pg_class c WHERE c.oid {=} ANY (ARRAY[{events name}::pg_catalog.regclass, {batches name}::pg_catalog.regclass]::pg_catalog.oid[])
			AND (c.relhastriggers OR c.relhasrules OR c.relkind {<>} 'r'))`
	// areKept: the log holds what was inserted.
	areKept = `(SELECT pg_catalog.count(*) FROM ROWS FROM (pg_catalog.unnest({times}), pg_catalog.unnest({types}), pg_catalog.unnest({payloads})) WITH ORDINALITY n (at, type, payload, position)
				JOIN {schema}.events e ON e.sequence_number {=} ({head} {+} n.position) AND e.occurred_at {=} n.at AND e.event_type {=} n.type AND e.payload {=} n.payload::pg_catalog.jsonb)
			{=} pg_catalog.cardinality({types}) AND
			(SELECT pg_catalog.count(*) FROM ROWS FROM (pg_catalog.unnest({firsts}), pg_catalog.unnest({lasts})) n (first, last)
				JOIN {schema}.append_batches b ON b.first_sequence_number {=} ({head} {+} n.first) AND b.last_sequence_number {=} ({head} {+} n.last))
			{=} pg_catalog.cardinality({firsts})`
)

// appendText returns the statement that creates the function in a schema.
func appendText(schema string) string {
	variables := strings.NewReplacer("{head}", "head", "{times}", "p_times", "{types}", "p_types",
		"{payloads}", "p_payloads", "{firsts}", "p_firsts", "{lasts}", "p_lasts")
	text := strings.NewReplacer("{hides}", hides, "{may swallow}", maySwallow,
		"{are kept}", variables.Replace(areKept)).Replace(appendSchema)
	return spellingIn(schema, "{schema name}", literal(schema), "{events name}", relationName(schema, "events"),
		"{batches name}", relationName(schema, "append_batches"),
		"{not ours}", foreignFunction, "{swallowed}", swallowedRows, "{hidden}", hiddenRows,
		"{rows}", strconv.Itoa(behindRowsMax), "{bytes}", strconv.Itoa(behindBytesMax)).Replace(text)
}

func relationName(schema, table string) string { return literal(quoted(schema) + "." + table) }

// appendBody returns the function's body, as pg_proc has it.
func appendBody(schema string) string {
	const tag = "$a_tag_that_is_longer_than_the_name_of_any_schema_so_that_none_ends_it$"
	_, rest, _ := strings.Cut(appendText(schema), tag)
	body, _, _ := strings.Cut(rest, tag)
	return body
}

// functionFound is what a schema holds under the append function's name and arguments.
type functionFound struct {
	exists   bool
	number   int64
	same     bool // it is as this version makes it for this schema
	trusted  bool // its owner could act with the appenders' rights anyway, by a trigger on the tables
	callable bool // this role may execute it
}

// ours reports whether a call does what it should and nothing else.
func (f functionFound) ours() bool { return f.exists && f.same && f.trusted }

var functionInspection = spelled(`SELECT
		p.prosrc {=} $3 AND l.lanname {=} 'plpgsql' AND p.provolatile {=} 'v' AND p.prokind {=} 'f' AND p.proretset AND NOT p.prosecdef AND NOT p.proisstrict AND p.provariadic {=} 0::pg_catalog.oid
			AND p.proconfig {=} ARRAY['enable_seqscan=off', 'plan_cache_mode=force_generic_plan']
			AND p.proargnames {=} $4 AND pg_catalog.array_length(p.proallargtypes, 1) {=} pg_catalog.cardinality($4) AND p.pronargdefaults {=} 0,
		pg_catalog.pg_get_userbyid(p.proowner) {=} current_user OR pg_catalog.pg_has_role(p.proowner, n.nspowner, 'USAGE') OR coalesce(pg_catalog.pg_has_role(p.proowner, c.relowner, 'USAGE'), false),
		pg_catalog.has_function_privilege(p.oid, 'EXECUTE'),
		p.oid::BIGINT
	FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_proc p ON p.pronamespace {=} n.oid JOIN pg_catalog.pg_language l ON l.oid {=} p.prolang
		LEFT JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid AND c.relname {=} 'events'
	WHERE n.nspname {=} $1 AND p.proname {=} $2 AND p.proargtypes {=} '` + appendTypes + `'::pg_catalog.oidvector`)

// appendNames are the names of the function's arguments and of the columns that it returns.
var appendNames = []string{
	"p_schema", "p_lock", "p_lock_timeout", "p_head", "p_head_at", "p_movable", "p_condition_types", "p_condition_predicates",
	"p_times", "p_types", "p_payloads", "p_firsts", "p_lasts", "r_number", "r_last", "r_at", "r_type", "r_payload",
}

// inspectFunction compares the function that is there with the one that this version would create.
// The name alone says nothing: a copied or renamed schema brings along the function of the other
// one, and anybody who may create in the schema can make one.
func inspectFunction(ctx context.Context, s *session, schema string) (f functionFound, err error) {
	err = s.rows(ctx, functionInspection, func(row [][]byte) bool {
		f = functionFound{exists: true, same: boolOf(row[0]), trusted: boolOf(row[1]), callable: boolOf(row[2]),
			number: int64Of(row[3])}
		return false
	}, schema, appendFunction, appendBody(schema), appendNames)
	return f, err
}

// errNoFunction says that the inspected function is gone, in the way in which the server says that
// no function has the name.
var errNoFunction = &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: undefinedFunction,
	Message: "the append function was removed"}

// useFunction makes appends call the inspected function, if they may.
func (b *backend) useFunction(f functionFound) {
	b.function, b.functionNumber = f.ours() && f.callable, f.number
}

// lookAtFunction inspects the function again. It reports whether appends now call another one, or
// none.
func (b *backend) lookAtFunction(ctx context.Context) (changed bool) {
	before := b.functionNumber
	b.useFunction(functionFound{})
	if s, err := b.begin(ctx); err == nil {
		if f, err := inspectFunction(ctx, s, b.schema); err == nil {
			b.useFunction(f)
		}
	}
	return !b.function || b.functionNumber != before
}

// createFunction makes or replaces the function in the current transaction. If the role may not do
// so, or the database has no PL/pgSQL, the transaction goes on without it.
func createFunction(ctx context.Context, s *session, schema string, f functionFound) error {
	text := appendText(schema)
	remove := fmt.Sprintf("DROP FUNCTION IF EXISTS %s.%s(%s); ", quoted(schema), appendFunction, appendArguments)
	tries := []string{text, remove + text} // replacing keeps what was granted
	if f.exists && !f.trusted {
		tries = tries[1:] // replaced, it would keep its owner, who could change it at any time
	}
	var err error
	for _, each := range tries {
		if err = s.script(ctx, "SAVEPOINT factstr; "+each); err == nil {
			return s.script(ctx, "RELEASE SAVEPOINT factstr")
		}
		if !answered(err) {
			return err
		}
		if undo := s.script(ctx, "ROLLBACK TO SAVEPOINT factstr"); undo != nil {
			return undo
		}
		switch state(err) {
		case deniedPrivilege, undefinedObject, "42P13": // it has the arguments but returns something else
		default:
			return err
		}
	}
	if state(err) == deniedPrivilege || state(err) == undefinedObject {
		return nil // appends take several round trips then
	}
	return err
}
