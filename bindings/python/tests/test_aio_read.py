"""Reading row by row with asyncio, also where steps are cancelled."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import unittest
from typing import Any

import factstr
from aio_case import AioCase, started
from factstr import aio
from support import WAIT_S, fact, on_every_store


@on_every_store
class Reading(AioCase):
    async def test_a_step_that_is_cancelled_loses_no_page(self) -> None:  # G8
        await self.store.append([fact("a", n) for n in range(2500)])
        for answered in (False, True):
            reading = self.store.read()
            numbers: list[int] = []
            while True:
                step = started(anext(reading, None))
                await asyncio.sleep(0)  # until it waits for a page, or has a record
                until = time.monotonic() + WAIT_S
                while answered and self.store._answers._waiting and time.monotonic() < until:
                    time.sleep(0.0001)  # the page comes, and the loop does not know it yet
                step.cancel()
                try:
                    record = await step
                except asyncio.CancelledError:
                    record = await anext(reading, None)
                if record is None:
                    break
                numbers.append(record.sequence_number)
            self.assertEqual(numbers, list(range(1, 2501)))

    async def test_a_page_that_nobody_awaits_any_more_closes_with_its_reading(self) -> None:
        await self.store.append([fact("a")])
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(context)
        )
        reading = self.store.read()
        step = started(anext(reading))
        await asyncio.sleep(0)
        step.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await step
        await reading.close()
        await self.store.close()
        with self.assertRaises(factstr.StoreClosed):
            self.store.read()
        del reading, step
        self.assertEqual(complaints, [])

    async def test_a_reading_that_is_closed_during_a_step_ends(self) -> None:
        await self.store.append([fact("a")])
        for turns in range(4):
            reading = self.store.read()
            step = started(anext(reading, None))
            for _ in range(turns):
                await asyncio.sleep(0.001)
            answered = step.done()
            await reading.close()
            record = await asyncio.wait_for(step, WAIT_S)
            self.assertEqual(record is not None, answered)


class CancelledReads(unittest.IsolatedAsyncioTestCase):
    async def test_the_answer_to_a_cancelled_query_is_not_decoded(self) -> None:
        decoding, go_on, decoded = threading.Event(), threading.Event(), []

        def loads(text: str | bytes) -> Any:
            decoded.append(text)
            decoding.set()
            go_on.wait(WAIT_S)
            return json.loads(text)

        async with aio.MemoryStore.open(json_loads=loads) as store:
            await store.append([fact("a", n) for n in range(3)])
            first = started(store.query())
            while not decoding.is_set():
                await asyncio.sleep(0)
            cancelled = [started(store.query()) for _ in range(20)]
            await asyncio.sleep(0)
            for each in cancelled:
                each.cancel()
            await asyncio.wait(cancelled)
            last = started(store.query())
            await asyncio.sleep(0)
            go_on.set()
            await asyncio.gather(first, last)
        self.assertEqual(len(decoded), 2)
