from __future__ import annotations

import gc
import queue
import threading
import unittest
import weakref
from typing import Any
from unittest import mock

import factstr
from factstr import _registration
from factstr._stream import Stream
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

    def test_no_delivery_starts_after_unsubscribe(self) -> None:  # G17
        got, marker = Deliveries(), Deliveries()
        subscription = self.store.stream_all(got)
        self.store.append([fact("a")])
        got.next()
        subscription.unsubscribe()
        subscription.unsubscribe()
        self.store.stream_all(marker)
        self.store.append([fact("b")])
        marker.next()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertEqual(got.count, 1)
        self.assertIsNone(subscription.error)

    def test_ctrl_c_in_the_middle_of_unsubscribe_leaves_no_stream_that_never_ends(self) -> None:
        subscription = self.store.stream_all(Deliveries())
        library, unsubscribe = self.library(), self.library().factstr_stream_unsubscribe

        def interrupted(stream: int) -> object:
            if threading.current_thread() is threading.main_thread():
                raise KeyboardInterrupt
            return unsubscribe(stream)

        with mock.patch.object(library, "factstr_stream_unsubscribe", interrupted):
            with self.assertRaises(KeyboardInterrupt):
                subscription.unsubscribe()
            self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsNone(subscription.error)

    def test_unsubscribe_does_not_wait_and_close_waits_for_the_running_handler(self) -> None:  # G17
        entered, leave = threading.Event(), threading.Event()
        ended: list[bool] = []

        def handle(batch: Batch) -> None:
            entered.set()
            leave.wait(WAIT_S)
            ended.append(True)

        with self.store.stream_all(handle) as subscription:
            self.store.append([fact("a"), fact("b")])
            self.store.append([fact("c")])
            self.assertTrue(entered.wait(WAIT_S))
            subscription.unsubscribe()
            self.assertFalse(subscription.closed)
            self.assertEqual(ended, [])
            leave.set()
        self.assertTrue(subscription.closed)
        self.assertEqual(ended, [True])

    def test_a_handler_may_end_its_own_subscription(self) -> None:  # G17
        for end in (factstr.Subscription.unsubscribe, factstr.Subscription.close):
            registered: queue.Queue[factstr.Subscription] = queue.Queue()
            inside: list[tuple[bool, bool]] = []

            def handle(
                batch: Batch, end: Any = end, registered: Any = registered, inside: Any = inside
            ) -> None:
                subscription = registered.get(timeout=WAIT_S)
                end(subscription)
                inside.append((subscription._stream.in_handler(), subscription.closed))

            subscription = self.store.stream_all(handle)
            registered.put(subscription)
            self.store.append([fact("a")])
            self.assertTrue(subscription.wait(WAIT_S))
            self.assertEqual((inside, subscription.error), ([(True, False)], None))

    def test_a_handler_may_close_the_store(self) -> None:
        closed = threading.Event()

        def handle(batch: Batch) -> None:
            self.store.close()
            closed.set()

        subscription = self.store.stream_all(handle)
        other = self.store.stream_all(Deliveries())
        self.store.append([fact("a")])
        self.assertTrue(closed.wait(WAIT_S))
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertTrue(other.closed)
        self.assertTrue(self.store.closed)

    def test_closing_the_store_waits_for_handlers_and_ends_its_streams(self) -> None:  # G17
        entered, leave = threading.Event(), threading.Event()
        ended: list[bool] = []

        def handle(batch: Batch) -> None:
            entered.set()
            leave.wait(WAIT_S)
            ended.append(True)

        subscription = self.store.stream_all(handle)
        self.store.append([fact("a")])
        self.assertTrue(entered.wait(WAIT_S))
        closing = threading.Thread(target=self.store.close)
        closing.start()
        self.assertFalse(ended)
        leave.set()
        closing.join(WAIT_S)
        self.assertEqual((ended, subscription.closed, subscription.error), ([True], True, None))

    def test_closing_the_store_delivers_what_was_committed_before(self) -> None:  # G16 G17
        self.store.stream_all(
            Deliveries()
        )  # one that has it all at once does not end the wait for another
        held, leave = threading.Event(), threading.Event()
        got: list[int] = []

        def handle(batch: Batch) -> None:
            held.set()
            leave.wait(WAIT_S)
            got.append(batch[0].sequence_number)

        matching = self.store.stream_to({"filters": [{"event_types": ["a"]}]}, handle)
        for _ in range(50):
            self.store.append([fact("a")])
        self.store.append([fact("b")])
        self.assertTrue(held.wait(WAIT_S))
        closing = threading.Thread(target=self.store.close)
        closing.start()
        while not self.store.closed:
            closing.join(0.001)
        leave.set()
        closing.join(WAIT_S)
        self.assertEqual((got, matching.error), (list(range(1, 51)), None))

    def test_a_handler_that_does_not_end_makes_close_raise_a_timeout(self) -> None:
        self.store.close()
        store = self.open(close_timeout_ms=50)
        entered, leave = threading.Event(), threading.Event()

        def handle(batch: Batch) -> None:
            entered.set()
            leave.wait(WAIT_S)

        subscription = store.stream_all(handle)
        store.append([fact("a")])
        self.assertTrue(entered.wait(WAIT_S))
        with self.assertRaisesRegex(factstr.Timeout, "still running"):
            store.close()
        self.assertTrue(store.closed)
        leave.set()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsNone(subscription.error)

    def test_what_a_block_raises_is_not_hidden_by_a_close_that_takes_too_long(self) -> None:
        self.store.close()
        entered, leave = threading.Event(), threading.Event()

        def handle(batch: Batch) -> None:
            entered.set()
            leave.wait(WAIT_S)

        with self.assertRaisesRegex(RuntimeError, "mine"), self.open(close_timeout_ms=0) as store:
            subscription = store.stream_all(handle)
            store.append([fact("a")])
            self.assertTrue(entered.wait(WAIT_S))
            raise RuntimeError("mine")
        leave.set()
        self.assertTrue(subscription.wait(WAIT_S))

    def test_a_handler_may_close_the_store_that_another_thread_is_closing(self) -> None:
        self.store.close()
        store = self.open(close_timeout_ms=-1)
        entered = threading.Event()

        def handle(batch: Batch) -> None:
            entered.set()
            while not store.closed:
                pass
            store.close()

        subscription = store.stream_all(handle)
        store.append([fact("a")])
        self.assertTrue(entered.wait(WAIT_S))
        closing = threading.Thread(target=store.close, daemon=True)
        closing.start()
        closing.join(WAIT_S)
        self.assertEqual((closing.is_alive(), subscription.closed), (False, True))

    def test_an_ended_subscription_is_forgotten(self) -> None:
        subscription = self.store.stream_all(Deliveries())
        subscription.close()
        known = weakref.ref(subscription)
        del subscription
        gc.collect()
        self.assertIsNone(known())

    def test_a_store_that_is_closed_during_a_registration_keeps_no_stream(self) -> None:
        def close_first(*arguments: Any) -> Stream:
            stream = Stream(*arguments)
            self.store.close()
            return stream

        with (
            mock.patch.object(_registration, "Stream", close_first),
            self.assertRaises(factstr.StoreClosed),
        ):
            self.store.stream_all(Deliveries())

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
