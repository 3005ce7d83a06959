-- The batches that durable streams could not handle and have put aside. Their facts are in events.
CREATE TABLE IF NOT EXISTS factstr_parked_batches (
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    first INTEGER NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    parked_at TEXT NOT NULL,
    redelivering INTEGER NOT NULL,
    PRIMARY KEY (name, position)
) WITHOUT ROWID;
