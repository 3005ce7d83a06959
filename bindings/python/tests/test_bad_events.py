"""Bad events raise the error with the right code and change nothing; the store still works."""

from __future__ import annotations

import inspect
import sys
import unittest
from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any
from uuid import uuid4

import factstr
from factstr import InvalidArgument
from support import StoreCase, fact, nested, on_every_store


@on_every_store
class BadEvents(StoreCase):
    def test_malformed_json_is_refused(self) -> None:
        for text in (
            b"",
            b"[",
            b"[{]",
            b'[{"event_type":"a","payload":1}',
            b'[{"event_type":"a","payload":01}]',
            b"[] []",
            b"nul",
        ):
            with self.subTest(text), self.refused(InvalidArgument):
                self.raw_append(text)

    def test_text_that_is_not_utf8_is_refused(self) -> None:
        for text in (b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"):
            with self.subTest(text), self.refused(InvalidArgument):
                self.raw_append(b'[{"event_type":"a","payload":"' + text + b'"}]')

    def test_a_lone_surrogate_is_refused(self) -> None:
        for event in (
            fact("\ud800"),
            fact("a", "\udfff"),
            fact("a", {"\ud800": 1}),
            fact("a", ["x\ud83d"]),
        ):
            with self.subTest(event=repr(event)), self.refused(InvalidArgument, "surrogate"):
                self.store.append([event])

    def test_the_character_zero_is_refused(self) -> None:
        for event in (fact("a\0"), fact("a", "\0"), fact("a", {"\0": 1})):
            with self.subTest(event=repr(event)), self.refused(InvalidArgument, r"U\+0000"):
                self.store.append([event])

    def test_127_levels_are_stored_and_128_refused(self) -> None:
        self.store.append([factstr.NewEvent("deep", nested(127))])
        for depth in (128, 500, 100_000):
            with self.subTest(depth=depth), self.refused(InvalidArgument, "127"):
                self.store.append([factstr.NewEvent("deep", nested(depth))])

    def test_a_call_near_the_recursion_limit_of_python_is_refused_for_that_reason(self) -> None:
        def append(calls: int) -> None:
            if calls:
                append(calls - 1)
            else:
                self.store.append([factstr.NewEvent("deep", nested(100))])

        # Too close to the limit for encoding 100 levels, but not for refusing them.
        calls = sys.getrecursionlimit() - len(inspect.stack(0)) - 60
        with self.refused(InvalidArgument, f"recursion limit of {sys.getrecursionlimit()}"):
            append(calls)

    def test_a_value_that_contains_itself_is_refused(self) -> None:
        circle: list[Any] = []
        circle.append(circle)
        with self.refused(InvalidArgument, "contains itself|too deep"):
            self.store.append([fact("a", circle)])
        with self.refused(InvalidArgument, "contains itself|too deep"):
            self.store.append([fact("a", {"wide": [circle] * 1000})])

    def test_16_mib_are_stored_and_one_byte_more_refused(self) -> None:
        most = 16 * 1024 * 1024
        self.store.append([fact("big", "x" * (most - 2))])
        self.assertEqual(len(self.store.query().event_records[0].payload), most - 2)
        with self.refused(InvalidArgument, "payload"):
            self.store.append([fact("big", "x" * (most - 1))])

    def test_10_000_events_are_a_batch_and_10_001_are_refused(self) -> None:
        self.assertEqual(self.store.append([fact("a")] * 10_000).committed_count, 10_000)
        with self.refused(InvalidArgument, "10000"):
            self.store.append([fact("a")] * 10_001)

    def test_an_unknown_field_is_refused_by_name(self) -> None:
        with self.refused(InvalidArgument, "occured"):
            self.store.append([{"event_type": "a", "payload": 1, "occured": 2}])  # type: ignore[list-item]

    def test_a_missing_field_is_refused_by_name(self) -> None:
        with self.refused(InvalidArgument, "payload"):
            self.store.append([{"event_type": "a"}])  # type: ignore[list-item]
        with self.refused(InvalidArgument, "event_type"):
            self.store.append([{"payload": 1}])  # type: ignore[list-item]

    def test_a_number_where_a_string_belongs_is_refused(self) -> None:
        events: list[Any] = [
            {"event_type": 7, "payload": 1},
            {"event_type": None, "payload": 1},
            7,
            None,
            ["a", 1],
        ]
        for event in events:
            with self.subTest(event=event), self.refused(InvalidArgument):
                self.store.append([event])

    def test_an_event_type_has_1000_bytes_at_most(self) -> None:
        self.store.append([fact("é" * 500), fact("")])
        with self.refused(InvalidArgument, "event_type"):
            self.store.append([fact("é" * 500 + "x")])

    def test_a_value_that_is_not_a_list_of_events_is_refused(self) -> None:
        for events in ({"event_type": "a", "payload": 1}, fact("a"), "events", b"[]", 7, None):
            with self.subTest(events=events), self.refused(InvalidArgument, "list of events"):
                self.store.append(events)  # type: ignore[arg-type]  # wrong on purpose

    def test_values_that_json_does_not_have_are_refused(self) -> None:
        infinite = float("inf")
        for payload in (
            b"bytes",
            {1, 2},
            object(),
            1j,
            infinite,
            -infinite,
            float("nan"),
            Decimal("NaN"),
            Decimal("-Infinity"),
        ):
            with (
                self.subTest(payload=type(payload)),
                self.refused(InvalidArgument, r"events\[1\].*no JSON"),
            ):
                self.store.append([fact("good"), fact("a", [payload])])

    def test_keys_that_are_not_strings_are_refused(self) -> None:
        for payload in ({1: "a"}, {None: 1}, {True: 1}, {1.5: 1}, {("a",): 1}):
            with self.subTest(payload), self.refused(InvalidArgument, "key"):
                self.store.append([fact("a", payload)])

    def test_numbers_out_of_range_are_refused(self) -> None:
        for number in (
            10**400,
            10**5000,
            Decimal("1e400"),
            Decimal("-1e309"),
            Decimal("1." + "1" * 1001),
        ):
            with self.subTest(type=type(number)), self.refused(InvalidArgument):
                self.store.append([fact("a", number)])

    def test_subclasses_of_numbers_and_strings_are_stored_as_their_value(self) -> None:
        class Level(IntEnum):
            high = 3

        class Name(str):
            __slots__ = ()

        self.store.append([fact(Name("a"), {Name("k"): [Level.high, Name("v")]})])
        self.assertEqual(self.store.query().event_records[0].payload, {"k": [3, "v"]})

    def test_an_overridden_str_does_not_change_what_is_stored(self) -> None:
        class Price(Decimal):
            def __str__(self) -> str:
                return '0, "paid": true'

        class Name(str):
            __slots__ = ()

            def __str__(self) -> str:
                return "printed"

        self.store.append([fact("a", {"price": Price("9.5"), Name("k"): Name("v")})])
        self.assertEqual(self.store.query().event_records[0].payload, {"price": 9.5, "k": "v"})

    def test_keys_of_the_same_text_are_refused(self) -> None:
        class Own(str):
            __slots__ = ()
            __hash__ = object.__hash__

            def __eq__(self, other: object) -> bool:
                return self is other

        class Pairs(Mapping[str, int]):
            def __getitem__(self, key: str) -> int:
                return 1

            def __iter__(self) -> Iterator[str]:
                return iter(("k", "k"))

            def __len__(self) -> int:
                return 2

        for payload in ({Own("k"): 1, Own("k"): 2}, {"k": 1, Own("k"): 2}, Pairs()):
            with self.subTest(payload), self.refused(InvalidArgument, "'k' is there twice"):
                self.store.append([fact("a", payload)])
        self.store.append([fact("a", {"first": 1, Own("k"): 2, "last": 3})])

    def test_other_mappings_become_objects(self) -> None:
        self.store.append(
            [fact("a", ChainMap({"a": 1}, {"b": 2})), fact("a", defaultdict(int, c=3))]
        )
        self.assertEqual(
            [record.payload for record in self.store.query().event_records],
            [{"a": 1, "b": 2}, {"c": 3}],
        )

    def test_values_of_other_types_are_refused_by_the_name_of_their_type(self) -> None:
        @dataclass
        class Seat:
            name: str

        values: tuple[Any, ...] = (
            datetime.now(timezone.utc),
            date(2026, 1, 1),
            Fraction(1, 3),
            uuid4(),
            Seat("A1"),
            bytearray(b"x"),
            {}.keys(),
            iter([1]),
        )
        for value in values:
            with (
                self.subTest(type(value)),
                self.refused(InvalidArgument, f"{type(value).__name__} is no JSON value"),
            ):
                self.store.append([fact("a", {"value": value})])


if __name__ == "__main__":
    unittest.main()
