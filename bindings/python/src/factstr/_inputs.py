"""What goes in: facts, queries and conditions as frozen dataclasses or typed dicts, and the functions
that a program hands over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from ._reports import StreamProgress
from ._results import Batch


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
