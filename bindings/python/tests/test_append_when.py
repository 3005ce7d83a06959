from __future__ import annotations

import threading
import unittest
from typing import Any

import factstr
from support import WAIT_S, StoreCase, fact, on_every_store


def unless(event_type: str, after: int | None = None) -> factstr.AppendCondition:
    query = factstr.EventQuery(filters=[factstr.EventFilter(event_types=[event_type])])
    return factstr.AppendCondition(query, after)


@on_every_store
class AppendWhen(StoreCase):
    def test_it_appends_when_every_condition_holds(self) -> None:  # G9
        self.assertEqual(
            self.store.append_when([fact("a")], [unless("a"), unless("b")]),
            factstr.AppendResult(1, 1, 1),
        )
        typed: factstr.AppendConditionDict = {
            "fail_if_events_match": {"filters": [{"event_types": ["a"]}]},
            "after": 1,
        }
        self.assertEqual(self.store.append_when([fact("b")], (typed,)).first_sequence_number, 2)
        self.assertEqual(
            self.store.append_when([fact("b")], iter([unless("b", 2**63 - 1)])).committed_count, 1
        )
        self.assertEqual(self.store.append_when([fact("c")], []).first_sequence_number, 4)

    def test_a_conflict_names_the_first_condition_that_does_not_hold(self) -> None:  # G10 G2
        self.store.append([fact("a"), fact("b")])
        for conditions, index, actual in (
            ([unless("a", 1), unless("b", 1)], 1, 2),
            ([unless("a", 0), unless("b", 1)], 0, 1),
        ):
            with self.assertRaises(factstr.ConditionalAppendConflict) as raised:
                self.store.append_when([fact("x")], conditions)
            error = raised.exception
            self.assertEqual(
                (
                    error.condition_index,
                    error.expected_context_version,
                    error.actual_context_version,
                ),
                (index, None, actual),
            )
        with self.assertRaises(factstr.ConditionalAppendConflict) as raised:
            self.store.append_if([fact("x")], {}, None)
        self.assertIsNone(raised.exception.condition_index)
        self.assertEqual(self.store.append([fact("c")]).first_sequence_number, 3)

    def test_what_is_no_condition_is_refused_by_its_name(self) -> None:  # G13
        bad: tuple[tuple[Any, str], ...] = (
            (None, "conditions"),
            ({}, "conditions"),
            ("[]", "conditions"),
            (unless("a"), "conditions"),
            ([7], "conditions[0]"),
            ([{}], "conditions[0].fail_if_events_match"),
            ([{"fail_if_events_match": None}], "conditions[0].fail_if_events_match"),
            ([unless("a"), unless("a", -1)], "conditions[1].after"),
            ([unless("a", 2**63)], "conditions[0].after"),
            ([{"fail_if_events_match": {}, "expected": 1}], "conditions[0].expected"),
        )
        for conditions, name in bad:
            with self.assertRaises(factstr.InvalidArgument) as raised:
                self.store.append_when([fact("a")], conditions)
            self.assertIn(name, str(raised.exception))
        with self.assertRaises(factstr.EmptyAppend):
            self.store.append_when([], [unless("a")])
        self.assertEqual(self.store.query().event_records, ())

    def test_of_threads_that_race_for_the_last_place_one_wins(self) -> None:  # G11
        won: list[int] = []

        def race() -> None:
            try:
                won.append(self.store.append_when([fact("p")], [unless("p")]).first_sequence_number)
            except factstr.ConditionalAppendConflict as conflict:
                self.assertEqual(conflict.actual_context_version, 1)

        threads = [threading.Thread(target=race) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        self.assertEqual(won, [1])


if __name__ == "__main__":
    unittest.main()
