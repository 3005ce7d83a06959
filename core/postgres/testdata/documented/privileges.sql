GRANT USAGE ON SCHEMA app TO application;
GRANT SELECT, INSERT ON app.events, app.append_batches TO application;
GRANT SELECT ON app.store_metadata TO application;
GRANT SELECT, INSERT, UPDATE ON app.durable_stream_cursors, app.factstr_durable_streams TO application;
GRANT DELETE ON app.durable_stream_cursors TO application;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.factstr_parked_batches TO application;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO application;
