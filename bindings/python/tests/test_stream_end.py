"""How streams end: by themselves, by their subscription, and with their store."""

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
from support import WAIT_S, Batch, Deliveries, SlowHandler, StoreCase, fact, on_every_store


@on_every_store
class StreamEnd(StoreCase):
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
        slow = SlowHandler()
        with self.store.stream_all(slow) as subscription:
            self.store.append([fact("a"), fact("b")])
            self.store.append([fact("c")])
            slow.await_entry()
            subscription.unsubscribe()
            self.assertEqual((subscription.closed, slow.returned), (False, 0))
            slow.end_while(subscription.close)
            self.assertEqual((subscription.closed, slow.returned), (True, 1))

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
        slow, ended = SlowHandler(), []
        subscription = self.store.stream_all(slow)
        self.store.append([fact("a")])

        def close() -> None:
            self.store.close()
            ended.append((slow.returned, subscription.closed, subscription.error))

        slow.end_while(close)
        self.assertEqual(ended, [(1, True, None)])

    def test_closing_the_store_delivers_what_was_committed_before(self) -> None:  # G16 G17
        # A stream that has everything at once does not end the wait for another one.
        self.store.stream_all(Deliveries())
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
        slow = SlowHandler()
        subscription = store.stream_all(slow)
        store.append([fact("a")])
        slow.await_entry()
        with self.assertRaisesRegex(factstr.Timeout, "still running"):
            store.close()
        self.assertTrue(store.closed)
        slow.leave.set()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsNone(subscription.error)

    def test_an_error_inside_a_block_is_not_hidden_by_a_close_that_takes_too_long(self) -> None:
        self.store.close()
        slow = SlowHandler()
        with self.assertRaisesRegex(RuntimeError, "mine"), self.open(close_timeout_ms=0) as store:
            subscription = store.stream_all(slow)
            store.append([fact("a")])
            slow.await_entry()
            raise RuntimeError("mine")
        slow.leave.set()
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
        def close_first(*arguments: Any, **named: Any) -> Stream:
            stream = Stream(*arguments, **named)
            self.store.close()
            return stream

        with (
            mock.patch.object(_registration, "Stream", close_first),
            self.assertRaises(factstr.StoreClosed),
        ):
            self.store.stream_all(Deliveries())


if __name__ == "__main__":
    unittest.main()
