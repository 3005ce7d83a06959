"""Streams whose handlers run on an event loop, and iterating over their batches."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
import threading
import time
import unittest
from types import FrameType
from unittest import mock

import factstr
from aio_case import AioCase, started
from factstr._batches import Pulled, pull
from support import WAIT_S, fact, on_every_store


def _is_off_loop(frame: FrameType | None) -> bool:
    """Reports whether a thread makes a call for a loop."""
    while frame is not None and not frame.f_code.co_filename.endswith("_off_loop.py"):
        frame = frame.f_back
    return frame is not None


@on_every_store
class Handlers(AioCase):
    async def test_an_async_handler_runs_on_the_loop_one_batch_at_a_time(self) -> None:  # G17
        await self.store.append([fact("a")])
        running, loops = 0, set()
        seen: list[int] = []

        async def handle(batch: factstr.Batch) -> None:
            nonlocal running
            running += 1
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            self.assertEqual(running, 1)
            seen.extend(record.sequence_number for record in batch)
            running -= 1

        async with await self.store.stream_all_durable("model", handle) as subscription:
            self.assertEqual(seen, [1])
            for _ in range(30):
                appended = await self.store.append([fact("a")])
            await subscription.wait_for(appended.last_sequence_number)
        self.assertEqual(seen, list(range(1, 32)))
        self.assertEqual(loops, {asyncio.get_running_loop()})
        self.assertTrue(subscription.closed)

    async def test_a_handler_that_fails_ends_a_durable_stream_and_gets_its_batch_again(
        self,
    ) -> None:  # G21
        await self.store.append([fact("a")])

        async def refuse(batch: factstr.Batch) -> None:
            raise RuntimeError("no")

        async def return_false(batch: factstr.Batch) -> bool:
            return False

        for handler in (refuse, return_false):
            with self.assertLogs("factstr", "WARNING"), self.assertRaises(factstr.HandlerFailed):
                await self.store.stream_all_durable("model", handler)
        seen: list[int] = []
        subscription = await self.store.stream_all_durable(
            "model", lambda batch: seen.append(batch.position)
        )
        self.assertEqual(seen, [1])
        await subscription.close()

    async def test_a_handler_may_call_the_store_and_close_it(self) -> None:
        closed = asyncio.Event()

        async def handle(batch: factstr.Batch) -> None:
            self.assertEqual(len(await self.types()), 1)
            await asyncio.gather(self.store.close())  # in a task of its own, too
            closed.set()

        subscription = await self.store.stream_all(handle)
        await self.store.append([fact("a")])
        await asyncio.wait_for(closed.wait(), WAIT_S)
        self.assertTrue(await subscription.wait(WAIT_S))

    async def test_close_waits_for_a_running_handler(self) -> None:
        entered, leave, left = asyncio.Event(), asyncio.Event(), False

        async def handle(batch: factstr.Batch) -> None:
            nonlocal left
            entered.set()
            await leave.wait()
            left = True

        subscription = await self.store.stream_all(handle)
        await self.store.append([fact("a")])
        await entered.wait()
        subscription.unsubscribe()
        closing = started(subscription.close())
        await asyncio.sleep(0)
        self.assertFalse(closing.done())
        leave.set()
        await closing
        self.assertTrue(left)

    async def test_a_cancelled_registration_ends_its_stream_and_frees_the_name(self) -> None:
        await self.store.append([fact("a")])
        entered, leave = asyncio.Event(), asyncio.Event()

        async def handle(batch: factstr.Batch) -> None:
            entered.set()
            await leave.wait()

        registering = started(self.store.stream_all_durable("model", handle))
        await entered.wait()
        registering.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await registering
        leave.set()
        seen: list[int] = []
        again = await self.store.stream_all_durable("model", lambda b: seen.append(b.position))
        await again.close()
        self.assertEqual(seen, [1])

    async def test_a_registration_and_a_stream_end_with_their_loop(self) -> None:  # G22
        await self.store.append([fact("a")])
        # A handler that is dropped with its loop has not failed.
        with self.assertNoLogs("factstr", "WARNING"):
            await asyncio.to_thread(self.register_on_a_loop_that_ends)
            gc.collect()
        for name in ("model", "idle"):
            await self.eventually_free(name)
        until = time.monotonic() + WAIT_S
        while any(map(_is_off_loop, sys._current_frames().values())):
            self.assertLess(time.monotonic(), until, "a thread still waits for the loop")
            await asyncio.sleep(0.01)

    def register_on_a_loop_that_ends(self) -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(lambda *_: None)  # for the tasks that it leaves behind

        async def never(batch: factstr.Batch) -> None:
            await asyncio.Event().wait()

        async def stop(progress: factstr.StreamProgress) -> None:
            loop.stop()
            await asyncio.Event().wait()

        registering = self.store.stream_all_durable("model", never, on_progress=stop)
        task = loop.create_task(registering)
        loop.run_until_complete(self.store.stream_all_durable("idle", lambda _: None))
        self.assertFalse(task.done())
        loop.run_forever()
        loop.close()

    async def eventually_free(self, name: str) -> None:
        until = time.monotonic() + WAIT_S
        while True:
            try:
                subscription = await self.store.stream_all_durable(name, lambda _: None)
                break
            except factstr.DurableStreamActive:
                self.assertLess(
                    time.monotonic(), until, f"{name} is held although its loop is gone"
                )
                await asyncio.sleep(0.01)
        await subscription.close()

    async def test_a_handler_that_awaits_what_is_cancelled_has_failed(self) -> None:
        async def handle(batch: factstr.Batch) -> None:
            gone = started(asyncio.sleep(WAIT_S))
            gone.cancel()
            await gone

        subscription = await self.store.stream_all_durable("model", handle)
        with self.assertLogs("factstr", "WARNING"):
            await self.store.append([fact("a")])
            self.assertTrue(await subscription.wait(WAIT_S))
        self.assertIsInstance(
            subscription.error, (factstr.HandlerFailed, factstr.Cancelled), subscription.error
        )


@on_every_store
class Loop(AioCase):
    async def test_a_loop_takes_batches_and_asking_for_the_next_acknowledges(self) -> None:
        for n in range(3):
            await self.store.append([fact("a", n)])
        seen = []
        batches = self.store.stream(durable="model")  # leaving the loop closes it all the same
        async for batch in batches:
            seen.append(batch.position)
            if batch.position == 2:
                break
        self.assertEqual(seen, [1, 2])
        async for batch in self.store.stream(durable="model"):
            seen.append(batch.position)
            if batch.position == 3:
                batch.ack()
                break
        self.assertEqual(seen, [1, 2, 2, 3])

    async def test_a_step_that_was_cancelled_loses_no_batch(self) -> None:
        async with self.store.stream() as batches:
            for n in range(1, 4):
                step = started(batches.__anext__())
                await asyncio.sleep(0.001)
                step.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await step
                await self.store.append([fact("a", n)])
                batch = await asyncio.wait_for(batches.__anext__(), WAIT_S)
                self.assertEqual(batch.position, n)
        self.assertTrue(batches.closed)
        self.assertEqual([batch async for batch in batches], [])

    async def test_a_loop_that_is_closed_while_it_opens_or_waits_has_ended(self) -> None:  # G22
        for begin in ("__anext__", "__aenter__"):
            batches = self.store.stream(durable="model")
            opening = started(getattr(batches, begin)())
            await asyncio.sleep(0)  # the thread that opens it has begun; this one has no answer yet
            await batches.close()
            if begin == "__anext__":
                with self.assertRaises(StopAsyncIteration):
                    await asyncio.wait_for(opening, WAIT_S)
            else:
                self.assertIs(await asyncio.wait_for(opening, WAIT_S), batches)
            self.assertTrue(batches.closed)
            self.assertEqual([batch async for batch in batches], [])
            async with self.store.stream(durable="model") as again:  # the name is free
                waiting = started(again.__anext__())
                await asyncio.sleep(0.01)
                self.assertFalse(waiting.done())
                await again.close()
                with self.assertRaises(StopAsyncIteration):
                    await asyncio.wait_for(waiting, WAIT_S)

    async def test_a_loop_that_is_closed_before_its_thread_waits_ends(self) -> None:
        closed = threading.Event()

        def pull_late(library: ctypes.CDLL, stream: int, wait_ms: int) -> Pulled | None:
            if wait_ms > 0:
                closed.wait(WAIT_S)
            return pull(library, stream, wait_ms)

        batches = self.store.stream()
        with mock.patch("factstr.aio._batches.pull", pull_late):
            waiting = started(batches.__anext__())
            while batches._pulling is None:
                await asyncio.sleep(0)
            await batches.close()
            closed.set()
            with self.assertRaises(StopAsyncIteration):
                await asyncio.wait_for(waiting, WAIT_S)

    async def test_the_end_of_its_store_ends_a_loop_with_the_reason(self) -> None:
        async def take() -> list[int]:
            return [batch.position async for batch in self.store.stream(after=0)]

        await self.store.append([fact("a")])
        taking = started(take())
        while not (await self.store.statistics()).streams:
            await asyncio.sleep(0)
        await self.store.close()
        with self.assertRaises(factstr.StoreClosed):
            await asyncio.wait_for(taking, WAIT_S)

    async def test_bad_arguments_are_refused_as_by_the_other_calls(self) -> None:
        for bad in ({"after": "1"}, {"durable": 1}):
            with self.assertRaises(factstr.InvalidArgument):
                self.store.stream(**bad)
        both = self.store.stream(after=1, durable="model")
        with self.assertRaises(factstr.InvalidArgument):
            await both.__anext__()
        with self.assertRaises(factstr.InvalidArgument):
            await self.store.stream_all(None)


if __name__ == "__main__":
    unittest.main()
