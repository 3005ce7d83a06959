from __future__ import annotations

import threading
import unittest

import factstr
from support import (
    WAIT_S,
    Batch,
    Deliveries,
    SlowHandler,
    StoreCase,
    fact,
    on_every_store,
    on_persistent_stores,
)

A: factstr.EventQueryDict = {"filters": [{"event_types": ["a"]}]}


@on_every_store
class DurableStreams(StoreCase):
    def test_registration_replays_batch_by_batch_and_then_goes_on_live(self) -> None:  # G19 G20
        self.store.append([fact("a"), fact("b")])
        self.store.append([fact("c")])
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.assertEqual(got.count, 2)
        self.store.append([fact("d")])
        self.assertEqual((got.numbers(), got.numbers(), got.numbers()), ([1, 2], [3], [4]))

    def test_it_resumes_after_what_was_handled(self) -> None:  # G19 G21
        self.store.append([fact("a")])
        self.store.stream_all_durable("model", Deliveries()).close()
        self.store.append([fact("b")])
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.assertEqual(got.numbers(), [2])

    def test_a_batch_that_is_handled_while_close_waits_does_not_come_again(self) -> None:  # G21 G23
        slow = SlowHandler()
        subscription = self.store.stream_all_durable("model", slow)
        self.store.append([fact("slow")])
        slow.end_while(subscription.close)
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.store.append([fact("marker")])
        self.assertEqual(got.numbers(), [2])

    def test_a_filtered_stream_replays_and_follows_matching_facts(self) -> None:  # G15 G19
        self.store.append([fact("a"), fact("b"), fact("a")])
        got = Deliveries()
        self.store.stream_to_durable("model", A, got)
        self.store.append([fact("b")])
        self.store.append([fact("a")])
        self.assertEqual((got.numbers(), got.numbers()), ([1, 3], [5]))

    def test_a_handler_that_fails_during_replay_fails_the_registration(self) -> None:  # G20
        for _ in range(3):
            self.store.append([fact("a")])
        with (
            self.assertLogs("factstr", "WARNING"),
            self.assertRaises(factstr.HandlerFailed) as raised,
        ):
            self.store.stream_all_durable("model", Deliveries(failing=(2,)))
        self.assertRegex(str(raised.exception.__cause__), "delivery 2 fails")
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.assertEqual((got.numbers(), got.numbers()), ([2], [3]))

    def test_a_handler_that_returns_false_has_failed(self) -> None:  # G20
        self.store.append([fact("a")])
        with self.assertRaisesRegex(factstr.HandlerFailed, "returned False"):
            self.store.stream_all_durable("model", lambda batch: False)

    def test_a_failure_while_live_ends_the_stream_before_the_next_batch_and_is_its_error(
        self,
    ) -> None:  # G21
        got = Deliveries(failing=(2,))
        subscription = self.store.stream_all_durable("model", got)
        with self.assertLogs("factstr", "WARNING"):
            for _ in range(3):
                self.store.append([fact("a")])
            self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsInstance(subscription.error, factstr.HandlerFailed)
        self.assertIsInstance(
            subscription.error.__cause__ if subscription.error else None, RuntimeError
        )
        self.assertEqual(got.count, 2)
        again = Deliveries()
        self.store.stream_all_durable("model", again)
        self.assertEqual((again.numbers(), again.numbers()), ([2], [3]))

    def test_retry_delivers_the_same_batch_again(self) -> None:  # G21
        got = Deliveries(failing=(1, 2))
        subscription = self.store.stream_all_durable(
            "model", got, retry=factstr.Retry(max_attempts=2, delay_ms=1, delay_max_ms=2)
        )
        with self.assertLogs("factstr", "WARNING"):
            self.store.append([fact("a")])
            self.store.append([fact("b")])
            self.assertEqual([got.numbers() for _ in range(4)], [[1], [1], [1], [2]])
        self.assertFalse(subscription.closed)

    def test_retry_and_cursor_every_may_be_dicts(self) -> None:  # G21 G23
        got = Deliveries(failing=(1,))
        retry: factstr.RetryDict = {"max_attempts": 1, "delay_ms": 1}
        self.store.stream_to_durable(
            "model", A, got, retry=retry, cursor_every=factstr.CursorEvery(batches=1)
        )
        with self.assertLogs("factstr", "WARNING"):
            self.store.append([fact("a")])
            self.assertEqual((got.numbers(), got.numbers()), ([1], [1]))
        self.store.stream_all_durable("other", Deliveries(), cursor_every={"ms": 10})

    def test_a_name_is_active_once(self) -> None:  # G22
        with (
            self.store.stream_all_durable("model", Deliveries()),
            self.refused(factstr.DurableStreamActive, "model"),
        ):
            self.store.stream_all_durable("model", Deliveries())
        self.store.stream_all_durable("model", Deliveries())

    def test_unsubscribing_frees_the_name_while_a_delivery_is_in_flight(self) -> None:  # G22
        slow, got = SlowHandler(), Deliveries()
        subscription = self.store.stream_all_durable("model", slow)
        self.store.append([fact("a")])
        self.assertTrue(slow.entered.wait(WAIT_S))
        subscription.unsubscribe()
        self.store.stream_all_durable("model", got)
        self.assertEqual(got.numbers(), [1])
        slow.leave.set()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertIsNone(subscription.error)

    def test_a_name_stays_with_its_query(self) -> None:  # G22
        self.store.stream_to_durable("model", A, Deliveries()).close()
        with self.refused(factstr.DurableStreamQueryMismatch, "model"):
            self.store.stream_all_durable("model", Deliveries())

    def test_a_handler_may_register_a_durable_stream(self) -> None:
        inner = Deliveries()
        registered = threading.Event()

        def handle(batch: Batch) -> None:
            if batch[0].event_type == "start":
                self.store.stream_all_durable("inner", inner)
                registered.set()

        self.store.stream_all(handle)
        self.store.append([fact("start")])
        self.assertTrue(registered.wait(WAIT_S))
        self.assertEqual(inner.numbers(), [1])

    def test_closing_the_store_ends_a_replay_that_another_thread_waits_for(self) -> None:  # G20
        self.store.append([fact("a")])
        self.store.append([fact("b")])
        slow = SlowHandler()
        errors: list[factstr.FactstrError] = []

        def register() -> None:
            try:
                self.store.stream_all_durable("model", slow)
            except factstr.FactstrError as error:
                errors.append(error)

        registering = threading.Thread(target=register)
        registering.start()
        slow.end_while(self.store.close)
        registering.join(WAIT_S)
        self.assertEqual([error.code for error in errors], ["StoreClosed"])


@on_persistent_stores
class PersistentDurableStreams(StoreCase):
    def test_a_batch_that_is_handled_while_the_store_closes_does_not_come_again(
        self,
    ) -> None:  # G21 G23
        slow = SlowHandler()
        self.store.stream_all_durable("model", slow)
        self.store.append([fact("slow")])
        slow.end_while(self.store.close)
        self.reopen().append([fact("marker")])
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.assertEqual(got.numbers(), [2])

    def test_the_cursor_is_still_there_after_the_database_is_opened_again(self) -> None:  # G23
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.store.append([fact("a")])
        got.next()
        self.reopen().append([fact("b")])
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        self.assertEqual(got.numbers(), [2])

    def test_it_gets_what_another_store_on_the_database_appends(self) -> None:  # G19
        got = Deliveries()
        self.store.stream_all_durable("model", got)
        with self.open() as other:
            other.append([fact("a"), fact("b")])
            other.append([fact("c")])
            self.assertEqual((got.numbers(), got.numbers()), ([1, 2], [3]))

    def test_a_name_is_active_once_across_stores_on_the_database(self) -> None:  # G22
        with self.open() as other:
            subscription = other.stream_all_durable("model", Deliveries())
            with self.refused(factstr.DurableStreamActive, "model"):
                self.store.stream_all_durable("model", Deliveries())
            subscription.unsubscribe()
            self.store.stream_all_durable("model", Deliveries())


if __name__ == "__main__":
    unittest.main()
