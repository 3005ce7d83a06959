-- The batches that durable streams could not handle and have put aside. Their facts are in events.
CREATE TABLE IF NOT EXISTS {schema}.factstr_parked_batches (
    name pg_catalog.text NOT NULL,
    position BIGINT NOT NULL,
    first BIGINT NOT NULL,
    error pg_catalog.text NOT NULL,
    attempts BIGINT NOT NULL,
    parked_at pg_catalog.text NOT NULL,
    redelivering BOOLEAN NOT NULL,
    PRIMARY KEY (name, position)
);
