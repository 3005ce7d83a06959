from __future__ import annotations

import re
import unittest
from decimal import Decimal
from typing import Any

import factstr
from support import StoreCase, fact, numbers, on_every_store, on_persistent_stores, same_json


@on_every_store
class Append(StoreCase):
    def test_a_batch_gets_one_consecutive_range(self) -> None:  # G2 G3
        self.assertEqual(self.store.append([fact("a"), fact("b")]), factstr.AppendResult(1, 2, 2))
        self.assertEqual(self.store.append([fact("c")]), factstr.AppendResult(3, 3, 1))

    def test_dicts_and_dataclasses_store_the_same(self) -> None:
        self.store.append([factstr.NewEvent("a", [1]), {"event_type": "a", "payload": [1]}])
        first, second = self.store.query().event_records
        self.assertEqual((first.event_type, first.payload), (second.event_type, second.payload))

    def test_any_iterable_of_events_is_a_batch(self) -> None:
        self.assertEqual(self.store.append(fact(name) for name in "abc").committed_count, 3)
        self.assertEqual(self.store.append((fact("d"),)).committed_count, 1)

    def test_no_event_is_an_empty_append(self) -> None:  # G4
        with self.refused(factstr.EmptyAppend):
            self.store.append([])

    def test_occurred_at_is_one_time_in_utc_for_the_batch(self) -> None:  # G6
        self.store.append([fact("a"), fact("b")])
        first, second = self.store.query().event_records
        self.assertRegex(first.occurred_at, re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"))
        self.assertEqual(first.occurred_at, second.occurred_at)

    def test_every_json_value_comes_back_equal(self) -> None:  # G14
        payloads: list[Any] = [
            None,
            True,
            False,
            0,
            -1,
            2**53 + 1,
            -(2**63),
            10**308,
            0.1,
            -0.5,
            1e15,
            "",
            'é \U0001f600   \\ " / \t',
            [],
            {},
            [[], [[1, [2]]], {"a": {"b": [None]}}],
            {"": 1, "a.b": {"'": '"'}},
        ]
        self.store.append([factstr.NewEvent("Value", payload) for payload in payloads])
        for record, payload in zip(self.store.query().event_records, payloads, strict=True):
            self.assertEqual((record.payload, type(record.payload)), (payload, type(payload)))

    def test_tuples_and_decimals_become_arrays_and_exact_numbers(self) -> None:  # G14
        exact = Decimal("0.1000000000000000055511151231257827021181583404541015625")
        self.store.append(
            [fact("Value", {"tuple": (1, 2), "decimal": exact, "tiny": Decimal("1E-200")})]
        )
        self.assertEqual(
            self.store.query().event_records[0].payload,
            {"tuple": [1, 2], "decimal": float(exact), "tiny": 1e-200},
        )

    def test_parse_float_decimal_returns_decimals_exactly(self) -> None:  # G14
        exact = Decimal("3.14159265358979323846264338327950288419716939937510")
        self.store.close()
        store = self.open(parse_float=Decimal)
        store.append([fact("Value", {"pi": exact, "three": 3})])
        payload = store.query().event_records[0].payload
        self.assertEqual(payload, {"pi": exact, "three": 3})
        self.assertIs(type(payload["three"]), int)

    def test_the_result_is_frozen(self) -> None:
        result = self.store.append([fact("a")])
        with self.assertRaises(AttributeError):
            result.committed_count = 2  # type: ignore[misc]  # wrong on purpose

    def test_the_limits_of_a_store_are_options(self) -> None:
        self.store.close()
        self.store = self.open(batch_events_max=2)
        with self.refused(factstr.InvalidArgument, "events .*2"):
            self.store.append([fact("a")] * 3)


@on_persistent_stores
class PersistentAppend(StoreCase):
    def test_facts_are_still_there_after_the_database_is_opened_again(self) -> None:  # G1 G5
        self.store.append([fact("a", {"n": 1}), fact("b", {"n": 2})])
        before = self.store.query()
        self.assertEqual(self.reopen().query(), before)
        self.assertEqual(self.store.append([fact("c")]).first_sequence_number, 3)

    def test_a_number_with_an_exponent_comes_back_equal(self) -> None:  # G14
        # PostgreSQL writes the digits out, so the number may come back as an int.
        self.store.close()
        self.open(parse_float=Decimal).append(
            [fact("Value", [1e300, Decimal("-2.5E+20"), Decimal("1E-20")])]
        )
        payload = self.open(parse_float=Decimal).query().event_records[0].payload
        self.assertTrue(same_json(payload, [10**300, -(25 * 10**19), Decimal("1E-20")]), payload)

    def test_two_stores_on_one_database_share_one_log(self) -> None:  # G2
        with self.open() as other:
            other.append([fact("a")])
            self.assertEqual(self.store.append([fact("b")]).first_sequence_number, 2)
            self.assertEqual(numbers(other.query()), [1, 2])


if __name__ == "__main__":
    unittest.main()
