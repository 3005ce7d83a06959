"""The library's answers as values of Python, whatever other programs have stored.

Numbers keep their value: a fraction becomes a float only if that is exactly this number, else a
Decimal. The standard decoder reads nearly everything; what it refuses is read by _deep_json.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from ._deep_json import decode_deep
from ._inputs import JsonLoads
from ._reports import (
    Alternative,
    Backup,
    DurableCursor,
    Explanation,
    Finding,
    ParkedBatch,
    Statistics,
    Step,
    StreamProgress,
    StreamStatistics,
    Term,
    Verification,
)
from ._results import AppendResult, Batch, EventRecord, QueryResult
from .errors import FactstrError, InvalidArgument, InvalidState, error_of

ParseFloat = Callable[[str], Any]
_APPENDED = re.compile(
    rb'\{"first_sequence_number":(\d+),"last_sequence_number":(\d+),"committed_count":(\d+)\}'
)


def _fraction(text: str) -> float | Decimal:
    """Returns a float if it is exactly this number, else a Decimal."""
    value = float(text)
    # A float holds any 15 digits, except near the ends of its range; and what Python or JavaScript
    # wrote has the shortest spelling of a float.
    if (len(text) <= 16 and 1e-290 < abs(value) < 1e290) or repr(value) == text:
        return value
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the exponent of {text[:60]} is beyond that of any Decimal") from None
    return value if math.isfinite(value) and Decimal(repr(value)) == exact else exact


def _integer(text: str) -> int | Decimal:
    """Returns an int, or a Decimal if Python refuses to make an int of so many digits."""
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


class Decoder:
    """Decodes the answers of one store. `parse_float` makes fractions from their text; the default,
    float, means _fraction. `loads` decodes answers that hold payloads instead.
    """

    def __init__(self, parse_float: ParseFloat, loads: JsonLoads | None = None) -> None:
        if loads is not None and parse_float is not float:
            raise InvalidArgument("give either parse_float or json_loads, which makes all numbers")
        self._loads = loads
        self._parse_float: ParseFloat = _fraction if parse_float is float else parse_float
        self._standard = json.JSONDecoder(parse_float=self._parse_float).decode

    def _decode(self, text: bytes) -> Any:
        try:
            decoded = text.decode()
            try:
                return self._standard(decoded)
            except (RecursionError, ValueError):
                # Nested too deeply, or an integer with too many digits.
                return decode_deep(decoded, self._parse_float, _integer)
        except (ValueError, ArithmeticError) as error:
            raise InvalidState(f"a stored value cannot be held by Python: {error}") from error

    def _with_payloads(self, text: bytes) -> Any:
        if self._loads is None:
            return self._decode(text)
        try:
            return self._loads(text)
        except Exception as error:
            raise InvalidState(f"json_loads cannot read a stored value: {error}") from error

    def append_result(self, text: bytes) -> AppendResult:
        found = _APPENDED.fullmatch(text)
        if found is not None:  # in a third of the time
            return AppendResult(*map(int, found.groups()))
        fields = self._decode(text)
        return AppendResult(
            fields["first_sequence_number"],
            fields["last_sequence_number"],
            fields["committed_count"],
        )

    def query_result(self, text: bytes) -> QueryResult:
        fields = self._with_payloads(text)
        return QueryResult(
            _records(fields["event_records"]),
            fields["last_returned_sequence_number"],
            fields["current_context_version"],
        )

    def page(self, text: bytes) -> tuple[tuple[EventRecord, ...], bool]:
        """Returns the records of a page, and whether more follow."""
        fields = self._with_payloads(text)
        return _records(fields["event_records"]), fields["more"]

    def batches(self, text: bytes) -> Iterator[Batch]:
        """Yields the batches of a text. Those before one that cannot be read come first."""
        try:
            decoded = self._with_payloads(text)
        except InvalidState:
            yield from map(_batch, self._readable(text.decode()))
            raise
        yield from map(_batch, decoded)

    def _readable(self, text: str) -> Iterator[dict[str, Any]]:
        if self._loads is not None:
            return
        decode = json.JSONDecoder(parse_float=self._parse_float).raw_decode
        start = 1
        while True:
            try:
                batch, start = decode(text, start)
            except (RecursionError, ValueError, ArithmeticError):
                return
            yield batch
            start += 1  # the comma

    def progress(self, text: bytes) -> StreamProgress:
        return _progress(self._decode(text))

    def statistics(self, text: bytes) -> Statistics:
        fields = self._decode(text)
        fields["failure"] = _failure(fields)
        fields["streams"] = tuple(
            StreamStatistics(
                each["number"], each["durable_name"], each["lag"], each["parked"], _progress(each)
            )
            for each in fields["streams"]
        )
        return Statistics(**{name: fields[name] for name in Statistics.__slots__})

    def explanation(self, text: bytes) -> Explanation:
        fields = self._decode(text)
        fields["alternatives"] = tuple(
            Alternative(
                tuple(Term(term["term"], term["facts"], term["drives"]) for term in each["terms"]),
                each["terms_more"],
            )
            for each in fields["alternatives"]
        )
        fields["steps"] = tuple(_step(each) for each in fields["steps"])
        return Explanation(**{name: fields[name] for name in Explanation.__slots__})

    def backup(self, text: bytes) -> Backup:
        fields = self._decode(text)
        return Backup(**{name: fields[name] for name in Backup.__slots__})

    def verification(self, text: bytes) -> Verification:
        fields = self._decode(text)
        fields["findings"] = tuple(
            Finding(**{name: each[name] for name in Finding.__slots__})
            for each in fields["findings"]
        )
        return Verification(**{name: fields[name] for name in Verification.__slots__})

    def cursors(self, text: bytes) -> tuple[DurableCursor, ...]:
        return tuple(
            DurableCursor(
                each["name"],
                each["query"],
                each["cursor"],
                each["lag_events"],
                None if each["lag_seconds"] is None else float(each["lag_seconds"]),
                each["held_by"],
                each["parked"],
            )
            for each in self._decode(text)["cursors"]
        )

    def parked(self, text: bytes) -> tuple[ParkedBatch, ...]:
        return tuple(
            ParkedBatch(**{name: each[name] for name in ParkedBatch.__slots__})
            for each in self._decode(text)["parked"]
        )

    def parked_found(self, text: bytes) -> int:
        return int(self._decode(text)["batches"])

    def stream_number(self, text: bytes, handle: int) -> int | None:
        """Returns the number of a stream in its store, from the store's statistics."""
        streams = self._decode(text)["streams"]
        return next((each["number"] for each in streams if each["handle"] == handle), None)


def _step(fields: dict[str, Any]) -> Step:
    if fields["server_plan"] is not None:
        fields["server_plan"] = tuple(fields["server_plan"])
    return Step(**{name: fields[name] for name in Step.__slots__})


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


def _batch(delivery: dict[str, Any]) -> Batch:
    batch = Batch(_records(delivery["event_records"]))
    batch.position = delivery["position"]
    return batch


def _records(records: list[dict[str, Any]]) -> tuple[EventRecord, ...]:
    return tuple(
        EventRecord(
            each["sequence_number"], each["occurred_at"], each["event_type"], each["payload"]
        )
        for each in records
    )
