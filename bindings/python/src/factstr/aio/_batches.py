"""Iterating over the batches of a stream.

Batches that are at hand are taken on the loop, which costs no thread. Only a wait for the next ones
runs on a thread of the iteration, because the library has no submitted form of it. What the thread
pulled is kept until it is asked for: an await that was cancelled loses nothing.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from .. import _threads
from .._batches import Batches as _Batches
from .._batches import OpenBatch, Pulled, pull
from .._inputs import QueryInput
from .._waiting import WAIT_MS
from ._closeable import AsyncCloseable
from ._off_loop import off_loop

if TYPE_CHECKING:
    from .._owner import Owner

__all__ = ["Batches", "OpenBatch"]


class Batches(AsyncCloseable):
    """The batches of a stream, for one loop: `async for batch in store.stream(): ...`

    Leaving the loop ends the stream; so do close() and the end of an `async with` block, in which
    `await anext(batches)` may be used, too. The stream begins with the loop, or with the block.
    """

    def __init__(
        self, owner: Owner, query: QueryInput | None, after: int | None, durable: str | None
    ) -> None:
        self._owner = owner
        self._registration = query, after, durable
        self._stream: _Batches | None = None
        self._puller: _Puller | None = None
        self._pulling: asyncio.Future[Pulled] | None = None
        self._batch: OpenBatch | None = None
        self._closed = False

    async def _open(self) -> _Batches | None:
        """Returns the stream; None if close() was called meanwhile."""
        if self._stream is None:
            owner, registration = self._owner, self._registration
            opened = await off_loop(
                lambda: _Batches(owner, *registration), lambda opened: opened.close()
            )
            if self._closed:
                opened.close()
                return None
            self._stream = opened
        return self._stream

    def __aiter__(self) -> AsyncIterator[OpenBatch]:
        return _Steps(self)

    async def __anext__(self) -> OpenBatch:
        batch = await self._following()
        if batch is None:
            raise StopAsyncIteration
        return batch

    async def _following(self) -> OpenBatch | None:
        """Acknowledges the batch in hand and returns the next one; None at the end of the stream."""
        if self._closed:
            return None
        stream = await self._open()
        if stream is None:
            return None
        if self._batch is not None:
            batch, self._batch = self._batch, None
            batch.ack()
        if not stream._goes_on():
            self._close()
            return None
        if stream._needs_more():
            at_hand = None
            if self._pulling is None:
                at_hand = pull(self._owner.library, stream.number, 0)
            if not stream._taken(at_hand or await self._await_more(stream.number)):
                self._close()
                return None
        self._batch = stream._opened()
        return self._batch

    async def _await_more(self, stream: int) -> Pulled:
        if self._puller is None:
            self._puller = _Puller(self._owner.library, stream)
        if self._pulling is None:
            self._pulling = self._puller.pull()
        # Awaited by a shield: the thread goes on if the caller is cancelled, and what it pulls is
        # for the next step.
        pulled = await asyncio.shield(self._pulling)
        self._pulling = None
        return pulled

    @property
    def closed(self) -> bool:
        return self._closed or (self._stream is not None and self._stream.closed)

    async def close(self) -> None:
        """Ends the stream. The batch in hand stays unacknowledged. May be called again."""
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._batch = None
        if self._stream is not None:
            self._stream.close()
        if self._puller is not None:
            self._puller.stop()

    async def __aenter__(self) -> Batches:
        await self._open()
        return self

    def __repr__(self) -> str:
        return f"<aio.Batches of {self._owner.store()!r}, {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        self._close()


class _Steps(AsyncIterator[OpenBatch]):
    """What a loop holds while it runs: leaving it drops this object, which ends the stream. An async
    generator would be closed by a task of its own some time later.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    async def __anext__(self) -> OpenBatch:
        return await self._batches.__anext__()

    def __del__(self) -> None:
        self._batches._close()


class _Puller:
    """A thread that waits for the next batches of one stream. It does not keep the stream alive."""

    def __init__(self, library: ctypes.CDLL, stream: int) -> None:
        self._jobs: queue.SimpleQueue[asyncio.Future[Pulled] | None] = queue.SimpleQueue()
        jobs = self._jobs
        _threads.start(lambda: _work(jobs, library, stream), f"factstr-batches-{stream}")

    def pull(self) -> asyncio.Future[Pulled]:
        future: asyncio.Future[Pulled] = asyncio.get_running_loop().create_future()
        self._jobs.put(future)
        return future

    def stop(self) -> None:
        self._jobs.put(None)


def _work(
    jobs: queue.SimpleQueue[asyncio.Future[Pulled] | None], library: ctypes.CDLL, stream: int
) -> None:
    while (future := jobs.get()) is not None:
        while (pulled := pull(library, stream, WAIT_MS)) is None:
            pass
        try:
            future.get_loop().call_soon_threadsafe(_settle, future, pulled)
        except RuntimeError:  # the loop is closed
            return


def _settle(future: asyncio.Future[Pulled], pulled: Pulled) -> None:
    if not future.done():
        future.set_result(pulled)
