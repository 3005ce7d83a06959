"""What a program for asyncio holds of a stream."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

from .._capi import in_forked_child
from .._closeable import HURRY_S
from .._registration import register
from .._reports import StreamProgress
from .._results import Batch
from ..errors import (
    Cancelled,
    FactstrError,
    InvalidArgument,
    InvalidHandle,
    InvalidState,
    StoreClosed,
    forked,
)
from ._closeable import AsyncCloseable
from ._off_loop import off_loop
from ._stream import LOOK_S, LOOP_CLOSED, LoopStream

if TYPE_CHECKING:
    from ._store import Store

AsyncHandler = Callable[[Batch], Awaitable[object] | object]
"""Receives one committed batch, on the event loop. It has failed if it raises or returns False, or
what it returns does so when it is awaited.
"""


class Subscription(AsyncCloseable):
    """A running stream. It runs until it is unsubscribed or closed, its store is closed, its loop
    ends, or it ends with an error.

    It goes on when the object is dropped. What a handler raises is logged by the logger
    "factstr", with its traceback. A live stream goes on with its next batch, a durable one ends.
    """

    def __init__(self, store: Store, stream: LoopStream) -> None:
        self._store = store
        self._stream = stream

    def unsubscribe(self) -> None:
        """Ends the stream: no delivery starts after this has returned, and a durable name is free.
        Never waits for a running handler; may be called again.
        """
        if not in_forked_child():  # there nothing of the stream exists
            self._stream.unsubscribe()

    async def close(self) -> None:
        """Unsubscribes and waits for the running handler. Inside the handler it does not wait."""
        if in_forked_child():
            return
        self._stream.finish()
        if not self._stream.in_handler():
            await self._stream.wait_async()

    async def _close_in_a_hurry(self) -> None:
        if in_forked_child():
            return
        self._stream.finish()
        if not self._stream.in_handler() and not await self._stream.wait_async(HURRY_S):
            self._stream.unsubscribe()

    async def wait(self, timeout: float | None = None) -> bool:
        """Waits until the subscription has ended; returns False if that took longer than `timeout`
        seconds.
        """
        if in_forked_child():
            raise forked()
        return await self._stream.wait_async(timeout)

    async def wait_for(self, number: int, timeout: float | None = None) -> None:
        """Waits until everything up to a sequence number was handled or does not match, such as the
        last number of an append whose effect is to be read.

        Raises Timeout if that takes longer than `timeout` seconds, and the reason if the
        subscription ends before: its error, or Cancelled if it was unsubscribed.
        """
        stream = self._stream
        if stream.in_handler() and self.progress().position < number:
            raise InvalidState("the handler of a stream cannot wait for the stream itself")
        handle = stream.number
        try:
            if handle:
                await self._store._wait_for({"stream": handle}, number, timeout)
                return
        except (InvalidHandle, StoreClosed, Cancelled):
            await self.wait(timeout)  # it ends: what the end says counts
        if not stream.ended or self.progress().position < number:
            raise stream.error or Cancelled(
                f"the stream was unsubscribed before it came to {number}"
            )

    def progress(self) -> StreamProgress:
        """Returns where the stream stands now. After the end: the last numbers, with the state
        "ended".
        """
        if in_forked_child():
            raise forked()
        return self._stream.progress()

    @property
    def closed(self) -> bool:
        """True once the subscription has ended and no handler of it is running."""
        return self._stream.ended

    @property
    def error(self) -> FactstrError | None:
        """Why the subscription has ended: None while it runs, and when it was unsubscribed or
        closed.
        """
        return self._stream.error

    def __repr__(self) -> str:
        return f"<aio.Subscription {self._stream.described()}>"


def _await_on(loop: asyncio.AbstractEventLoop, call: Coroutine[Any, Any, None]) -> None:
    """Waits on another thread for a coroutine that runs on the loop, until the loop is closed."""
    try:
        done = asyncio.run_coroutine_threadsafe(call, loop)
    except RuntimeError:
        call.close()
        raise Cancelled(LOOP_CLOSED) from None
    while not done.done():
        if loop.is_closed():
            raise Cancelled(LOOP_CLOSED)
        wait([done], LOOK_S)
    done.result()


async def subscribe(
    store: Store,
    query: Any,
    handler: AsyncHandler,
    *,
    on_progress: Callable[[StreamProgress], object] | None = None,
    **how: Any,
) -> Subscription:
    """Registers a stream, and returns after the replay of one that is not live. If the await is
    cancelled, the stream ends.
    """
    for name, function in (("handle", handler), ("on_progress", on_progress)):
        if not callable(function) and (name == "handle" or function is not None):
            raise InvalidArgument(f"{name} must be a function, not {type(function).__name__}")
    loop, made, cancelled = asyncio.get_running_loop(), list[LoopStream](), False

    def make(*arguments: Any, **more: Any) -> LoopStream:
        if cancelled:
            raise Cancelled("the registration was cancelled")
        stream = LoopStream(*arguments, **more, loop=loop)
        made.append(stream)
        return stream

    def tell(progress: StreamProgress) -> None:
        async def call() -> None:
            assert on_progress is not None
            result = on_progress(progress)
            if inspect.isawaitable(result):
                await result

        if not cancelled:
            _await_on(loop, call())

    def run() -> None:
        register(
            store._owner,
            query,
            handler,
            on_progress=None if on_progress is None else tell,
            make=make,
            **how,
        )
        if cancelled:
            made[0].unsubscribe()

    try:
        await off_loop(run)
    except asyncio.CancelledError:
        cancelled = True
        if made:
            made[0].unsubscribe()
        raise
    return Subscription(store, made[0])
