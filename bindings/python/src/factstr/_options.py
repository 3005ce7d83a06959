"""The options of the stores. The library checks them and has the defaults."""

from __future__ import annotations

from typing import TypedDict


class StoreOptions(TypedDict, total=False):
    """Options of every store. After the semicolon stands the default.

    close_timeout_ms     how long close() waits for running handlers at most, negative: without
                         limit; 5000
    queue_timeout_ms     how long an append waits for room in a full queue before it raises Busy;
                         5000
    payload_bytes_max    limit of one payload; 16 MiB
    batch_events_max     limit of the events of one batch; 10000
    batch_bytes_max      limit of the payloads and types of one batch together; 64 MiB
    predicate_bytes_max  limit of all payload predicates of a query together; 16 MiB
    result_bytes_max     limit of a query's result, above which it raises InvalidArgument; 256 MiB
    """

    close_timeout_ms: int
    queue_timeout_ms: int
    payload_bytes_max: int
    batch_events_max: int
    batch_bytes_max: int
    predicate_bytes_max: int
    result_bytes_max: int


class SqliteOptions(StoreOptions, total=False):
    """Options of a SqliteStore: those of every store, and

    busy_timeout_ms  how long a write waits for other processes before it raises Busy; 5000
    full_fsync       on macOS a commit waits until the drive has emptied its cache, and so survives
                     a loss of power; elsewhere every commit does; False
    read_only        opens an existing database without writing to it: appends, durable streams and
                     changes of cursors raise ReadOnly; False
    """

    busy_timeout_ms: int
    full_fsync: bool
    read_only: bool


class PostgresOptions(StoreOptions, total=False):
    """Options of a PostgresStore: those of every store, and

    schema               holds the tables, and is created when it does not exist; the connection's
                         current schema
    application_name     how the server lists the connections; what the URL says, else "factstr"
    direct_url           leads past a pooler in transaction mode to the server itself, for the
                         connections that listen and hold durable names; the URL
    connections_max      how many connections read, beside one that appends and two that serve
                         streams; 4
    connect_timeout_ms   how long one attempt to connect may take; 5000
    lock_timeout_ms      how long a write or the opening waits for other processes before it raises
                         Busy; 5000
    response_timeout_ms  how long the server may take to answer a commit, or to go on with the
                         answer to a read, before Timeout; 30000
    poll_interval_ms     how often the log is read while streams are open, should a notification
                         get lost; 250
    index_bytes_max      how much memory the index of terms of a store that is asked much may take;
                         a log that needs more is left to the server's own index, and so are all
                         with 0; 256 MiB
    read_only            writes nothing to the database, so that a role that may only read is
                         enough: appends, durable streams and changes of cursors raise ReadOnly;
                         False
    """

    schema: str
    application_name: str
    direct_url: str
    connections_max: int
    connect_timeout_ms: int
    lock_timeout_ms: int
    response_timeout_ms: int
    poll_interval_ms: int
    index_bytes_max: int
    read_only: bool
