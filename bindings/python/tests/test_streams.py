from __future__ import annotations

import threading
import unittest

import factstr
from support import WAIT_S, Batch, Deliveries, StoreCase, fact, on_every_store


@on_every_store
class Streams(StoreCase):
    def test_each_committed_batch_is_one_delivery_in_order(self) -> None:  # G15
        got = Deliveries()
        self.store.stream_all(got)
        self.store.append([fact("a"), fact("b")])
        self.store.append([fact("c")])
        self.assertEqual((got.numbers(), got.numbers()), ([1, 2], [3]))

    def test_a_delivery_holds_records_as_a_query_does(self) -> None:  # G15
        got = Deliveries()
        self.store.stream_all(got)
        self.store.append([fact("a", {"n": [1, None]})])
        self.assertEqual(got.next(), self.store.query().event_records)

    def test_it_sees_nothing_that_was_committed_before(self) -> None:  # G16
        self.store.append([fact("before")])
        got = Deliveries()
        self.store.stream_all(got)
        self.store.append([fact("after")])
        self.assertEqual(got.numbers(), [2])

    def test_a_filtered_stream_gets_matching_facts_of_mixed_batches(self) -> None:  # G15
        got = Deliveries()
        self.store.stream_to({"filters": [{"event_types": ["a"]}]}, got)
        self.store.append([fact("a"), fact("b"), fact("a")])
        self.store.append([fact("b")])
        self.store.append([fact("a")])
        self.assertEqual((got.numbers(), got.numbers()), ([1, 3], [5]))

    def test_a_conflict_delivers_nothing(self) -> None:  # G15
        got = Deliveries()
        self.store.stream_all(got)
        with self.assertRaises(factstr.ConditionalAppendConflict):
            self.store.append_if([fact("a")], None, 1)
        self.store.append([fact("marker")])
        self.assertEqual(got.numbers(), [1])

    def test_a_failing_handler_gets_its_later_batches_and_disturbs_nobody(self) -> None:  # G16
        failing, other = Deliveries(failing=(1,)), Deliveries()
        subscription = self.store.stream_all(failing)
        self.store.stream_all(other)
        with self.assertLogs("factstr", "WARNING") as logged:
            self.store.append([fact("a")])
            self.store.append([fact("b")])
            self.assertEqual((failing.numbers(), failing.numbers()), ([1], [2]))
        self.assertIn("delivery 1 fails", logged.output[0])
        self.assertEqual((other.numbers(), other.numbers()), ([1], [2]))
        self.assertFalse(subscription.closed)

    def test_handlers_run_on_another_thread_and_may_use_the_store(self) -> None:  # G17
        seen: list[tuple[int, int, int | None]] = []
        finished = threading.Event()

        def handle(batch: Batch) -> None:
            if batch[0].event_type == "a":
                appended = self.store.append([fact("b")]).first_sequence_number
                seen.append(
                    (threading.get_ident(), appended, self.store.query().current_context_version)
                )
            else:
                finished.set()

        self.store.stream_all(handle)
        self.store.append([fact("a")])
        self.assertTrue(finished.wait(WAIT_S))
        self.assertEqual(seen[0][1:], (2, 2))
        self.assertNotEqual(seen[0][0], threading.get_ident())

    def test_an_async_handler_is_refused(self) -> None:
        async def handle(batch: Batch) -> None: ...

        with self.refused(factstr.InvalidArgument, "async"):
            self.store.stream_all(handle)
        called = threading.Event()

        def disguised(batch: Batch) -> object:
            called.set()
            return handle(batch)

        with self.assertLogs("factstr", "WARNING") as logged, self.store.stream_all(disguised):
            self.store.append([fact("a")])
            self.assertTrue(called.wait(WAIT_S))
        self.assertIn("async", logged.output[0])

    def test_two_hundred_batches_reach_ten_streams_in_order(self) -> None:  # G15 G18
        streams = [Deliveries() for _ in range(10)]
        for got in streams:
            self.store.stream_all(got)
        for _ in range(200):
            self.store.append([fact("a")])
        for got in streams:
            self.assertEqual(
                [got.numbers() for _ in range(200)], [[number] for number in range(1, 201)]
            )


if __name__ == "__main__":
    unittest.main()
