-- Appends a group of batches in one round trip, so that nobody holds the lock that orders the
-- appenders while waiting for a client. core/postgres/commit.go tells why.
--
-- The body is compared with that of the server (append_function.go): any change in it, a comment
-- included, needs another name for the function.
--
-- Columns are qualified by their tables, and a bare name is a variable, even if somebody has added a
-- column of that name.
--
-- p_schema is the schema whose log the caller means. A function that came into that schema with a
-- copy, or stayed in it when it was renamed, still writes to the log for which it was made, and
-- refuses instead.
--
-- p_head and p_head_at are the head on which the group was decided. If the log has grown since, the
-- group is written behind the new facts if p_movable allows it and none of them may match a condition
-- (p_condition_types[i], p_condition_predicates[i]; NULL leaves a side open). p_firsts and p_lasts are
-- the batches, as ranges of the group's facts, which count from 1.
--
-- The first row returned has the head found, whether the group was written, and the head's time. Rows
-- with a type are the facts between p_head and that head, and rows with two numbers and no type are
-- their batches. They are left out if the log is another one than that of p_head, or too far ahead.
CREATE OR REPLACE FUNCTION {schema}.factstr_append_v2(
    p_schema pg_catalog.text, p_lock BIGINT, p_lock_timeout pg_catalog.text, p_head BIGINT, p_head_at pg_catalog.timestamptz, p_movable BOOLEAN,
    p_condition_types pg_catalog.text[], p_condition_predicates pg_catalog.text[],
    p_times pg_catalog.timestamptz[], p_types pg_catalog.text[], p_payloads pg_catalog.text[], p_firsts BIGINT[], p_lasts BIGINT[]
) RETURNS TABLE (r_number BIGINT, r_last BIGINT, r_at pg_catalog.timestamptz, r_type pg_catalog.text, r_payload pg_catalog.jsonb)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $a_tag_that_is_longer_than_the_name_of_any_schema_so_that_none_ends_it$
#variable_conflict use_variable
DECLARE
    head BIGINT;
    head_at pg_catalog.timestamptz;
    holds BOOLEAN;
    behind BOOLEAN := false;
    stored BIGINT;
BEGIN
    IF p_schema {<>} {schema name} THEN
        RAISE EXCEPTION 'this function appends to schema %, not %', {schema name}, p_schema USING ERRCODE = '{not ours}';
    END IF;
    PERFORM pg_catalog.set_config('lock_timeout', p_lock_timeout, true);
    IF pg_catalog.current_setting('synchronous_commit') {=} 'off' THEN
        PERFORM pg_catalog.set_config('synchronous_commit', 'local', true);
    END IF;
    -- Statements of their own: the next one sees what was committed while these waited. The second is the lock that the insert takes anyway; taken before the head is read,
    -- it lets an appender that locks the table, as the Rust store does, go first or wait, so that it cannot take the numbers away again and again.
    PERFORM pg_catalog.pg_advisory_xact_lock(p_lock);
    LOCK TABLE {schema}.events IN ROW EXCLUSIVE MODE;
    -- Nobody can switch it on before this transaction ends.
    IF {hides} THEN
        RAISE EXCEPTION 'row level security of the tables of schema % applies to role %', {schema name}, current_user USING ERRCODE = '{hidden}';
    END IF;
    SELECT e.sequence_number, e.occurred_at INTO head, head_at
        FROM {schema}.events e WHERE e.sequence_number {>} 0 ORDER BY e.sequence_number DESC LIMIT 1;
    IF NOT FOUND THEN
        head := 0;
    END IF;
    holds := head {=} p_head AND ((head_at {=} p_head_at) IS TRUE OR head_at IS NULL AND p_head_at IS NULL);
    IF NOT holds AND head {>} p_head AND head {-} p_head {<=} {rows} AND (
        p_head {=} 0 OR EXISTS (SELECT 1 FROM {schema}.events e WHERE e.sequence_number {=} p_head AND e.occurred_at {=} p_head_at)
    ) THEN
        behind := coalesce((
            SELECT pg_catalog.sum(pg_catalog.pg_column_size(e.payload)) {<=} {bytes} FROM {schema}.events e WHERE e.sequence_number {>} p_head AND e.sequence_number {<=} head
        ), true);
        holds := behind AND p_movable;
        IF holds AND pg_catalog.cardinality(p_condition_types) {>} 0 THEN
            -- LIMIT keeps the new facts a list of their own, whatever the planner thinks of the table.
            holds := NOT EXISTS (
                SELECT 1
                FROM (SELECT e.event_type, e.payload FROM {schema}.events e
                    WHERE e.sequence_number {>} p_head AND e.sequence_number {<=} head ORDER BY e.sequence_number LIMIT {rows}) n
                JOIN ROWS FROM (pg_catalog.unnest(p_condition_types), pg_catalog.unnest(p_condition_predicates::pg_catalog.jsonb[])) c (type, predicate) ON n.event_type {=} c.type
                WHERE c.predicate IS NULL OR n.payload {@>} c.predicate
            ) AND NOT EXISTS (
                SELECT 1
                FROM ROWS FROM (pg_catalog.unnest(p_condition_types), pg_catalog.unnest(p_condition_predicates::pg_catalog.jsonb[])) c (type, predicate)
                CROSS JOIN (SELECT e.payload FROM {schema}.events e
                    WHERE e.sequence_number {>} p_head AND e.sequence_number {<=} head ORDER BY e.sequence_number LIMIT {rows}) n
                WHERE c.type IS NULL AND n.payload {@>} c.predicate
            );
        END IF;
    END IF;
    IF holds THEN
        -- Facts before batches: in the other order this and the Rust store, which locks both tables, could wait for each other.
        INSERT INTO {schema}.events (sequence_number, occurred_at, event_type, payload)
            SELECT head {+} n.position, n.at, n.type, n.payload::pg_catalog.jsonb
            FROM ROWS FROM (pg_catalog.unnest(p_times), pg_catalog.unnest(p_types), pg_catalog.unnest(p_payloads)) WITH ORDINALITY n (at, type, payload, position);
        GET DIAGNOSTICS stored = ROW_COUNT;
        IF stored {<>} pg_catalog.cardinality(p_types) THEN
            RAISE EXCEPTION 'of % rows for table events % were inserted', pg_catalog.cardinality(p_types), stored USING ERRCODE = '{swallowed}';
        END IF;
        IF pg_catalog.cardinality(p_firsts) {>} 0 THEN
            INSERT INTO {schema}.append_batches (first_sequence_number, last_sequence_number)
                SELECT head {+} b.first, head {+} b.last FROM ROWS FROM (pg_catalog.unnest(p_firsts), pg_catalog.unnest(p_lasts)) b (first, last);
            GET DIAGNOSTICS stored = ROW_COUNT;
            IF stored {<>} pg_catalog.cardinality(p_firsts) THEN
                RAISE EXCEPTION 'of % rows for table append_batches % were inserted', pg_catalog.cardinality(p_firsts), stored USING ERRCODE = '{swallowed}';
            END IF;
        END IF;
        -- None can be added before this transaction ends.
        IF {may swallow} THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            IF NOT ({are kept}) THEN
                RAISE EXCEPTION 'the rows in events or append_batches are not those that were inserted' USING ERRCODE = '{swallowed}';
            END IF;
        END IF;
    END IF;
    RETURN QUERY SELECT head, holds::INT::BIGINT, head_at, NULL::pg_catalog.text, NULL::pg_catalog.jsonb;
    IF behind THEN
        RETURN QUERY SELECT e.sequence_number, NULL::BIGINT, e.occurred_at, e.event_type, e.payload
            FROM {schema}.events e WHERE e.sequence_number {>} p_head AND e.sequence_number {<=} head ORDER BY e.sequence_number;
        RETURN QUERY SELECT b.first_sequence_number, b.last_sequence_number, NULL::pg_catalog.timestamptz, NULL::pg_catalog.text, NULL::pg_catalog.jsonb
            FROM {schema}.append_batches b WHERE b.first_sequence_number {>} p_head AND b.first_sequence_number {<=} head ORDER BY b.first_sequence_number;
    END IF;
END
$a_tag_that_is_longer_than_the_name_of_any_schema_so_that_none_ends_it$;
