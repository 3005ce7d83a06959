"""What a store tells of itself: progress and statistics, cursors, how a query was answered, backups
and verifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .errors import FactstrError


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """Where a stream stands. A live stream never replays.

    position       everything up to here was handled or does not match
    replay_target  the newest fact when the stream was registered; `position` may pass it before the
                   replay is done, if more is appended meanwhile
    stored_cursor  the cursor as last stored; of a stream without one, where it began
    failure        why the log cannot be read at the moment, for example because the server is away;
                   the stream tries again until it can
    """

    state: Literal["replaying", "live", "ended"]
    position: int
    replay_target: int
    stored_cursor: int
    failure: FactstrError | None


@dataclass(frozen=True, slots=True)
class StreamStatistics:
    """An open stream in the Statistics of its store.

    number        its number in the store, `stream` in records of the log
    durable_name  None for a stream without one
    lag           facts between its position and the head, whether they match or not
    parked        batches of a durable stream that were put aside
    progress      where it stands
    """

    number: int
    durable_name: str | None
    lag: int
    parked: int
    progress: StreamProgress


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a store counts since it was opened, for this process alone.

    head                the newest sequence number
    facts               how many facts there are, as far as the numbers tell
    failure             why the log cannot be read at the moment: head and facts are the last known
    database_bytes      SQLite's file, or PostgreSQL's table of facts with its indexes
    log_file_bytes      SQLite's write-ahead log file
    appends             batches committed
    groups              transactions that committed them
    group_appends_max   batches in the largest group
    groups_retried      groups that failed and were tried again one by one
    queue_appends       batches that wait for the group before them
    queue_bytes         their payloads, types and conditions
    read_retries        reads of streams that failed and were tried again
    redeliveries        deliveries that failed and were tried again
    reconnects          connections to a server that replaced lost ones
    tail_events         the newest facts that are kept in memory
    tail_bytes          their size there
    index_watermark     the payload index covers the log up to here; None without an index
    streams             the open streams, in the order of their registration
    """

    store_kind: Literal["memory", "sqlite", "postgres"]
    head: int
    facts: int
    failure: FactstrError | None
    database_bytes: int | None
    log_file_bytes: int | None
    appends: int
    groups: int
    group_appends_max: int
    groups_retried: int
    queue_appends: int
    queue_bytes: int
    read_retries: int
    redeliveries: int
    reconnects: int
    tail_events: int
    tail_bytes: int
    index_watermark: int | None
    streams: tuple[StreamStatistics, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """Something that an index can look up.

    term    such as `event_type = "a"` or `payload.tags[] = "x"`
    facts   in how many facts the indexes have it; None without an index
    drives  whether the facts that have it are looked through
    """

    term: str
    facts: int | None
    drives: bool


@dataclass(frozen=True, slots=True)
class Alternative:
    """A way for a fact to match: types, of which it has one, and scalars, all of which it has.
    `terms_more` is how many are not listed.
    """

    terms: tuple[Term, ...]
    terms_more: int


@dataclass(frozen=True, slots=True)
class DurableCursor:
    """The state of a durable name.

    query        what it was registered with, as a query is spelled in JSON; None if another program
                 has left another text
    cursor       the stored cursor: everything up to it was handled or does not match
    lag_events   facts above the cursor, matching or not
    lag_seconds  the age of the oldest fact above the cursor that matches, by this machine's clock;
                 0 only if none does, None if query is
    held_by      who has the name, for people to read: "this store", or what is known of another
                 holder; None means that nobody has it, so that it can be changed
    parked       batches that were put aside
    """

    name: str
    query: dict[str, Any] | None
    cursor: int
    lag_events: int
    lag_seconds: float | None
    held_by: str | None
    parked: int


@dataclass(frozen=True, slots=True)
class ParkedBatch:
    """A batch that a durable stream has put aside, since its handler failed.

    first_sequence_number  of the first fact that matches
    position               the batch's last number, which names it
    error                  what the handler said last
    attempts               deliveries so far
    redelivering           it is to be delivered again
    """

    first_sequence_number: int
    position: int
    error: str
    attempts: int
    parked_at: str
    redelivering: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A way in which facts were read.

    purpose      for the records that the query returns, or for the context's version alone
    source       the newest facts, which are in memory, or where the store keeps all
    access       an index of terms proposed facts, an index on types has them in order, each fact of
                 the range was looked at, or the server found them as its planner chose
    after        the range that was asked for begins behind this number
    up_to        and ends with this one
    rows_read    facts that were fetched
    candidates   those of them that were matched
    server_plan  what the server's EXPLAIN ANALYZE says, line by line
    """

    purpose: Literal["rows", "version"]
    source: Literal["tail", "log"]
    access: Literal["terms", "types", "walk", "server"]
    after: int
    up_to: int
    rows_read: int
    candidates: int
    server_plan: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a query was answered.

    plan                     nothing: no fact can match; everything: every fact matches; types: event
                             types alone narrow the facts; terms: scalars of predicates do, with
                             types or without; walk: nothing does, so every fact is looked at
    alternatives             the ways to match, one for each predicate of a filter; at most 32
    alternatives_more        how many are not listed
    steps                    what was read, in order
    rows_read                facts that were fetched from where they are kept
    candidates               those of them that were matched
    matches                  records that the query returns
    current_context_version  that it returns with them
    microseconds             that the query took
    """

    plan: Literal["nothing", "everything", "types", "terms", "walk"]
    alternatives: tuple[Alternative, ...]
    alternatives_more: int
    steps: tuple[Step, ...]
    rows_read: int
    candidates: int
    matches: int
    current_context_version: int | None
    microseconds: int


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a log.

    head          the newest fact in it
    bytes         size of its file
    microseconds  that it took
    """

    head: int
    bytes: int
    microseconds: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a log.

    kind          missing_facts: numbers that no fact has; damaged_fact: a fact that cannot be
                  returned; wrong_batch: a range of a batch that cannot have been committed;
                  wrong_cursor: a durable name whose cursor cannot be used; wrong_index: the index
                  of terms leaves facts out, or cannot be read; damaged_storage: SQLite's own check
                  of the file found it damaged
    first         the facts that are concerned, if there are any: from this number
    last          to this one
    durable_name  of a cursor
    message       what is wrong, and what to do
    """

    kind: Literal[
        "missing_facts",
        "damaged_fact",
        "wrong_batch",
        "wrong_cursor",
        "wrong_index",
        "damaged_storage",
    ]
    first: int | None
    last: int | None
    durable_name: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found wrong with a log. Without findings it is sound.

    head           the newest fact when the verification began, up to which was read
    facts          how many were read
    batches        in how many batches they were committed
    cursors        durable names
    index_through  up to where the index of terms was compared with the facts; None without an index
    findings       at most 100
    findings_more  how many are not listed
    microseconds   that it took
    """

    head: int
    facts: int
    batches: int
    cursors: int
    index_through: int | None
    findings: tuple[Finding, ...]
    findings_more: int
    microseconds: int
