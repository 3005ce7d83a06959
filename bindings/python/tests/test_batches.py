from __future__ import annotations

import gc
import threading
import unittest
from typing import Any
from unittest import mock

import factstr
from factstr import _capi
from factstr._batches import Pulled, pull
from support import WAIT_S, StoreCase, fact, on_every_store


def numbers_of(batch: factstr.Batch) -> list[int]:
    return [record.sequence_number for record in batch]


@on_every_store
class Batches(StoreCase):
    def append(self, *sizes: int) -> None:
        for size in sizes:
            self.store.append([fact("a")] * size)

    def test_a_loop_replays_from_a_number_and_goes_on_live(self) -> None:  # G15 G19
        self.append(2, 1)
        got = []
        for batch in self.store.stream(after=1):
            got.append((numbers_of(batch), batch.position))
            if batch.position == 3:
                threading.Thread(target=self.append, args=(1,)).start()
            if batch.position == 4:
                break
        self.assertEqual(got, [([2], 2), ([3], 3), ([4], 4)])

    def test_asking_for_the_next_batch_acknowledges_the_one_before(self) -> None:  # G21
        self.append(1, 1, 1)
        for batch in self.store.stream(durable="model"):
            if batch.position == 3:
                break
        again = [batch.position for batch in self.until(3)]
        self.assertEqual(again, [3], "the batch in hand is not acknowledged, the others are")

    def until(self, last: int) -> list[factstr.OpenBatch]:
        got = []
        for batch in self.store.stream(durable="model"):
            got.append(batch)
            batch.ack()
            if batch.position == last:
                break
        return got

    def test_ack_acknowledges_the_batch_in_hand(self) -> None:  # G21
        self.append(1, 1)
        for batch in self.store.stream(durable="model"):
            batch.ack()
            batch.ack()
            if batch.position == 1:
                break
        self.assertEqual([batch.position for batch in self.until(2)], [2])

    def test_an_exception_leaves_the_batch_for_the_next_loop(self) -> None:  # G21
        self.append(1, 1)
        with self.assertRaises(ZeroDivisionError):
            for batch in self.store.stream(durable="model"):
                self.assertEqual(1 // (2 - batch.position), 1)
        self.assertEqual([batch.position for batch in self.until(2)], [2])

    def test_a_loop_that_is_left_frees_the_name_and_leaves_no_handle(self) -> None:  # G22
        self.append(1)
        handles = _capi.load().factstr_open_handles()
        for _ in range(3):
            for batch in self.store.stream(durable="model"):
                self.assertEqual(batch.position, 1)
                break
        with self.store.stream() as batches:
            self.assertFalse(batches.closed)
        self.store.stream()
        gc.collect()
        self.assertEqual(_capi.load().factstr_open_handles(), handles)

    def test_a_live_loop_sees_what_is_committed_after_the_call(self) -> None:  # G16
        self.append(1)
        batches = self.store.stream({"filters": [{"event_types": ["b"]}]})
        self.append(1)
        self.store.append([fact("a"), fact("b"), fact("a")])
        for batch in batches:
            self.assertEqual((numbers_of(batch), batch.position), ([4], 5))
            break

    def test_the_end_of_its_store_ends_a_loop_with_the_reason(self) -> None:  # G17
        batches = self.store.stream()
        ended = threading.Event()

        def loop() -> None:
            try:
                for _ in batches:
                    pass
            except factstr.StoreClosed:
                ended.set()

        threading.Thread(target=loop).start()
        self.store.close()
        self.assertTrue(ended.wait(WAIT_S))

    def test_a_loop_whose_stream_is_closed_between_two_waits_ends(self) -> None:
        batches = self.store.stream()

        def close_first(*asked: Any) -> Pulled | None:
            batches.close()
            return pull(*asked)

        with mock.patch("factstr._batches.pull", close_first):
            self.assertEqual(list(batches), [])

    def test_bad_beginnings_are_refused(self) -> None:
        with self.assertRaisesRegex(factstr.InvalidArgument, "either"):
            self.store.stream(after=1, durable="model")
        with self.assertRaisesRegex(factstr.InvalidArgument, "after"):
            self.store.stream(after=-1)
        with self.assertRaises(factstr.LogTruncated):
            self.store.stream(after=1)
        with self.store.stream(durable="model"), self.assertRaises(factstr.DurableStreamActive):
            self.store.stream(durable="model")


if __name__ == "__main__":
    unittest.main()
