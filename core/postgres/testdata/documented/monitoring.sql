-- the head, and how far each durable stream is behind it
SELECT durable_stream_id, last_processed_sequence_number, (SELECT max(sequence_number) FROM events) - last_processed_sequence_number AS behind FROM durable_stream_cursors ORDER BY behind DESC;
-- the connections, and what they wait for
SELECT application_name, pid, state, wait_event, now() - state_change AS since FROM pg_stat_activity WHERE application_name = 'factstr' ORDER BY since DESC;
-- how many appenders wait for others at this moment
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted;
-- sizes
SELECT pg_size_pretty(pg_table_size('events')) AS facts, pg_size_pretty(pg_indexes_size('events')) AS indexes;
