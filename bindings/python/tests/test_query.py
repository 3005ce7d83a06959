from __future__ import annotations

import unittest
from typing import Any

from factstr import EventFilter, EventQuery, QueryResult
from support import StoreCase, fact, numbers, on_every_store


@on_every_store
class Query(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.append(
            [fact("Opened", {"account": "a", "tags": ["x", "y"]}), fact("Opened", {"account": "b"})]
        )
        self.store.append([fact("Closed", {"account": "a"})])

    def test_none_and_an_empty_query_ask_for_all(self) -> None:  # G12
        queries: list[Any] = [None, {}, EventQuery(), {"filters": []}, {"filters": None}]
        for query in queries:
            self.assertEqual(numbers(self.store.query(query)), [1, 2, 3])
        self.assertEqual(numbers(self.store.query()), [1, 2, 3])

    def test_filters_are_alternatives_and_their_two_sides_are_not(self) -> None:  # G12
        opened_a = EventFilter(event_types=["Opened"], payload_predicates=[{"account": "a"}])
        self.assertEqual(numbers(self.store.query(EventQuery(filters=[opened_a]))), [1])
        self.assertEqual(
            numbers(self.store.query(EventQuery(filters=[opened_a, {"event_types": ["Closed"]}]))),
            [1, 3],
        )
        self.assertEqual(
            numbers(
                self.store.query(
                    {"filters": [opened_a, {"payload_predicates": [{"account": "b"}]}]}
                )
            ),
            [1, 2],
        )

    def test_an_empty_side_matches_nothing(self) -> None:  # G12
        self.assertEqual(
            self.store.query(EventQuery(filters=[EventFilter(event_types=[])])),
            QueryResult((), None, None),
        )
        self.assertEqual(
            self.store.query({"filters": [{"payload_predicates": []}]}), QueryResult((), None, None)
        )

    def test_predicates_match_by_subset(self) -> None:  # G13
        self.assertEqual(
            numbers(self.store.query({"filters": [{"payload_predicates": [{"tags": ["y"]}]}]})), [1]
        )
        self.assertEqual(
            numbers(self.store.query({"filters": [{"payload_predicates": [{"tags": "y"}]}]})), []
        )

    def test_cursor_and_limit_change_the_rows_and_never_the_context_version(self) -> None:  # G7 G8
        result = self.store.query(EventQuery(min_sequence_number=1, limit=1))
        self.assertEqual(numbers(result), [2])
        self.assertEqual(
            (result.last_returned_sequence_number, result.current_context_version), (2, 3)
        )
        result = self.store.query({"min_sequence_number": 3})
        self.assertEqual(
            (numbers(result), result.last_returned_sequence_number, result.current_context_version),
            ([], None, 3),
        )


@on_every_store
class QueryOfNothing(StoreCase):
    def test_an_empty_store_has_no_context_version(self) -> None:  # G8
        self.assertEqual(self.store.query(), QueryResult((), None, None))


if __name__ == "__main__":
    unittest.main()
