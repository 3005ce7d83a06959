"""Bad queries and registrations raise the error with the right code and change nothing."""

from __future__ import annotations

import unittest
from typing import Any

from factstr import InvalidArgument
from support import Deliveries, StoreCase, fact, nested, on_every_store


@on_every_store
class BadQueries(StoreCase):
    def test_a_bad_query_is_refused_wherever_a_query_is_taken(self) -> None:
        queries: list[Any] = [
            {"filter": []},
            {"filters": [{"event_type": ["a"]}]},
            {"filters": {}},
            {"filters": [7]},
            {"filters": [{"event_types": "a"}]},
            {"filters": [{"event_types": [7]}]},
            {"filters": [{"event_types": ["\ud800"]}]},
            {"filters": [{"payload_predicates": [{"a": "\0"}]}]},
            {"filters": [{"payload_predicates": [float("nan")]}]},
            {"filters": [{"payload_predicates": [nested(128)]}]},
            {"filters": [{"payload_predicates": [{1: 2}]}]},
            {"min_sequence_number": -1},
            {"min_sequence_number": 1.5},
            {"min_sequence_number": "1"},
            {"min_sequence_number": True},
            {"min_sequence_number": 2**64},
            {"limit": -1},
            {"limit": 0.5},
            {"filters": [{}] * 1001},
            [],
            "query",
            7,
        ]
        for query in queries:
            with self.subTest(query=repr(query)[:80]):
                with self.refused(InvalidArgument):
                    self.store.query(query)
                with self.refused(InvalidArgument):
                    self.store.append_if([fact("a")], query, None)
                with self.refused(InvalidArgument):
                    self.store.stream_to(query, Deliveries())
                with self.refused(InvalidArgument):
                    self.store.stream_to_durable("model", query, Deliveries())

    def test_an_expected_version_is_none_or_a_number_of_63_bits(self) -> None:
        for expected in (-1, 2**63, 2**64, 2**64 + 1, 1.0, "1", True, [1]):
            with self.subTest(expected), self.refused(InvalidArgument, "expected"):
                self.store.append_if([fact("a")], None, expected)  # type: ignore[arg-type]  # wrong on purpose


@on_every_store
class BadRegistrations(StoreCase):
    def test_a_durable_name_is_a_string_of_1_to_1000_bytes(self) -> None:
        for name in ("", "x" * 1001, "\ud800", "a\0", None, 7, {"name": "a"}):
            with self.subTest(name), self.refused(InvalidArgument, "name"):
                self.store.stream_all_durable(name, Deliveries())  # type: ignore[arg-type]  # wrong on purpose

    def test_a_stream_from_a_number_needs_one_of_63_bits(self) -> None:
        for after in (-1, 2**63, 2**64, 1.0, "1", True, None):
            with self.subTest(after), self.refused(InvalidArgument, "after"):
                self.store.stream_from(after, None, Deliveries())  # type: ignore[arg-type]  # wrong on purpose

    def test_bad_options_are_refused(self) -> None:
        for options in (
            {"retry": {"max_attempts": -1}},
            {"retry": {"attempts": 1}},
            {"retry": 3},
            {"cursor_every": {"batches": 1.5}},
        ):
            with self.subTest(options), self.refused(InvalidArgument):
                self.store.stream_all_durable("model", Deliveries(), **options)

    def test_a_handler_is_a_function(self) -> None:
        for handler in (None, "handler", 7):
            with self.subTest(handler), self.refused(InvalidArgument, "function"):
                self.store.stream_all(handler)  # type: ignore[arg-type]  # wrong on purpose


if __name__ == "__main__":
    unittest.main()
