"""Shared by the tests of factstr.aio: a store that is open while a test runs."""

from __future__ import annotations

import asyncio
import time
import unittest
from typing import Any

from factstr import _capi
from support import WAIT_S, PlaceCase, opening


class AioCase(unittest.IsolatedAsyncioTestCase, PlaceCase):
    """Opens stores of one kind. After the test no handle of the library may be open."""

    async def asyncSetUp(self) -> None:
        asyncio.get_running_loop().set_debug(False)  # which the base class sets, and prints
        self.store = await opening(self.kind, self.place, lock_ms=3_600_000)

    async def asyncTearDown(self) -> None:
        await self.store.close()
        self.assertEqual(_capi.load().factstr_open_handles(), 0, "open handles")

    async def types(self) -> list[str]:
        return [record.event_type for record in (await self.store.query()).event_records]

    async def taken(self) -> None:
        """Waits until no append waits in the queue: a group has taken them."""
        while (await self.store.statistics()).queue_appends > 0:
            await asyncio.sleep(0)


def started(call: Any) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(call)


async def no_handles() -> None:
    """Waits until the library has released its handles, which nothing reports."""
    until = time.monotonic() + WAIT_S
    while _capi.load().factstr_open_handles() and time.monotonic() < until:
        await asyncio.sleep(0.001)
