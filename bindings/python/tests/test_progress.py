"""The progress of streams: read at any time, and reported while a registration replays."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
import unittest
from collections.abc import Callable
from typing import Any
from unittest import mock

import factstr
import pretended
from factstr import StreamProgress, _registration
from factstr._stream import Stream
from support import WAIT_S, Batch, Deliveries, SlowHandler, StoreCase, fact, on_every_store

SELDOM = factstr.CursorEvery(batches=1_000_000, ms=3_600_000)


class Watcher:
    """An on_progress that keeps what it receives, and lets a handler wait for it."""

    def __init__(self, then: Callable[[StreamProgress], object] = lambda progress: None) -> None:
        self.received: list[StreamProgress] = []
        self.threads: set[int] = set()
        self._then = then
        self._changed = threading.Condition()

    def __call__(self, progress: StreamProgress) -> None:
        with self._changed:
            self.received.append(progress)
            self.threads.add(threading.get_ident())
            self._changed.notify_all()
        self._then(progress)

    def await_position(self, position: int) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(each.position == position for each in self.received), WAIT_S
            ), position

    def await_calls(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, WAIT_S), len(
                self.received
            )


class ProgressCase(StoreCase):
    def set_pace(self) -> None:
        """Makes on_progress be called as often as possible from now on."""
        pace = mock.patch.multiple(_registration, _PROGRESS_EVERY_S=0, WAIT_MS=1)
        pace.start()
        self.addCleanup(pace.stop)

    def until(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_S
        while not done():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.005)  # positions and failures can only be asked for, never waited for


@on_every_store
class Progress(ProgressCase):
    def test_a_durable_stream_reports_its_progress_while_it_is_live_and_after_its_end(
        self,
    ) -> None:  # G20 G23
        self.store.append([fact("a"), fact("a")])
        got = Deliveries()
        subscription = self.store.stream_all_durable("model", got, cursor_every=SELDOM)
        ready = StreamProgress(
            state="live", position=2, replay_target=2, stored_cursor=2, failure=None
        )
        self.assertEqual(subscription.progress(), ready)
        self.store.append([fact("b")])
        self.until(lambda: subscription.progress().position == 3)
        self.assertEqual(subscription.progress(), dataclasses.replace(ready, position=3))
        subscription.unsubscribe()
        self.assertTrue(subscription.wait(WAIT_S))
        ended = StreamProgress(
            state="ended", position=3, replay_target=2, stored_cursor=3, failure=None
        )
        self.assertEqual((subscription.progress(), subscription.progress()), (ended, ended))
        self.store.close()
        self.assertEqual(subscription.progress(), ended)

    def test_a_live_stream_is_live_from_its_registration(self) -> None:
        self.store.append([fact("a"), fact("a")])
        with self.store.stream_all(Deliveries()) as subscription:
            begun = StreamProgress(
                state="live", position=2, replay_target=2, stored_cursor=2, failure=None
            )
            self.assertEqual(subscription.progress(), begun)
        self.assertEqual(subscription.progress(), dataclasses.replace(begun, state="ended"))

    def test_progress_is_frozen(self) -> None:
        progress: Any = self.store.stream_all(Deliveries()).progress()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            progress.position = 7

    def test_streams_of_a_closed_store_report_their_last_progress(self) -> None:  # G23
        subscription = self.store.stream_all_durable("model", Deliveries(), cursor_every=SELDOM)
        self.store.append([fact("a")])
        self.until(lambda: subscription.progress().position == 1)
        self.assertEqual(subscription.progress().stored_cursor, 0)
        self.store.close()
        self.assertEqual(subscription.progress(), StreamProgress("ended", 1, 0, 1, None))

    def test_a_stream_whose_handler_closed_the_store_reports_the_cursor_stored_then(
        self,
    ) -> None:  # G21 G23
        def handle(batch: Batch) -> None:
            if batch[0].event_type == "last":
                self.store.close()

        subscription = self.store.stream_all_durable("model", handle, cursor_every=SELDOM)
        self.store.append([fact("a")])
        self.until(lambda: subscription.progress().position == 1)
        self.assertEqual(subscription.progress().stored_cursor, 0)
        self.store.append([fact("last")])
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertEqual(subscription.progress(), StreamProgress("ended", 1, 0, 1, None))

    def test_a_batch_that_is_handled_while_close_waits_counts_as_handled(self) -> None:  # G21 G23
        slow = SlowHandler()
        subscription = self.store.stream_all_durable("model", slow, cursor_every=SELDOM)
        self.store.append([fact("a")])
        slow.await_entry()
        self.assertEqual(subscription.progress(), StreamProgress("live", 0, 0, 0, None))
        slow.end_while(subscription.close)
        self.assertEqual(subscription.progress(), StreamProgress("ended", 1, 0, 1, None))

    def test_a_stream_whose_handler_outlives_its_store_reports_its_last_progress(self) -> None:
        self.store.close()
        store = self.open(close_timeout_ms=50)
        entered, leave = threading.Event(), threading.Event()

        def handle(batch: Batch) -> None:
            if batch[0].event_type == "slow":
                entered.set()
                leave.wait(WAIT_S)

        subscription = store.stream_all(handle)
        store.append([fact("a")])
        store.append([fact("slow")])
        self.assertTrue(entered.wait(WAIT_S))
        with self.assertRaises(factstr.Timeout):
            store.close()
        stood = StreamProgress("ended", 1, 0, 0, None)
        self.assertEqual(subscription.progress(), stood)
        leave.set()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertEqual(subscription.progress(), stood)

    def test_after_a_failed_delivery_the_position_is_before_it(self) -> None:  # G21
        subscription = self.store.stream_all_durable("model", Deliveries(failing=(2,)))
        with self.assertLogs("factstr", "WARNING"):
            self.store.append([fact("a")])
            self.store.append([fact("b")])
            self.assertTrue(subscription.wait(WAIT_S))
        self.assertEqual(subscription.progress(), StreamProgress("ended", 1, 0, 1, None))

    def test_a_long_replay_reports_its_progress(self) -> None:  # G20
        for _ in range(3000):
            self.store.append([fact("a")])
        self.set_pace()
        watcher = Watcher()
        handled: list[int] = []

        def handle(batch: Batch) -> None:
            handled.append(batch[0].sequence_number)
            if len(handled) % 500 == 0:
                watcher.await_position(len(handled) - 1)

        subscription = self.store.stream_all_durable("model", handle, on_progress=watcher)
        positions = [each.position for each in watcher.received]
        self.assertEqual(positions, sorted(positions))
        self.assertLessEqual({499, 999, 1499, 1999, 2499, 2999}, set(positions))
        self.assertEqual(
            {(each.state, each.replay_target, each.failure) for each in watcher.received},
            {("replaying", 3000, None)},
        )
        self.assertTrue(
            all(each.stored_cursor <= each.position <= 3000 for each in watcher.received)
        )
        self.assertEqual(watcher.threads, {threading.get_ident()})
        self.assertEqual(subscription.progress(), StreamProgress("live", 3000, 3000, 3000, None))

    def test_an_exception_of_on_progress_ends_the_registration(self) -> None:  # G20 G22
        self.store.append([fact("a")])
        self.store.append([fact("b")])
        self.set_pace()
        leave = threading.Event()
        got = Deliveries()

        def handle(batch: Batch) -> None:
            got(batch)
            leave.wait(WAIT_S)

        for raised in (ZeroDivisionError("mine"), KeyboardInterrupt("mine")):

            def give_up(progress: StreamProgress, raised: BaseException = raised) -> None:
                raise raised

            with self.assertRaisesRegex(type(raised), "mine"):
                self.store.stream_to_durable("model", {}, handle, on_progress=give_up)
        leave.set()
        again = Deliveries()
        self.store.stream_to_durable("model", {}, again)
        self.assertEqual((again.numbers(), again.numbers()), ([1], [2]))
        self.assertLessEqual(got.count, 2)

    def test_on_progress_may_close_the_store(self) -> None:
        self.store.append([fact("a")])
        self.store.append([fact("b")])
        self.set_pace()
        leave = threading.Event()

        def close(progress: StreamProgress) -> None:
            leave.set()
            self.store.close()

        with self.assertRaises(factstr.StoreClosed):
            self.store.stream_all_durable(
                "model", lambda batch: leave.wait(WAIT_S) and None, on_progress=close
            )

    def test_after_a_failed_replay_on_progress_is_not_called(self) -> None:  # G20
        self.store.append([fact("a")])
        self.set_pace()
        watcher = Watcher()

        def handle(batch: Batch) -> bool:
            watcher.await_calls(3)
            return False

        with self.assertRaises(factstr.HandlerFailed):
            self.store.stream_all_durable("model", handle, on_progress=watcher)
        self.assertEqual({each.state for each in watcher.received}, {"replaying"})

    def test_an_on_progress_that_cannot_be_called_is_refused(self) -> None:
        async def asynchronous(progress: StreamProgress) -> None: ...

        bad: list[Any] = [7, "often", {}, True, asynchronous]
        for value in bad:
            with self.subTest(value), self.refused(factstr.InvalidArgument, "on_progress"):
                self.store.stream_all_durable("model", Deliveries(), on_progress=value)
        self.store.stream_all_durable("model", Deliveries(), on_progress=None)


class Pace(ProgressCase):
    kind = "memory"

    def test_on_progress_is_not_called_if_the_replay_ends_while_its_progress_is_read(self) -> None:
        self.store.append([fact("a")])
        self.set_pace()
        watcher, leave = Watcher(), threading.Event()
        real = Stream.progress

        def late(stream: Stream) -> StreamProgress:
            leave.set()
            self.until(lambda: real(stream).state != "replaying")
            return real(stream)

        def handle(batch: Batch) -> None:
            leave.wait(WAIT_S)

        with mock.patch.object(Stream, "progress", late):
            self.store.stream_all_durable("model", handle, on_progress=watcher)
        self.assertTrue(leave.is_set())
        self.assertEqual(watcher.received, [])

    def test_on_progress_is_called_again_and_again_while_a_handler_runs(self) -> None:
        self.store.append([fact("a")])
        watcher = Watcher()
        self.store.stream_all_durable(
            "model", lambda batch: watcher.await_calls(2), on_progress=watcher
        )
        self.assertEqual(watcher.received, [StreamProgress("replaying", 0, 1, 0, None)] * 2)
        self.assertEqual(_registration._PROGRESS_EVERY_S, 1)

    def test_on_progress_is_not_called_for_a_replay_that_is_done_at_once(self) -> None:
        watcher = Watcher()
        self.store.stream_all_durable("model", Deliveries(), on_progress=watcher)
        self.assertEqual(watcher.received, [])


class ServerAway(ProgressCase):
    kind = "postgres"

    def open_at(self, relay: pretended.Relay) -> factstr.Store:
        store = factstr.PostgresStore(relay.url, schema=self.place, poll_interval_ms=20)
        self.addCleanup(store.close)
        return store

    def assert_is_lost_connection(self, failure: factstr.FactstrError | None) -> None:
        assert isinstance(failure, factstr.BackendFailure), failure
        self.assertEqual((failure.code, failure.reason), ("BackendFailure", "connection"))
        self.assertGreater(len(failure.message), 10)

    def test_progress_reports_that_the_log_cannot_be_read(self) -> None:  # G20 G21
        with pretended.relay() as relay, self.open_at(relay) as store:
            got = Deliveries()
            subscription = store.stream_all_durable("model", got)
            self.assertIsNone(subscription.progress().failure)
            relay.down()
            self.until(lambda: subscription.progress().failure is not None)
            self.assertEqual(subscription.progress().state, "live")
            self.assert_is_lost_connection(subscription.progress().failure)
            relay.up()
            self.until(lambda: subscription.progress().failure is None)
            store.append([fact("after")])
            self.assertEqual(got.numbers(), [1])

    def test_a_stream_that_ended_while_its_server_was_away_reports_no_failure(self) -> None:
        with pretended.relay() as relay, self.open_at(relay) as store:
            subscriptions = [store.stream_all(Deliveries()) for _ in range(2)]
            relay.down()
            self.until(lambda: subscriptions[1].progress().failure is not None)
            subscriptions[0].close()
            store.close()
            self.assertEqual(
                [each.progress() for each in subscriptions],
                [StreamProgress("ended", 0, 0, 0, None)] * 2,
            )

    def test_on_progress_reports_a_lost_server_during_a_replay_which_goes_on_when_it_is_back(
        self,
    ) -> None:  # G20 G21
        with pretended.relay() as relay, self.open_at(relay) as store:
            store.append([fact("a")])
            store.append([fact("b")])
            self.set_pace()
            got = Deliveries()

            def bring_back(progress: StreamProgress) -> None:
                if progress.failure or len(watcher.received) == 5000:
                    relay.up()

            def handle(batch: Batch) -> None:
                got(batch)
                if got.count == 1:
                    relay.down()

            watcher = Watcher(bring_back)
            subscription = store.stream_all_durable("model", handle, on_progress=watcher)
            self.assert_is_lost_connection(
                next(each.failure for each in watcher.received if each.failure)
            )
            self.assertEqual((got.numbers(), got.numbers()), ([1], [2]))
            self.until(lambda: subscription.progress().failure is None)

    def test_closing_does_not_wait_for_a_server_that_does_not_answer(self) -> None:  # G17
        patient: Any = {"response_timeout_ms": 600_000, "close_timeout_ms": 300}
        with pretended.relay() as relay:
            store = factstr.PostgresStore(relay.url, schema=self.place, **patient)
            subscription = store.stream_all(lambda _: None)
            relay.silence()

            def close() -> None:
                # The library's own question to the server may still be under way.
                with contextlib.suppress(factstr.Timeout):
                    store.close()

            closing = threading.Thread(target=close)
            closing.start()
            closing.join(WAIT_S)
            self.assertFalse(closing.is_alive(), "close() waits for the server")
            self.assertTrue(subscription.wait(WAIT_S))


if __name__ == "__main__":
    unittest.main()
