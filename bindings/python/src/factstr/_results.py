"""What appends, queries and deliveries return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ._time import utc


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
