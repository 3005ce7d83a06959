-- Beside the cursors, in a table of our own that can be rebuilt: losing it only forgets which registration a late cursor write is of.
CREATE TABLE IF NOT EXISTS {schema}.factstr_durable_streams (
    name TEXT PRIMARY KEY,
    generation BIGINT NOT NULL,
    exact_query TEXT NOT NULL
);
