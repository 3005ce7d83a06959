"""Many threads on one store, and threads that close what others use. After each test no handle may
be open (support.StoreCase).
"""

from __future__ import annotations

import threading
import unittest
from collections.abc import Callable

import factstr
from support import WAIT_S, Batch, Deliveries, StoreCase, fact, numbers, on_every_store


def together(*bodies: Callable[[], None]) -> list[BaseException]:
    """Runs each on a thread of its own, all started at one moment; returns what they raised."""
    barrier = threading.Barrier(len(bodies), timeout=WAIT_S)
    raised: list[BaseException] = []

    def run(body: Callable[[], None]) -> None:
        barrier.wait()
        try:
            body()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive(), "a thread hangs"
    return raised


@on_every_store
class Races(StoreCase):
    def test_batches_of_racing_threads_stay_whole_and_gapless(self) -> None:  # G2 G3 G5
        ranges: list[tuple[int, int]] = []

        def append() -> None:
            for _ in range(50):
                result = self.store.append([fact("a"), fact("b"), fact("c")])
                ranges.append((result.first_sequence_number, result.last_sequence_number))

        self.assertEqual(together(*[append] * 8), [])
        self.assertEqual(sorted(ranges), [(first, first + 2) for first in range(1, 8 * 50 * 3, 3)])
        records = self.store.query().event_records
        self.assertEqual([record.event_type for record in records], ["a", "b", "c"] * (8 * 50))

    def test_closing_beside_calls_gives_results_or_store_closed(self) -> None:  # G5
        for _ in range(10):
            store = self.open()
            begun = threading.Event()

            def use(store: factstr.Store = store, begun: threading.Event = begun) -> None:
                while True:
                    store.append([fact("a")])
                    store.query({"limit": 1})
                    begun.set()

            def close(store: factstr.Store = store, begun: threading.Event = begun) -> None:
                begun.wait(WAIT_S)
                store.close()

            raised = together(use, use, use, close, close)
            self.assertEqual([type(error) for error in raised], [factstr.StoreClosed] * 3, raised)

    def test_closing_beside_registrations_leaves_no_stream(self) -> None:  # G17
        for _ in range(10):
            store = self.open()
            begun = threading.Event()
            made: list[factstr.Subscription] = []

            def register(
                store: factstr.Store = store,
                begun: threading.Event = begun,
                made: list[factstr.Subscription] = made,
            ) -> None:
                while True:
                    made.append(store.stream_all(Deliveries()))
                    begun.set()

            def append(store: factstr.Store = store) -> None:
                while True:
                    store.append([fact("a")])

            def close(store: factstr.Store = store, begun: threading.Event = begun) -> None:
                begun.wait(WAIT_S)
                store.close()

            raised = together(register, register, append, close)
            self.assertEqual([type(error) for error in raised], [factstr.StoreClosed] * 3, raised)
            for subscription in made:
                self.assertTrue(subscription.wait(WAIT_S))
                self.assertIsNone(subscription.error)

    def test_ending_a_subscription_from_many_threads_ends_it_once(self) -> None:  # G17
        for _ in range(20):
            subscription = self.store.stream_all(Deliveries())

            def append() -> None:
                self.store.append([fact("a")])

            self.assertEqual(
                together(append, subscription.close, subscription.unsubscribe, subscription.close),
                [],
            )
            self.assertEqual((subscription.closed, subscription.error), (True, None))

    def test_a_durable_stream_misses_nothing_while_it_is_ended_and_resumed(self) -> None:  # G19 G22
        total = 300
        seen: list[int] = []

        def handle(batch: Batch) -> None:
            seen.extend(record.sequence_number for record in batch)

        def append() -> None:
            for _ in range(total):
                self.store.append([fact("a")])

        def resume() -> None:
            while not seen or seen[-1] < total:
                self.store.stream_all_durable("model", handle).close()

        self.assertEqual(together(append, resume), [])
        self.assertEqual(seen, list(range(1, total + 1)))
        self.assertEqual(numbers(self.store.query()), seen)


if __name__ == "__main__":
    unittest.main()
