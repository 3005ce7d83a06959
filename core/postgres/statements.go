package postgres

import "strings"

// statements are the statements of a store. Every name in them is qualified (spelling.go).
type statements struct {
	schema          string // quoted
	head            string
	pace            string
	boundaries      string
	callAppend      string
	insertEvents    string
	insertBatches   string
	inspectTables   string
	areKept         string
	findCommit      string
	readCursor      string
	storedCursor    string
	raiseGeneration string
	enterCursor     string
	setCursor       string
	deleteCursor    string
	listCursors     string
	listNoParked    string
	countParked     string
	insertParked    string
	listParked      string
	markParked      string
	removeParked    string
	removeAbove     string
	copyParked      string
	failAgain       string
	moveCursors     string
	readMoved       string
	generations     string
	eventsSize      string
	byNumber        string // ascending
	byNumberDown    string
	toIndex         string
	rowChanges      string
	storedBatches   string
	storedCursors   string
}

func statementsOf(schema string) *statements {
	in := spellingIn(schema, "{schema name}", literal(quoted(schema)), "{events name}", relationName(schema, "events"),
		"{batches name}", relationName(schema, "append_batches"))
	parameters := strings.NewReplacer("{head}", "$1", "{times}", "$2", "{types}", "$3", "{payloads}", "$4",
		"{firsts}", "$5", "{lasts}", "$6")
	byNumber := in.Replace(`(SELECT sequence_number, occurred_at, NULL::pg_catalog.text, NULL::pg_catalog.jsonb, xmin
			FROM {schema}.events WHERE sequence_number {=} $2)
		UNION ALL (SELECT sequence_number, occurred_at, event_type, payload, NULL
			FROM {schema}.events WHERE sequence_number {=} ANY ($1) ORDER BY sequence_number`)
	return &statements{
		schema: quoted(schema),
		head:   in.Replace("SELECT sequence_number, occurred_at FROM {schema}.events WHERE sequence_number {>} 0 ORDER BY sequence_number DESC LIMIT 1"),
		pace:   in.Replace("SELECT sequence_number FROM {schema}.events WHERE sequence_number {>} $1 AND sequence_number {<=} $2 ORDER BY sequence_number OFFSET $3 LIMIT 1"),
		// Batches that overlap the range: the last one that starts at or before its beginning, and
		// all that start in it. Rows that end before they start are no batches.
		boundaries: in.Replace(`SELECT first_sequence_number, last_sequence_number FROM {schema}.append_batches
			WHERE first_sequence_number {>=} coalesce((SELECT first_sequence_number FROM {schema}.append_batches
				WHERE first_sequence_number {<=} $1 AND last_sequence_number {>=} first_sequence_number ORDER BY first_sequence_number DESC LIMIT 1), 0)
			AND first_sequence_number {<=} $2 ORDER BY first_sequence_number`),
		// No row comes back if the inspected function is gone. Otherwise the call would go to any
		// function of its name that takes such values, whoever made it.
		callAppend: in.Replace("SELECT a.* FROM (SELECT $1 AS schema FROM pg_catalog.pg_proc p WHERE p.oid {=} $14::pg_catalog.oid AND p.proname {=} '" +
			appendFunction +
			"' AND p.pronamespace {=} {schema name}::pg_catalog.regnamespace OFFSET 0) f CROSS JOIN LATERAL {schema}." +
			appendFunction + "(f.schema, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) a"),
		insertEvents: in.Replace(`INSERT INTO {schema}.events (sequence_number, occurred_at, event_type, payload)
			SELECT $1 {+} n.position, n.at, n.type, n.payload::pg_catalog.jsonb
			FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4)) WITH ORDINALITY n (at, type, payload, position)`),
		insertBatches: in.Replace(`INSERT INTO {schema}.append_batches (first_sequence_number, last_sequence_number)
			SELECT $1 {+} b.first, $1 {+} b.last FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) b (first, last)`),
		inspectTables: in.Replace("SELECT " + hides + ", " + maySwallow),
		areKept:       in.Replace(parameters.Replace("SELECT " + areKept)),
		findCommit: in.Replace(`SELECT sequence_number FROM {schema}.events WHERE sequence_number {>} $1 AND occurred_at {=} $2 AND event_type {=} $3 AND payload {=} $4::pg_catalog.jsonb
			AND ($5 {=} 0 OR xmin::pg_catalog.text::BIGINT {=} $5) ORDER BY sequence_number LIMIT 1`),
		// The head comes from the same snapshot as the cursor, and so from the same log.
		readCursor: in.Replace(`SELECT k.event_query, d.exact_query, k.last_processed_sequence_number, h.sequence_number, h.occurred_at FROM {schema}.durable_stream_cursors k
			LEFT JOIN {schema}.factstr_durable_streams d ON d.name {=} k.durable_stream_id
			LEFT JOIN LATERAL (SELECT sequence_number, occurred_at FROM {schema}.events WHERE sequence_number {>} 0 ORDER BY sequence_number DESC LIMIT 1) h ON true
			WHERE k.durable_stream_id {=} $1`),
		storedCursor: in.Replace("SELECT last_processed_sequence_number FROM {schema}.durable_stream_cursors WHERE durable_stream_id {=} $1"),
		// The time in microseconds is above every generation that a lost table may have given out.
		raiseGeneration: in.Replace(`INSERT INTO {schema}.factstr_durable_streams AS d (name, generation, exact_query)
			VALUES ($1, (extract(epoch FROM pg_catalog.clock_timestamp()) {*} 1000000)::BIGINT, $2)
			ON CONFLICT (name) DO UPDATE SET generation = greatest(d.generation {+} 1, excluded.generation), exact_query = excluded.exact_query RETURNING generation`),
		enterCursor: in.Replace(`INSERT INTO {schema}.durable_stream_cursors (durable_stream_id, event_query, last_processed_sequence_number) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING`),
		setCursor: in.Replace(`UPDATE {schema}.durable_stream_cursors SET last_processed_sequence_number = $2
			WHERE durable_stream_id {=} $1 RETURNING last_processed_sequence_number`),
		deleteCursor: in.Replace("DELETE FROM {schema}.durable_stream_cursors WHERE durable_stream_id {=} $1"),
		listCursors: in.Replace(`SELECT k.durable_stream_id, k.event_query, d.exact_query, k.last_processed_sequence_number, coalesce(d.generation, 0),
				(SELECT pg_catalog.count(*) FROM {schema}.factstr_parked_batches p WHERE p.name {=} k.durable_stream_id)
			FROM {schema}.durable_stream_cursors k LEFT JOIN {schema}.factstr_durable_streams d ON d.name {=} k.durable_stream_id
			ORDER BY pg_catalog.convert_to(k.durable_stream_id, 'UTF8')`),
		listNoParked: in.Replace(`SELECT k.durable_stream_id, k.event_query, d.exact_query, k.last_processed_sequence_number, coalesce(d.generation, 0), 0::BIGINT
			FROM {schema}.durable_stream_cursors k LEFT JOIN {schema}.factstr_durable_streams d ON d.name {=} k.durable_stream_id
			ORDER BY pg_catalog.convert_to(k.durable_stream_id, 'UTF8')`),
		countParked: in.Replace("SELECT pg_catalog.count(*) FROM {schema}.factstr_parked_batches WHERE name {=} $1"),
		// Nothing is inserted under another generation than $8.
		insertParked: in.Replace(`INSERT INTO {schema}.factstr_parked_batches AS p (name, position, first, error, attempts, parked_at, redelivering)
			SELECT $1, $2, $3, $4, $5, $6, false FROM {schema}.factstr_durable_streams d WHERE d.name {=} $1 AND d.generation {=} $7 FOR SHARE OF d
			ON CONFLICT (name, position) DO UPDATE SET first = least(p.first,
				excluded.first), error = excluded.error, attempts = excluded.attempts, parked_at = excluded.parked_at, redelivering = false
			RETURNING p.position`),
		listParked: in.Replace(`SELECT position, first, error, attempts, parked_at, redelivering FROM {schema}.factstr_parked_batches
			WHERE name {=} $1 ORDER BY position`),
		markParked: in.Replace(`WITH m AS (UPDATE {schema}.factstr_parked_batches SET redelivering = true
				WHERE name {=} $1 AND ($2 OR position {=} ANY ($3)) RETURNING 1) SELECT pg_catalog.count(*) FROM m`),
		removeParked: in.Replace(`WITH m AS (DELETE FROM {schema}.factstr_parked_batches
				WHERE name {=} $1 AND ($2 OR position {=} ANY ($3)) RETURNING 1) SELECT pg_catalog.count(*) FROM m`),
		removeAbove: in.Replace("DELETE FROM {schema}.factstr_parked_batches WHERE name {=} $1 AND first {>} $2"),
		copyParked: in.Replace(`INSERT INTO {schema}.factstr_parked_batches (name, position, first, error, attempts, parked_at, redelivering)
			SELECT $2, position, first, error, attempts, parked_at, redelivering FROM {schema}.factstr_parked_batches WHERE name {=} $1`),
		failAgain: in.Replace(`UPDATE {schema}.factstr_parked_batches SET error = $3, attempts = $4, redelivering = false
			WHERE name {=} $1 AND position {=} $2`),
		// FOR SHARE orders cursor writes against registrations: a write that has read the
		// generation commits first, and one that has not waits and then sees the new generation.
		moveCursors: in.Replace(`WITH w AS (
				SELECT d.name, w.number FROM {schema}.factstr_durable_streams d
				JOIN ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) w (name, generation, number) ON d.name {=} w.name AND d.generation {=} w.generation
				ORDER BY d.name FOR SHARE OF d)
			UPDATE {schema}.durable_stream_cursors k SET last_processed_sequence_number = w.number FROM w
			WHERE k.durable_stream_id {=} w.name AND k.last_processed_sequence_number {<} w.number`),
		// Generation and cursor after that, and whether the log holds the fact $4 with the time $5.
		readMoved: in.Replace(`SELECT w.name, d.generation, k.last_processed_sequence_number,
				$4 {=} 0 OR EXISTS (SELECT 1 FROM {schema}.events e WHERE e.sequence_number {=} $4 AND e.occurred_at {=} $5)
			FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) w (name, generation, number)
			LEFT JOIN {schema}.factstr_durable_streams d ON d.name {=} w.name LEFT JOIN {schema}.durable_stream_cursors k ON k.durable_stream_id {=} w.name`),
		generations: in.Replace("SELECT name, generation FROM {schema}.factstr_durable_streams WHERE name {=} ANY ($1)"),
		eventsSize: "SELECT pg_catalog.pg_total_relation_size(" + relationName(schema, "events") +
			"::pg_catalog.regclass)",
		// The anchor of an index, then the candidates $1, both from one snapshot.
		byNumber:     byNumber + ")",
		byNumberDown: byNumber + " DESC)",
		toIndex: in.Replace(`SELECT sequence_number, occurred_at, event_type, payload, xmin FROM {schema}.events
			WHERE sequence_number {>=} $1 ORDER BY sequence_number LIMIT $2`),
		storedBatches: in.Replace(`SELECT first_sequence_number, last_sequence_number FROM {schema}.append_batches
			WHERE first_sequence_number {>=} $1 AND first_sequence_number {<=} $2 ORDER BY first_sequence_number LIMIT $3`),
		// In the order of bytes, whatever the database's own is.
		storedCursors: in.Replace(`SELECT durable_stream_id, last_processed_sequence_number FROM {schema}.durable_stream_cursors
			WHERE durable_stream_id COLLATE pg_catalog."C" {>} $1 ORDER BY durable_stream_id COLLATE pg_catalog."C" LIMIT $2`),
		// A partitioned table has no counts of its own, and a standby has none: NULL.
		rowChanges: in.Replace(`SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
				THEN coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_tuples_updated(t.relid)
				{+} pg_catalog.pg_stat_get_tuples_deleted(t.relid)), 0)::BIGINT END
			FROM (SELECT {events name}::pg_catalog.regclass UNION ALL
				SELECT relid FROM pg_catalog.pg_partition_tree({events name}::pg_catalog.regclass)
				WHERE relid {<>} {events name}::pg_catalog.regclass) t (relid)`),
	}
}
