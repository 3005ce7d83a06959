"""Values to JSON text and back, exactly: integers of any size and Decimals go as they are, and
nothing is converted silently.

The standard encoder cannot do this: it turns the keys 1 and True into strings, and has no place
for a Decimal. A walk that looks for both and the standard encoder after it take together as long
as this one (measured).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from json.encoder import (
    encode_basestring_ascii as _quoted,
)  # lone surrogates become escapes, which the library refuses by name
from typing import Any

from ._deep_json import decode_deep
from ._types import (
    AppendResult,
    CursorEvery,
    EventFilter,
    EventQuery,
    EventRecord,
    NewEvent,
    QueryInput,
    QueryResult,
    Retry,
    Statistics,
    StreamProgress,
    StreamStatistics,
)
from .errors import FactstrError, InvalidArgument, InvalidState, error_of

ParseFloat = Callable[[str], Any]
_LEVELS_MAX = 127 + 4  # a payload's, and those of the query around it
_INT_BITS_MAX = 3322  # what 1,000 digits have; Python itself turns no more than 4,300 into text


def encode_events(events: Iterable[Any]) -> bytes:
    # A mapping or a string would be taken apart silently, and is surely one event without its list.
    if isinstance(events, (Mapping, str, bytes, NewEvent)) or not isinstance(events, Iterable):
        raise InvalidArgument(f"events must be a list of events, not {type(events).__name__}")
    texts = [_encode(_event(event), f"events[{index}]") for index, event in enumerate(events)]
    return f"[{','.join(texts)}]".encode("ascii")


def encode_query(query: QueryInput | None) -> bytes | None:
    """None means all facts, as the C API has it."""
    return None if query is None else _encode(_query(query), "query").encode("ascii")


def encode_registration(
    query: QueryInput | None, durable: str | None, retry: Any, cursor_every: Any
) -> bytes:
    registration: dict[str, Any] = {}
    if query is not None:
        registration["query"] = _query(query)
    if durable is not None:
        registration["durable"] = {"name": durable}
    if retry is not None:
        registration["retry"] = _present(retry) if isinstance(retry, Retry) else retry
    if cursor_every is not None:
        registration["cursor_every"] = (
            _present(cursor_every) if isinstance(cursor_every, CursorEvery) else cursor_every
        )
    return _encode(registration, "registration").encode("ascii")


def encode_options(options: Mapping[str, Any]) -> bytes | None:
    present = {name: value for name, value in options.items() if value is not None}
    return _encode(present, "options").encode("ascii") if present else None


def _event(event: Any) -> Any:
    return (
        {"event_type": event.event_type, "payload": event.payload}
        if isinstance(event, NewEvent)
        else event
    )


def _query(query: QueryInput) -> Any:
    fields: Any = _present(query) if isinstance(query, EventQuery) else query
    filters = fields.get("filters") if isinstance(fields, Mapping) else None
    if isinstance(filters, (list, tuple)):
        return {
            **fields,
            "filters": [
                _present(each) if isinstance(each, EventFilter) else each for each in filters
            ],
        }
    return fields


def _present(value: EventQuery | EventFilter | Retry | CursorEvery) -> dict[str, Any]:
    return {name: field for name in value.__slots__ if (field := getattr(value, name)) is not None}


def _encode(value: Any, name: str) -> str:
    parts: list[str] = []
    try:
        _write(value, parts.append)
    except ValueError as error:
        raise InvalidArgument(f"{name}: {error}") from None
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
    """Reports whether no payload of this depth is allowed, without recursion. Each level is kept
    without duplicates, so that a value that contains itself does not grow from level to level.
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
            raise ValueError("a number has more than 1000 digits, which is the limit")
        out(int.__repr__(value))
    elif isinstance(value, float):
        out(_finite(math.isfinite(value), float.__repr__(value)))
    elif isinstance(value, Mapping):
        separator = "{"
        plain = type(value) is dict
        for key, item in value.items():
            if type(key) is not str:
                if not isinstance(key, str):
                    raise ValueError(
                        f"the key {key!r} is {type(key).__name__}, and keys of JSON objects are strings"
                    )
                plain = False
            out(separator)
            out(_quoted(key))
            out(":")
            _write(item, out)
            separator = ","
        out("}" if separator == "," else "{}")
        if not plain:
            _distinct(str.__str__(key) for key, _ in value.items())
    elif isinstance(value, (list, tuple)):
        separator = "["
        for item in value:
            out(separator)
            _write(item, out)
            separator = ","
        out("]" if separator == "," else "[]")
    elif isinstance(value, Decimal):
        out(_finite(value.is_finite(), Decimal.__str__(value)))
    else:
        raise ValueError(
            f"{type(value).__name__} is no JSON value; convert it to a string, number, list or dict first"
        )


def _distinct(keys: Iterable[str]) -> None:
    """Other mappings than a dict, and other keys than a str, may have two of the same text; one
    value would be lost.
    """
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"the key {key!r} is there twice")
        seen.add(key)


def _finite(is_finite: bool, text: str) -> str:
    if not is_finite:
        raise ValueError(f"{text} is no JSON number")
    return text


def _fraction(text: str) -> float | Decimal:
    """A float if it stands for exactly this number, else a Decimal: never another number."""
    value = float(text)
    # A float holds 15 digits, save near the ends of its range. What Python or JavaScript wrote
    # comes back as it was.
    if (len(text) <= 16 and 1e-290 < abs(value) < 1e290) or repr(value) == text:
        return value
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the exponent of {text[:60]} is beyond that of any Decimal") from None
    return value if math.isfinite(value) and Decimal(repr(value)) == exact else exact


def _integer(text: str) -> int | Decimal:
    """An int, or a Decimal where Python makes no int of so many digits."""
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


class Decoder:
    """Reads the library's answers, whatever other programs have stored. Fractions become what
    `parse_float` makes of their text.

    Left at float they become a float if that is the very number, else a Decimal.
    """

    def __init__(self, parse_float: ParseFloat) -> None:
        self._parse_float: ParseFloat = _fraction if parse_float is float else parse_float
        self._standard = json.JSONDecoder(parse_float=self._parse_float).decode

    def _decode(self, text: bytes) -> Any:
        try:
            decoded = text.decode()
            try:
                return self._standard(decoded)
            except (
                RecursionError,
                ValueError,
            ):  # nested too deeply, or an integer with too many digits
                return decode_deep(decoded, self._parse_float, _integer)
        except (ValueError, ArithmeticError) as error:
            raise InvalidState(
                f"what is stored is nothing that Python can hold: {error}"
            ) from error

    def append_result(self, text: bytes) -> AppendResult:
        fields = self._decode(text)
        return AppendResult(
            fields["first_sequence_number"],
            fields["last_sequence_number"],
            fields["committed_count"],
        )

    def query_result(self, text: bytes) -> QueryResult:
        fields = self._decode(text)
        return QueryResult(
            _records(fields["event_records"]),
            fields["last_returned_sequence_number"],
            fields["current_context_version"],
        )

    def batch(self, text: bytes) -> tuple[EventRecord, ...]:
        return _records(self._decode(text))

    def progress(self, text: bytes) -> StreamProgress:
        return _progress(self._decode(text))

    def statistics(self, text: bytes) -> Statistics:
        fields = self._decode(text)
        fields["failure"] = _failure(fields)
        fields["streams"] = tuple(
            StreamStatistics(each["number"], each["durable_name"], each["lag"], _progress(each))
            for each in fields["streams"]
        )
        return Statistics(**{name: fields[name] for name in Statistics.__slots__})

    def stream_number(self, text: bytes, handle: int) -> int | None:
        """Returns the number of a stream in its store, from the store's statistics."""
        streams = self._decode(text)["streams"]
        return next((each["number"] for each in streams if each["handle"] == handle), None)


def _progress(fields: dict[str, Any]) -> StreamProgress:
    return StreamProgress(
        fields["state"],
        fields["position"],
        fields["replay_target"],
        fields["stored_cursor"],
        _failure(fields),
    )


def _failure(fields: dict[str, Any]) -> FactstrError | None:
    failure = fields["failure"]
    return None if failure is None else error_of(failure["code"], failure)


def _records(records: list[dict[str, Any]]) -> tuple[EventRecord, ...]:
    return tuple(
        EventRecord(
            each["sequence_number"], each["occurred_at"], each["event_type"], each["payload"]
        )
        for each in records
    )
