"""Several batches that come from the library at once: each still counts for itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import factstr
from programs import ProgramCase, run_program
from support import WAIT_S, Batch, StoreCase, fact, on_every_store, on_persistent_stores

FACTS = 8

KILLED = """
import os, signal, sys
import factstr
from support import opened

kind, place, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
log = os.open(sys.argv[4], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def handle(batch):
    number = batch[0].sequence_number
    os.write(log, b"%d\\n" % number)
    if number == last:
        os.kill(os.getpid(), signal.SIGKILL)

opened(kind, place).stream_all_durable("model", handle)
"""


@on_every_store
class Crossings(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        for _ in range(FACTS):
            self.store.append([fact("a")])

    def first_of_next(self, name: str) -> int:
        got: list[int] = []
        self.store.stream_all_durable(name, lambda batch: got.append(batch[0].sequence_number))
        self.assertEqual(got, list(range(FACTS + 1 - len(got), FACTS + 1)))
        return FACTS + 1 - len(got)

    def test_the_cursor_follows_while_a_later_batch_is_handled(self) -> None:  # G23
        begun, release = threading.Event(), threading.Event()

        def handle(batch: Batch) -> None:
            if batch[0].sequence_number == 6:
                begun.set()
                release.wait(WAIT_S)

        registering = threading.Thread(target=self.store.stream_all_durable, args=("model", handle))
        registering.start()
        try:
            self.assertTrue(begun.wait(WAIT_S))
            deadline = time.monotonic() + WAIT_S
            while self.store.statistics().streams[0].progress.stored_cursor < 5:
                self.assertLess(time.monotonic(), deadline, "the stored cursor does not follow")
                time.sleep(0.005)
            self.assertEqual(self.store.statistics().streams[0].progress.position, 5)
        finally:
            release.set()
            registering.join()

    def test_an_exception_at_any_place_refuses_exactly_its_batch(self) -> None:  # G20 G21
        for place in range(1, FACTS + 1):
            got: list[int] = []

            def handle(batch: Batch, got: list[int] = got, place: int = place) -> None:
                got.append(batch[0].sequence_number)
                if got[-1] == place:
                    raise RuntimeError("on purpose")

            with self.assertLogs("factstr"), self.assertRaises(factstr.HandlerFailed):
                self.store.stream_all_durable(f"model {place}", handle)
            self.assertEqual(got, list(range(1, place + 1)))
            self.assertEqual(self.first_of_next(f"model {place}"), place)

    def test_unsubscribing_at_any_place_leaves_the_rest(self) -> None:  # G17 G22
        for place in range(2, FACTS + 1):
            self.ended_in_handler(place, factstr.Subscription.unsubscribe, place)

    def test_closing_at_any_place_in_the_handler_leaves_what_is_behind_it(self) -> None:  # G17 G23
        for place in range(2, FACTS + 1):
            self.ended_in_handler(place, factstr.Subscription.close, place + 1)

    def ended_in_handler(
        self, place: int, end: Callable[[factstr.Subscription], object], first: int
    ) -> None:
        """Ends a live subscription in the handler of a batch that came with others."""
        store = self.store
        self.place, self.store = self.new_place(), store
        self.store = self.open()
        held, name, got = threading.Event(), "model", []

        def handle(batch: Batch) -> None:
            got.append(batch[0].sequence_number)
            held.wait(WAIT_S)
            if got[-1] == place:
                end(subscription)

        subscription = self.store.stream_all_durable(name, handle)
        for _ in range(FACTS):
            self.store.append([fact("a")])
        held.set()
        self.assertTrue(subscription.wait(WAIT_S))
        self.assertEqual(got, list(range(1, place + 1)))
        self.assertEqual(self.first_of_next(name), first)
        self.store.close()
        self.store = store

    def test_a_live_stream_goes_on_after_failures(self) -> None:  # G16
        held, done, got = threading.Event(), threading.Event(), []

        def handle(batch: Batch) -> None:
            held.wait(WAIT_S)
            got.append(batch[0].sequence_number)
            if len(got) == FACTS:
                done.set()
            if got[-1] % 2:
                raise RuntimeError("on purpose")

        with self.assertLogs("factstr", "WARNING"):
            subscription = self.store.stream_all(handle)
            for _ in range(FACTS):
                self.store.append([fact("a")])
            held.set()
            self.assertTrue(done.wait(WAIT_S))
            subscription.close()
        self.assertEqual(got, list(range(FACTS + 1, 2 * FACTS + 1)))


@on_persistent_stores
class KilledCrossings(ProgramCase, StoreCase):
    def test_nothing_is_skipped_when_the_process_is_killed(self) -> None:  # G19 G21
        for _ in range(1500):
            self.store.append([fact("a")])
        self.store.close()
        log = self.folder / "handled"
        for last in (3, 200, 511, 512, 513, 1100):
            done = run_program(KILLED, self.kind, self.place, last, log)
            self.assertEqual(done.returncode, -9, done.stderr)
        self.store, got = self.open(), []
        self.store.stream_all_durable("model", lambda batch: got.append(batch[0].sequence_number))
        handled = [int(number) for number in log.read_text().split()]
        before = 0
        for number in [*handled, *got]:
            self.assertLessEqual(number, before + 1, "facts were skipped")
            before = number
        self.assertEqual(before, 1500)
