"""Input and output: the DTOs of the library as frozen dataclasses, and as typed dicts to write
input with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

from ._time import utc
from .errors import FactstrError


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to be appended. The payload is any JSON value: None, bool, int, float, Decimal,
    str, list, tuple, dict with str keys.
    """

    event_type: str
    payload: Any


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Matches a fact whose type is one of `event_types` and whose payload contains one of
    `payload_predicates`.

    None leaves that side unconstrained; an empty sequence matches nothing.
    """

    event_types: Sequence[str] | None = None
    payload_predicates: Sequence[Any] | None = None


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The facts that match one of the filters; all facts when there is none.

    `min_sequence_number` is an exclusive read cursor, `limit` a maximum, and `backwards` returns the
    newest first: they change the returned rows only, never the context version.
    """

    filters: Sequence[EventFilter | EventFilterDict] | None = None
    min_sequence_number: int | None = None
    limit: int | None = None
    backwards: bool | None = None


@dataclass(frozen=True, slots=True)
class AppendCondition:
    """Fails if a fact that the query matches has a sequence number above `after`; with None, if any
    does. The query's cursor and limit do not narrow the context.
    """

    fail_if_events_match: EventQuery | EventQueryDict
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a durable stream redelivers a batch whose handler failed, before it ends. The delay
    doubles up to `delay_max_ms`. With `give_up` "park" a durable stream then puts the batch aside and
    goes on (Store.parked); the default is to end.
    """

    max_attempts: int
    delay_ms: int | None = None
    delay_max_ms: int | None = None
    give_up: Literal["end", "park"] | None = None


@dataclass(frozen=True, slots=True)
class CursorEvery:
    """When the cursor of a durable stream is stored at the latest: after so many handled batches, or
    so many milliseconds. The lower, the fewer batches are repeated after a crash.
    """

    batches: int | None = None
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A committed fact. `occurred_at` is UTC as YYYY-MM-DDTHH:MM:SS.ffffffZ; facts are ordered by
    `sequence_number`, never by it.
    """

    sequence_number: int
    occurred_at: str
    event_type: str
    payload: Any

    @property
    def time(self) -> datetime:
        """`occurred_at` as a datetime in UTC. What another program stored more precisely than
        microseconds is cut off here, and exact in `occurred_at`.
        """
        return utc(self.occurred_at)


class Batch(tuple[EventRecord, ...]):
    """The matching records of one committed batch, in ascending order.

    `position` is the last sequence number of the committed batch, whether that fact matches or not:
    everything up to there was delivered or does not match.
    """

    position: int


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Records in ascending order. `last_returned_sequence_number` is that of the last record;
    `current_context_version` that of the last matching fact, whether it was returned or not.
    """

    event_records: tuple[EventRecord, ...]
    last_returned_sequence_number: int | None
    current_context_version: int | None


@dataclass(frozen=True, slots=True)
class AppendResult:
    """The consecutive range of a committed batch."""

    first_sequence_number: int
    last_sequence_number: int
    committed_count: int


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
                 0 if none does, None if query is
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


class NewEventDict(TypedDict):
    event_type: str
    payload: Any


class EventFilterDict(TypedDict, total=False):
    event_types: Sequence[str] | None
    payload_predicates: Sequence[Any] | None


class EventQueryDict(TypedDict, total=False):
    filters: Sequence[EventFilter | EventFilterDict] | None
    min_sequence_number: int | None
    limit: int | None
    backwards: bool | None


class _ConditionDict(TypedDict):
    fail_if_events_match: EventQuery | EventQueryDict


class AppendConditionDict(_ConditionDict, total=False):
    after: int | None


class RetryDict(TypedDict, total=False):
    max_attempts: int
    delay_ms: int
    delay_max_ms: int
    give_up: Literal["end", "park"]


class CursorEveryDict(TypedDict, total=False):
    batches: int
    ms: int


# A typed dict is checked field by field, so a typo is found before the program runs. Input whose
# fields are known at run time only wants a cast; the library checks every field in any case.
EventInput = NewEvent | NewEventDict
QueryInput = EventQuery | EventQueryDict
ConditionInput = AppendCondition | AppendConditionDict
RetryInput = Retry | RetryDict
CursorEveryInput = CursorEvery | CursorEveryDict
JsonDumps = Callable[[Any], str | bytes]
"""Writes a payload as JSON, such as json.dumps or orjson.dumps."""
JsonLoads = Callable[[bytes], Any]
"""Reads JSON, such as json.loads or orjson.loads."""
Handler = Callable[[Batch], object]
"""Receives one committed batch. It has failed if it raises or returns False."""
ProgressHandler = Callable[[StreamProgress], object]
"""Receives the progress of a replay. What it raises ends the registration."""
