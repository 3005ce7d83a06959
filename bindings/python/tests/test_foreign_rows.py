"""Rows that other programs wrote, with values that this package would never store: each is returned
with its exact value, or raises a FactstrError.
"""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import unittest
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from typing import Any

import factstr
import server
from support import WAIT_S, Batch, Deliveries, StoreCase, on_persistent_stores

# The stored text, and the type that holds exactly this number.
NUMBERS: dict[str, type] = {
    "1.50": float,
    "0.1": float,
    "-0.0": float,
    "1E5": float,
    "2.5e-7": float,
    "5e-324": float,
    "1.7976931348623157e308": float,
    "0.30000000000000004": float,
    "9007199254740993": int,
    "9" * 4000: int,
    "0.1000000000000000055511151231257827": Decimal,
    "0.12345678901234567890": Decimal,
    "1.23456789e-320": Decimal,
    "1e400": Decimal,
    "-1.5e-400": Decimal,
}


# In another process: a second SQLite in this one would drop the store's locks.
INSERT = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("INSERT INTO events VALUES (1, '2026-01-01T00:00:00Z', 'a', ?)", sys.argv[2:])
"""


def nested(depth: int) -> str:
    return '{"a":[' * (depth // 2) + '"[{", 1.5, -7, true, null, {}' + "]}" * (depth // 2)


def innermost(value: Any) -> Any:
    while isinstance(value, dict) or (isinstance(value, list) and len(value) == 1):
        value = value["a"] if isinstance(value, dict) else value[0]
    return value


@contextmanager
def log_held_back() -> Iterator[None]:
    logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


class ForeignRowsCase(StoreCase):
    def store_foreign(self, *payloads: str) -> None:
        rows = [
            (number, "2026-01-01T00:00:00Z", "a", payload)
            for number, payload in enumerate(payloads, 1)
        ]
        self.store.close()
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.place)) as database, database:
                database.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        else:
            for number, occurred_at, event_type, payload in rows:
                server.run(
                    f"INSERT INTO {self.place}.events "
                    f"VALUES ({number}, '{occurred_at}', '{event_type}', '{payload}')"
                )
        self.reopen()

    def payloads(self) -> list[Any]:
        """Returns the payloads of a query, and checks that a stream delivers the same."""
        records = self.store.query().event_records
        got = Deliveries()
        with self.store.stream_all_durable("name", got):
            streamed = [record.payload for _ in records for record in got.next()]
        self.assertEqual(len(streamed), len(records))
        self.assertTrue(
            all(
                type(a) is type(b)
                for a, b in zip(streamed, (record.payload for record in records), strict=True)
            )
        )
        return [record.payload for record in records]


@on_persistent_stores
class ForeignRows(ForeignRowsCase):
    def test_a_number_is_never_another_number(self) -> None:  # G14
        self.store_foreign(*NUMBERS)
        for (stored, kind), payload in zip(NUMBERS.items(), self.payloads(), strict=True):
            with self.subTest(stored[:40]):
                self.assertEqual(Decimal(str(payload)), Decimal(stored))
                self.assertIs(
                    type(payload),
                    int
                    if self.kind == "postgres" and "e" in stored.lower() and payload > 1
                    else kind,
                )

    def test_an_integer_with_more_digits_than_python_reads_is_a_decimal(self) -> None:  # G14
        self.store_foreign("9" * 100_000, f"[{'-' + '7' * 5000}]")
        first, second = self.payloads()
        self.assertEqual(first, Decimal("9" * 100_000))
        self.assertEqual(second, [Decimal("-" + "7" * 5000)])

    def test_values_nested_deeper_than_python_recurses_are_returned_whole(self) -> None:
        depth = 100_000 if self.kind == "sqlite" else 3_000  # the server has a limit of its own
        self.store_foreign(nested(depth))
        (payload,) = self.payloads()
        self.assertEqual(innermost(payload), ["[{", 1.5, -7, True, None, {}])

    def test_parse_float_decimal_works_at_any_depth(self) -> None:  # G14
        self.store_foreign(nested(3_000))
        store = self.open(parse_float=Decimal)
        self.assertEqual(
            repr(innermost(store.query().event_records[0].payload)[1]), "Decimal('1.5')"
        )


class ForeignRowsOfSqlite(ForeignRowsCase):
    """Values that jsonb does not hold."""

    def test_values_that_python_cannot_hold_are_an_error_and_end_a_stream(self) -> None:
        cases: dict[str, tuple[type[factstr.FactstrError], str]] = {
            "1e99999999999999999999": (factstr.InvalidState, "exponent"),
            "[1.5, -1E-99999999999999999999]": (factstr.InvalidState, "exponent"),
            "NaN": (factstr.Corrupt, "JSON"),
        }
        for payload, (error, message) in cases.items():
            with self.subTest(payload):
                self.place = self.new_place()
                self.reopen()
                self.store_foreign(payload)
                with self.assertRaisesRegex(error, message):
                    self.store.query()
                with self.assertRaisesRegex(error, message), log_held_back():
                    self.store.stream_all_durable("name", self.never)
                self.assertEqual(
                    self.store.append([factstr.NewEvent("a", 1)]).first_sequence_number, 2
                )

    def test_a_live_stream_that_meets_one_ends_with_an_error(self) -> None:  # G21
        subscription = self.store.stream_all(self.never)
        with self.assertLogs("factstr", "ERROR"):
            subprocess.run(
                [sys.executable, "-c", INSERT, self.place, "1e99999999999999999999"], check=True
            )
            self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsInstance(subscription.error, factstr.InvalidState)

    def never(self, batch: Batch) -> None:
        self.fail(f"delivered {batch}")

    def test_duplicate_keys_and_lone_surrogates_are_returned_as_python_reads_them(
        self,
    ) -> None:  # G14
        self.store_foreign('{"a":1,"a":2}', '"\\ud800"', '"\\u0000"')
        self.assertEqual(self.payloads(), [{"a": 2}, "\ud800", "\0"])


if __name__ == "__main__":
    unittest.main()
