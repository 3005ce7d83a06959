CREATE INDEX {concurrently} IF NOT EXISTS factstr_events_type_sequence ON {schema}.events (event_type, sequence_number);
