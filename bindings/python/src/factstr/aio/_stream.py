"""A stream whose handler runs on an event loop.

The stream's thread pulls the batches as always (../_stream.py), and hands all that came along to the
loop as one task, which calls the handler for each, awaits it if it is async, and answers. The thread
meanwhile waits for the end of that task. So a replay of small batches wakes the loop once for
hundreds of them.

A handler runs on the loop on which the stream was registered. If that loop is closed, or cancels the
task as asyncio.run() does at its end, the stream ends: the batch in hand stays unanswered, and a
durable stream gets it again.

Whether a caller is inside a handler, and so must not wait for it, is told by a context variable: the
tasks that a handler starts inherit it, and off_loop() takes it along.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .. import _threads
from .._stream import Stream
from ..errors import Cancelled, FactstrError

if TYPE_CHECKING:
    from .._inputs import Handler
    from .._owner import Owner

_handling: ContextVar[Stream | None] = ContextVar("factstr_handling", default=None)
_LOOP_HELD_S = 0.005
LOOK_S = 0.5  # between two looks whether the loop is closed
LOOP_CLOSED = "the event loop of the handler is closed"


class LoopStream(Stream):
    """A stream whose handler runs on the loop that makes it."""

    def __init__(
        self,
        owner: Owner,
        number: int,
        handler: Handler,
        durable_name: str | None,
        *,
        is_live: bool,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(owner, number, handler, durable_name, is_live=is_live)
        self._loop = loop
        self._loop_left: FactstrError | None = None
        self._failure_on_loop: BaseException | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def number(self) -> int:
        """The handle of the stream; 0 after its end."""
        return self._handle.number

    def in_handler(self) -> bool:
        return _handling.get() is self and self._in_delivery

    async def wait_async(self, timeout: float | None = None) -> bool:
        """Waits for the end of the thread; returns whether it has ended."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        with self._handle.lock:
            waits = not self.ended
            if waits:
                self._waiters.append((loop, ended))
        if waits:
            await asyncio.wait([ended], timeout=timeout)
        return self.ended

    def _has_ended(self) -> None:
        with self._handle.lock:
            waiters, self._waiters = self._waiters, []
        for loop, ended in waiters:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(_set, ended)

    def _deliver(self) -> FactstrError | None:
        return super()._deliver() or self._loop_left

    def _is_given_up(self) -> bool:
        if self._loop.is_closed():
            self._loop_left = Cancelled(LOOP_CLOSED)
        return self._loop_left is not None

    def _handle_all(self, stream: int, first: int, count: int, text: bytes) -> bool:
        done, went_on = _threads.Flag(), False

        def begin() -> None:
            task = self._loop.create_task(self._handle_on_loop(stream, first, count, text))
            self._tasks.add(task)  # the loop itself keeps tasks weakly
            task.add_done_callback(end)

        def end(task: asyncio.Task[bool]) -> None:
            nonlocal went_on
            self._tasks.discard(task)
            if task.cancelled():
                self._loop_left = Cancelled("the task of the handler was cancelled by its loop")
            elif (error := task.exception()) is None:
                went_on = task.result()
            else:
                self._failure_on_loop = error
            done.set()

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            self._loop_left = Cancelled(LOOP_CLOSED)
            return False
        while not done.wait(LOOK_S):
            if self._is_given_up():
                return False
        if self._failure_on_loop is not None:
            raise self._failure_on_loop
        return went_on

    async def _handle_on_loop(self, stream: int, first: int, count: int, text: bytes) -> bool:
        """Handles batches one after the other; returns False if the program ended the stream."""
        _handling.set(self)
        last, begun = first + count - 1, time.monotonic()
        for delivery, batch in enumerate(self._decoder.batches(text), first):
            if not self._begins():
                return False
            try:
                failed = await self._calls.batch_async(batch)
                goes_on = self._answered(stream, delivery, last, failed)
            finally:
                is_running = self._ends()
            if not is_running:
                return False
            if not goes_on:
                break
            if time.monotonic() - begun > _LOOP_HELD_S:
                await asyncio.sleep(0)  # a handler that never waits must not hold up the loop
                begun = time.monotonic()
        return True


def _set(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)
