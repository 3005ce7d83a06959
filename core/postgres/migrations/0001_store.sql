CREATE TABLE IF NOT EXISTS {schema}.events (
    sequence_number BIGINT PRIMARY KEY,
    occurred_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
    event_type pg_catalog.text NOT NULL,
    payload pg_catalog.jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.append_batches (
    first_sequence_number BIGINT PRIMARY KEY,
    last_sequence_number BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.store_metadata (
    key pg_catalog.text PRIMARY KEY,
    value pg_catalog.text NOT NULL
);
CREATE TABLE IF NOT EXISTS {schema}.durable_stream_cursors (
    durable_stream_id pg_catalog.text PRIMARY KEY,
    event_query pg_catalog.text NOT NULL,
    last_processed_sequence_number BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_events_type ON {schema}.events (event_type);
CREATE INDEX IF NOT EXISTS idx_events_occurred_at ON {schema}.events (occurred_at);
-- The name is the Rust store's, which asks for the name alone, and for nothing but @> of the index.
CREATE INDEX IF NOT EXISTS idx_events_payload_gin ON {schema}.events USING gin (payload pg_catalog.jsonb_path_ops);
INSERT INTO {schema}.store_metadata (key, value) VALUES ('store_format_version', '1') ON CONFLICT DO NOTHING;
INSERT INTO {schema}.store_metadata (key, value) VALUES ('append_batch_boundary_format', 'sparse_v1') ON CONFLICT DO NOTHING;
