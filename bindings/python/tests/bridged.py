"""A store for asyncio behind the calls of an ordinary one, so that tests of those can use it."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any

from factstr import aio
from support import WAIT_S


class Bridged:
    """Runs each coroutine method on an event loop of a thread, and waits for it."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        return self._call(value) if callable(value) else value

    def _call(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def run(arguments: Any, named: Any) -> Any:
            result = method(*arguments, **named)
            if inspect.isawaitable(result):
                result = await result
            if isinstance(result, aio.Subscription):
                return Bridged(result, self._loop)
            if isinstance(result, aio.Reading):
                return [record async for record in result]
            if isinstance(result, aio.Batches):
                return BridgedBatches(await result.__aenter__(), self._loop)
            return result

        return lambda *arguments, **named: asyncio.run_coroutine_threadsafe(
            run(arguments, named), self._loop
        ).result()


class BridgedBatches:
    """The batches of an `async with` block on the loop, for a loop of a thread."""

    def __init__(self, batches: aio.Batches, loop: asyncio.AbstractEventLoop) -> None:
        self._batches = batches
        self._loop = loop

    def __iter__(self) -> Iterator[aio.OpenBatch]:
        return self

    def __next__(self) -> aio.OpenBatch:
        async def following() -> aio.OpenBatch | None:
            return await anext(self._batches, None)

        batch = asyncio.run_coroutine_threadsafe(following(), self._loop).result(WAIT_S)
        if batch is None:
            raise StopIteration
        return batch

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._batches.close(), self._loop).result(WAIT_S)


class LoopThread:
    """An event loop that runs on a thread of its own until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def bridged(self, opening: aio.Opening[Any]) -> Any:
        async def opened() -> Any:
            return await opening

        return Bridged(asyncio.run_coroutine_threadsafe(opened(), self.loop).result(), self.loop)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
