from __future__ import annotations

import threading
import unittest
from typing import Any

import factstr
from support import WAIT_S, StoreCase, fact, on_every_store

SOLD = factstr.EventQuery(filters=[factstr.EventFilter(event_types=["Sold"])])


@on_every_store
class Decide(StoreCase):
    def test_eighty_callers_sell_a_stock_of_fifty_and_none_gives_up(self) -> None:  # G9 G10 G11
        answers: list[factstr.AppendResult | None] = []

        def sell(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
            return [fact("Sold")] if len(seen.event_records) < 50 else None

        threads = [
            threading.Thread(target=lambda: answers.append(self.store.decide(SOLD, sell)))
            for _ in range(80)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        self.assertEqual((len(answers), answers.count(None)), (80, 30))
        self.assertEqual(len(self.store.query(SOLD).event_records), 50)

    def test_a_decision_is_made_anew_until_the_attempts_are_spent(self) -> None:  # G9 G10
        for attempts in (1, 3):
            seen: list[int] = []

            def too_late(result: factstr.QueryResult, seen: list[int] = seen) -> list[Any]:
                seen.append(len(result.event_records))
                self.store.append([fact("Sold")])  # another caller is quicker each time
                return [fact("Mine")]

            with self.assertRaises(factstr.ConditionalAppendConflict):
                self.store.decide(SOLD, too_late, attempts=attempts)
            self.assertEqual(seen, list(range(seen[0], seen[0] + attempts)))
        self.assertEqual(len(self.store.query().event_records), 4)

    def test_what_ends_a_decision_is_raised_as_it_is(self) -> None:  # G13
        def refuse(_: factstr.QueryResult) -> list[Any]:
            raise ValueError("the account has too little")

        with self.assertRaisesRegex(ValueError, "too little"):
            self.store.decide(None, refuse)
        self.assertIsNone(self.store.decide(None, lambda _: None))
        self.assertIsNone(self.store.decide(None, lambda _: iter(())))
        wrong: tuple[Any, ...] = (0, -1, True, 1.5, None)
        for attempts in wrong:
            with self.assertRaises(factstr.InvalidArgument):
                self.store.decide(None, lambda _: [fact("a")], attempts=attempts)
        text: Any = "ab"
        with self.assertRaises(factstr.InvalidArgument):
            self.store.decide(None, lambda _: text)
        self.assertEqual(self.store.query().event_records, ())
        result = self.store.decide(None, lambda _: (fact("a"), fact("b")))
        self.assertEqual(result, factstr.AppendResult(1, 2, 2))


if __name__ == "__main__":
    unittest.main()
