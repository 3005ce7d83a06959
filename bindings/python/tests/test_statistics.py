from __future__ import annotations

import dataclasses
import unittest

import factstr
from support import Deliveries, StoreCase, fact, on_every_store, opened


@on_every_store
class Statistics(StoreCase):
    def test_a_store_that_was_just_opened_has_counted_nothing(self) -> None:
        result = self.store.statistics()
        self.assertEqual(
            (result.store_kind, result.head, result.facts, result.appends, result.groups),
            (self.kind, 0, 0, 0, 0),
        )
        self.assertEqual((result.failure, result.streams), (None, ()))

    def test_appends_and_facts_are_counted(self) -> None:
        self.store.append([fact("a"), fact("b")])
        self.store.append([fact("c")])
        with self.assertRaises(factstr.ConditionalAppendConflict):
            self.store.append_if([fact("d")], None, 1)
        result = self.store.statistics()
        self.assertEqual(
            (
                result.head,
                result.facts,
                result.appends,
                result.groups_retried,
                result.queue_appends,
            ),
            (3, 3, 2, 0, 0),
        )
        self.assertGreaterEqual(result.groups, 1)
        self.assertEqual(result.database_bytes is None, self.kind == "memory")
        self.assertEqual(result.log_file_bytes is None, self.kind != "sqlite")

    def test_open_streams_are_listed_and_ended_ones_are_not(self) -> None:
        ended = self.store.stream_all(Deliveries())
        self.store.append([fact("a")])
        got = Deliveries()
        with (
            self.store.stream_all(Deliveries()) as live,
            self.store.stream_all_durable("model", got) as durable,
        ):
            ended.close()
            got.next()
            result = self.store.statistics().streams
            self.assertEqual([each.durable_name for each in result], [None, "model"])
            self.assertLess(result[0].number, result[1].number)
            self.assertEqual(
                [each.progress.state for each in result],
                [live.progress().state, durable.progress().state],
            )
            self.assertEqual((result[1].lag, result[1].progress.position), (0, 1))
        self.assertEqual(self.store.statistics().streams, ())

    def test_the_result_is_frozen_and_a_closed_store_has_none(self) -> None:
        result = self.store.statistics()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            result.head = 7  # type: ignore[misc]  # wrong on purpose
        self.store.close()
        with self.assertRaises(factstr.StoreClosed):
            self.store.statistics()

    def test_the_head_includes_appends_of_other_stores_on_the_database(self) -> None:
        if self.kind != "memory":
            with opened(self.kind, self.place) as other:
                other.append([fact("a")])
        result = self.store.statistics()
        self.assertEqual((result.head, result.appends), (0 if self.kind == "memory" else 1, 0))


if __name__ == "__main__":
    unittest.main()
