-- Who has a durable name, for people to read: it counts while the name's lock is held and the generation is still the name's.
CREATE TABLE IF NOT EXISTS factstr_durable_holders (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    holder TEXT NOT NULL
) WITHOUT ROWID;
