-- Beside the cursors, in a table of our own that can be rebuilt: without it the store only forgets to
-- which registration a late cursor write belongs.
CREATE TABLE IF NOT EXISTS {schema}.factstr_durable_streams (
    name pg_catalog.text PRIMARY KEY,
    generation BIGINT NOT NULL,
    exact_query pg_catalog.text NOT NULL
);
