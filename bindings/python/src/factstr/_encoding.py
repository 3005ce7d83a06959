"""Input as JSON text, exactly: integers of any size and Decimals are written as they are, and
nothing is converted silently.

The standard encoder cannot do this: it turns the keys 1 and True into strings, and cannot write a
Decimal. Checking for both in a walk of its own, with the standard encoder after it, takes as long as
this one walk (measured).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

# Lone surrogates become escapes, which the library refuses by name.
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from ._inputs import (
    AppendCondition,
    ConditionInput,
    CursorEvery,
    EventFilter,
    EventQuery,
    JsonDumps,
    NewEvent,
    QueryInput,
    Retry,
)
from .errors import InvalidArgument

_LEVELS_MAX = 127 + 4  # a payload's, and those of the query around it
_INT_BITS_MAX = 3322  # 1,000 digits, the library's limit; Python itself writes no more than 4,300


class _Text:
    """JSON that is written already."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Refused(ValueError):
    """A value that cannot be written. `path` leads to it, from the inside out."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.path: list[str | int] = []

    def where(self, name: str) -> str:
        for step in reversed(self.path):
            if isinstance(step, int):
                name += f"[{step}]"
            else:
                name += f".{step}" if step.isidentifier() else f"[{step!r}]"
        return name


def _dumped(value: Any, dumps: JsonDumps, name: str) -> _Text:
    """Returns what the program's own encoder makes of a value."""
    try:
        text = dumps(value)
    except Exception as error:
        raise InvalidArgument(f"{name}: json_dumps failed: {error}") from error
    try:
        written = text.encode().decode() if isinstance(text, str) else bytes(text).decode()
    except (TypeError, UnicodeError) as error:
        raise InvalidArgument(f"{name}: what json_dumps returned is no text: {error}") from None
    if not written.strip():
        raise InvalidArgument(f"{name}: json_dumps returned nothing")
    return _Text(written)


def encode_events(events: Iterable[Any], dumps: JsonDumps | None = None) -> bytes:
    # Iterating over a mapping or a string would yield nonsense: it is one event without its list.
    if type(events) is not list and (  # asking for abstract classes takes a microsecond
        isinstance(events, (Mapping, str, bytes, NewEvent)) or not isinstance(events, Iterable)
    ):
        raise InvalidArgument(f"events must be a list of events, not {type(events).__name__}")
    texts = [
        _encode(_event(event, dumps, index), f"events[{index}]")
        for index, event in enumerate(events)
    ]
    return f"[{','.join(texts)}]".encode()


def encode_query(query: QueryInput | None, dumps: JsonDumps | None = None) -> bytes | None:
    """Returns None for None, which means all facts to the C API, too."""
    return None if query is None else _encode(_query(query, dumps), "query").encode()


def encode_conditions(
    conditions: Iterable[ConditionInput], dumps: JsonDumps | None = None
) -> bytes:
    # Iterating over a mapping or a string would yield nonsense: it is one condition, no list.
    if isinstance(conditions, (Mapping, str, bytes, AppendCondition)) or not isinstance(
        conditions, Iterable
    ):
        raise InvalidArgument(
            f"conditions must be a list of conditions, not {type(conditions).__name__}"
        )
    return _encode([_condition(each, dumps) for each in conditions], "conditions").encode()


_TIMEOUT_MAX_S = 1e12  # beyond it the wait is without limit


def encode_registration(
    query: QueryInput | None,
    durable: str | None,
    after: int | None,
    retry: Any,
    cursor_every: Any,
    dumps: JsonDumps | None = None,
) -> bytes:
    registration: dict[str, Any] = {"positions": True}
    if query is not None:
        registration["query"] = _query(query, dumps)
    if durable is not None:
        registration["durable"] = {"name": durable}
    if after is not None:
        registration["after"] = after
    if retry is not None:
        registration["retry"] = _present(retry) if isinstance(retry, Retry) else retry
    if cursor_every is not None:
        registration["cursor_every"] = (
            _present(cursor_every) if isinstance(cursor_every, CursorEvery) else cursor_every
        )
    return _encode(registration, "registration").encode()


def encode_wait(stream: dict[str, Any], number: Any, timeout: float | None) -> bytes:
    if not isinstance(number, int) or isinstance(number, bool):
        raise InvalidArgument(f"number must be an int, not {type(number).__name__}")
    if timeout is not None and (not isinstance(timeout, (int, float)) or math.isnan(timeout)):
        raise InvalidArgument(f"timeout must be a number of seconds, not {timeout!r}")
    wait = {**stream, "number": number}
    if timeout is not None and timeout < _TIMEOUT_MAX_S:
        wait["timeout_ms"] = max(math.ceil(timeout * 1000), 0)
    return _encode(wait, "wait").encode("ascii")


def encode_cursor_call(call: Mapping[str, Any]) -> bytes:
    return _encode(call, "call").encode("ascii")


def encode_options(options: Mapping[str, Any]) -> bytes | None:
    present = {name: value for name, value in options.items() if value is not None}
    return _encode(present, "options").encode("ascii") if present else None


def _event(event: Any, dumps: JsonDumps | None, index: int) -> Any:
    fields: Any = (
        {"event_type": event.event_type, "payload": event.payload}
        if isinstance(event, NewEvent)
        else event
    )
    if dumps is not None and isinstance(fields, Mapping) and "payload" in fields:
        payload = _dumped(fields["payload"], dumps, f"events[{index}].payload")
        return {**fields, "payload": payload}
    return fields


def _query(query: QueryInput, dumps: JsonDumps | None) -> Any:
    fields: Any = _present(query) if isinstance(query, EventQuery) else query
    filters = fields.get("filters") if isinstance(fields, Mapping) else None
    if isinstance(filters, (list, tuple)):
        return {**fields, "filters": [_filter(each, dumps) for each in filters]}
    return fields


def _filter(filter_: Any, dumps: JsonDumps | None) -> Any:
    fields = _present(filter_) if isinstance(filter_, EventFilter) else filter_
    if dumps is None or not isinstance(fields, Mapping):
        return fields
    predicates = fields.get("payload_predicates")
    if not isinstance(predicates, (list, tuple)):
        return fields
    written = [_dumped(each, dumps, "payload_predicates") for each in predicates]
    return {**fields, "payload_predicates": written}


def _condition(condition: ConditionInput, dumps: JsonDumps | None) -> Any:
    fields: Any = _present(condition) if isinstance(condition, AppendCondition) else condition
    if isinstance(fields, Mapping) and fields.get("fail_if_events_match") is not None:
        return {**fields, "fail_if_events_match": _query(fields["fail_if_events_match"], dumps)}
    return fields


def _present(
    value: AppendCondition | EventQuery | EventFilter | Retry | CursorEvery,
) -> dict[str, Any]:
    return {name: field for name in value.__slots__ if (field := getattr(value, name)) is not None}


def _encode(value: Any, name: str) -> str:
    parts: list[str] = []
    try:
        _write(value, parts.append)
    except _Refused as error:
        raise InvalidArgument(f"{error.where(name)}: {error}") from None
    except RecursionError:
        if _is_too_deep(value):
            raise InvalidArgument(f"{name}: nested too deeply; 127 levels are the limit") from None
        raise InvalidArgument(
            f"{name}: Python's recursion limit of {sys.getrecursionlimit()} was reached while it was "
            "encoded, since this call is itself made from deep inside other calls; raise it by "
            "sys.setrecursionlimit()"
        ) from None
    except RuntimeError as error:  # a dict that another thread changes
        raise InvalidArgument(f"{name}: {error}") from None
    return "".join(parts)


def _is_too_deep(value: Any) -> bool:
    """Reports, without recursion, whether the value has more levels than any payload may have. A
    level keeps each container once, so that a value that contains itself does not grow.
    """
    level = [value]
    for _ in range(_LEVELS_MAX + 1):
        containers = {id(each): each for each in level if isinstance(each, (Mapping, list, tuple))}
        if not containers:
            return False
        level = [
            item
            for each in containers.values()
            for item in (each.values() if isinstance(each, Mapping) else each)
        ]
    return True


def _write(value: Any, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out(_quoted(value))
    elif value is None:
        out("null")
    elif value is True:
        out("true")
    elif value is False:
        out("false")
    elif isinstance(value, int):
        if value.bit_length() > _INT_BITS_MAX:
            raise _Refused("a number has more than 1000 digits, which is the limit")
        out(int.__repr__(value))
    elif isinstance(value, float):
        out(_finite(math.isfinite(value), float.__repr__(value)))
    elif isinstance(value, (dict, Mapping)):
        separator = "{"
        plain = type(value) is dict
        inside: str | None = None  # the key whose value is being written
        try:
            for key, item in value.items():
                if type(key) is not str:
                    if not isinstance(key, str):
                        inside = None
                        kind = type(key).__name__
                        raise _Refused(
                            f"the key {key!r} is {kind}, and keys of JSON objects are strings"
                        )
                    plain = False
                inside = key
                out(separator)
                out(_quoted(key))
                out(":")
                _write(item, out)
                separator = ","
        except _Refused as refused:
            if inside is not None:
                refused.path.append(str.__str__(inside))
            raise
        out("}" if separator == "," else "{}")
        if not plain:
            _distinct(str.__str__(key) for key, _ in value.items())
    elif isinstance(value, (list, tuple)):
        separator = "["
        index = 0
        try:
            for item in value:
                out(separator)
                _write(item, out)
                separator = ","
                index += 1
        except _Refused as refused:
            refused.path.append(index)
            raise
        out("]" if separator == "," else "[]")
    elif isinstance(value, Decimal):
        out(_finite(value.is_finite(), Decimal.__str__(value)))
    elif isinstance(value, _Text):
        out(value.text)
    else:
        raise _Refused(
            f"{type(value).__name__} is no JSON value; "
            "convert it to a string, number, list or dict first"
        )


def _distinct(keys: Iterable[str]) -> None:
    """Refuses two keys of the same text, of which one would be lost. A dict of plain str has none;
    other mappings and subclasses of str may.
    """
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise _Refused(f"the key {key!r} is there twice")
        seen.add(key)


def _finite(is_finite: bool, text: str) -> str:
    if not is_finite:
        raise _Refused(f"{text} is no JSON number")
    return text
