CREATE INDEX CONCURRENTLY payload_new ON app.events USING gin (payload jsonb_path_ops);
BEGIN;
SET LOCAL lock_timeout = '2s';
DROP INDEX app.idx_events_payload_gin;
ALTER INDEX app.payload_new RENAME TO idx_events_payload_gin;
COMMIT;
