"""Reading row by row with asyncio, also where steps are cancelled."""

from __future__ import annotations

import asyncio
import time

import factstr
from aio_case import AioCase, started
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
