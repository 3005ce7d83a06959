"""The arguments of the append calls, as the library takes them. EmptyAppend, which the library
answers, takes precedence over errors of the other arguments, so these are not looked at then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._arguments import expected_version
from ._encoding import encode_conditions, encode_events, encode_query
from ._inputs import ConditionInput, EventInput, JsonDumps, QueryInput

_NO_EVENTS = b"[]"


def plain(events: Iterable[EventInput], dumps: JsonDumps | None) -> tuple[bytes, int]:
    text = encode_events(events, dumps)
    return text, len(text)


def conditional(
    events: Iterable[EventInput],
    context_query: QueryInput | None,
    expected_context_version: int | None,
    dumps: JsonDumps | None,
) -> tuple[bytes, int, bytes, int, Any]:
    text = encode_events(events, dumps)
    query, expected = b"{}", None
    if text != _NO_EVENTS:
        query = encode_query(context_query, dumps) or query
        expected = expected_version(expected_context_version)
    return text, len(text), query, len(query), expected


def under_conditions(
    events: Iterable[EventInput], conditions: Iterable[ConditionInput], dumps: JsonDumps | None
) -> tuple[bytes, int, bytes, int]:
    text, expected = encode_events(events, dumps), b"[]"
    if text != _NO_EVENTS:
        expected = encode_conditions(conditions, dumps)
    return text, len(text), expected, len(expected)
