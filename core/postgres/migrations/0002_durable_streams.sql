-- Beside the cursors, in a table of our own that can be rebuilt: losing it only forgets which registration a late cursor write is of.
CREATE TABLE IF NOT EXISTS {schema}.factstr_durable_streams (
    name pg_catalog.text PRIMARY KEY,
    generation BIGINT NOT NULL,
    exact_query pg_catalog.text NOT NULL
);
