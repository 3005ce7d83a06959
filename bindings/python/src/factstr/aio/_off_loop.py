"""Calls of the library that have no submitted form, on a thread of their own: opening, closing,
statistics, registering a stream. None of them is made often.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import TypeVar

from .. import _threads
from .._capi import in_forked_child

Result = TypeVar("Result")


def _leave(result: object) -> None:
    del result


async def off_loop(call: Callable[[], Result], undo: Callable[[Result], object] = _leave) -> Result:
    """Awaits a blocking call. If the await is cancelled, the call runs to its end all the same, and
    what it returns is undone, also on a thread.
    """
    if in_forked_child():  # a copy of the parent's loop, which asyncio does not let run
        return call()  # raises ForkError
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(call)
        except BaseException as error:
            failure = error  # the name of an except clause ends with it
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(fail, failure)
            return
        try:
            loop.call_soon_threadsafe(settle, result)
        except RuntimeError:
            undo(result)

    def settle(result: Result) -> None:
        if done.cancelled():
            _threads.start_new_thread(lambda: undo(result), ())
        else:
            done.set_result(result)

    def fail(error: BaseException) -> None:
        if not done.cancelled():
            done.set_exception(error)

    try:
        _threads.start_new_thread(run, ())
    except RuntimeError:  # the program is ending, or this is an isolated sub-interpreter
        return call()
    try:
        return await done
    except asyncio.CancelledError:
        if done.done() and not done.cancelled() and done.exception() is None:
            result = done.result()
            _threads.start_new_thread(lambda: undo(result), ())
        raise
