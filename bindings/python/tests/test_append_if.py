from __future__ import annotations

import threading
import unittest

import factstr
from support import WAIT_S, StoreCase, fact, numbers, on_every_store

OPENED = factstr.EventQuery(filters=[factstr.EventFilter(event_types=["Opened"])])


@on_every_store
class AppendIf(StoreCase):
    def test_it_appends_when_the_context_is_the_expected_one(self) -> None:  # G9
        self.assertEqual(
            self.store.append_if([fact("Opened")], OPENED, None), factstr.AppendResult(1, 1, 1)
        )
        self.store.append([fact("Other")])
        self.assertEqual(self.store.append_if([fact("Opened")], OPENED, 1).first_sequence_number, 3)

    def test_a_conflict_holds_both_versions_and_consumes_no_number(self) -> None:  # G10 G2
        self.store.append([fact("Opened")])
        with self.assertRaises(factstr.ConditionalAppendConflict) as raised:
            self.store.append_if([fact("Opened")], OPENED, None)
        self.assertEqual(
            (raised.exception.expected_context_version, raised.exception.actual_context_version),
            (None, 1),
        )
        with self.assertRaises(factstr.ConditionalAppendConflict) as raised:
            self.store.append_if([fact("x")], {"filters": [{"event_types": ["None"]}]}, 1)
        self.assertEqual(
            (raised.exception.expected_context_version, raised.exception.actual_context_version),
            (1, None),
        )
        self.assertEqual(self.store.append([fact("Other")]).first_sequence_number, 2)

    def test_the_cursor_of_the_context_is_ignored(self) -> None:  # G9
        self.store.append([fact("Opened"), fact("Opened")])
        self.assertEqual(
            self.store.append_if(
                [fact("x")], {"min_sequence_number": 2, "limit": 1}, 2
            ).first_sequence_number,
            3,
        )

    def test_none_as_context_is_every_fact(self) -> None:  # G9 G12
        self.store.append_if([fact("a")], None, None)
        with self.assertRaises(factstr.ConditionalAppendConflict):
            self.store.append_if([fact("b")], None, None)
        self.store.append_if([fact("b")], {}, 1)

    def test_an_empty_append_is_refused_before_other_arguments_are_checked(self) -> None:  # G4
        for query, expected in (
            (None, 7),
            ({"unknown": 1}, -1),
            ({"filters": [{"event_types": object()}]}, None),
        ):
            with self.refused(factstr.EmptyAppend):
                self.store.append_if([], query, expected)  # type: ignore[arg-type]

    def test_of_racing_threads_one_wins_each_round(self) -> None:  # G11
        threads, rounds = 8, 25
        winners: list[int] = []
        conflicts: list[int | None] = []
        barrier = threading.Barrier(threads, timeout=WAIT_S)

        def race(me: int) -> None:
            for turn in range(rounds):
                context: factstr.EventQueryDict = {"filters": [{"event_types": [f"Taken{turn}"]}]}
                barrier.wait()
                try:
                    winners.append(
                        self.store.append_if(
                            [fact(f"Taken{turn}", me)], context, None
                        ).first_sequence_number
                    )
                except factstr.ConditionalAppendConflict as conflict:
                    conflicts.append(conflict.actual_context_version)

        racers = [threading.Thread(target=race, args=(number,)) for number in range(threads)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        self.assertEqual(winners, list(range(1, rounds + 1)))
        self.assertEqual(len(conflicts), rounds * (threads - 1))
        self.assertEqual(numbers(self.store.query()), winners)


if __name__ == "__main__":
    unittest.main()
