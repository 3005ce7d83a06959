-- The number of each durable name's lock. A name without a row gets a new one at its next registration.
CREATE TABLE IF NOT EXISTS factstr_durable_names (
    name TEXT PRIMARY KEY,
    slot INTEGER NOT NULL
) WITHOUT ROWID;
