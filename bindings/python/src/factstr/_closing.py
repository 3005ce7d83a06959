"""How a store is closed.

The order matters to whoever reads the log next:

1. The handle is disowned: from now on every call raises StoreClosed, and no stream can register.
   The caller who gets the handle closes; every other one waits for it.
2. Calls in flight of a store for asyncio are cancelled or end (aio/_answers.py).
3. Live streams get what was committed before. A live stream has no cursor: what it does not get now
   is lost to it. A durable one resumes from its cursor.
4. Every stream finishes the delivery that it is handling. To the library a pulled delivery is no
   running callback and would not be waited for, but its acknowledgement moves the cursor; without
   it the batch would come again.
5. The library ends the streams and stores their cursors, then the store's handle is released, and
   with it those of its streams.

Steps 2 to 5 share one deadline, close_timeout_ms. A handler that runs longer keeps its thread, which
ends by itself; close() raises Timeout then, with the store closed all the same.

A handler may close its own store, so no step waits for the thread that calls.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from ctypes import byref

from . import _threads
from ._capi import EMPTY_APPEND, OK, TIMEOUT, Buffer, take
from ._owner import OpenStream, Owner
from ._requests import Requests
from ._waiting import WAIT_MS, interruptible, wait_for
from .errors import Timeout

_TIMEOUT_MS = 5000  # the library's own default


def release(library: ctypes.CDLL, handle: int) -> tuple[int, bytes]:
    """Closes the handle of a store."""
    buffer = Buffer()
    status = library.factstr_store_close(handle, byref(buffer))
    return status, take(library, buffer)


class Closing:
    """Closes one store once, however many callers ask for it."""

    def __init__(self, owner: Owner, requests: Requests, timeout_ms: float | None) -> None:
        self._owner = owner
        self._requests = requests
        seconds: float = (_TIMEOUT_MS if timeout_ms is None else timeout_ms) / 1000
        self._timeout = (
            min(seconds, threading.TIMEOUT_MAX) if seconds >= 0 else threading.TIMEOUT_MAX
        )
        self._done = _threads.Flag()

    def close(self, within: float = threading.TIMEOUT_MAX) -> None:
        """Closes the store. Waits for `within` seconds at most, if that is less than the timeout."""
        deadline = time.monotonic() + min(self._timeout, within)
        handle = self._owner.handle.disown()
        if not handle:
            if not any(each.in_handler() for each in self._owner.streams()):
                wait_for(self._done, self._timeout)
            return
        try:
            self._close(handle, deadline)
        finally:
            self._done.set()

    def abandon(self) -> None:
        """Closes a store that the program dropped. A running stream keeps its store alive, so there
        is no handler to wait for.
        """
        release(self._owner.library, self._owner.handle.disown())
        self._done.set()

    def _close(self, handle: int, deadline: float) -> None:
        library, streams = self._owner.library, self._owner.streams()
        try:
            self._requests.before_close(handle, deadline)
            self._deliver_the_rest(handle, streams, deadline)
            finished = _end(streams, deadline)
        except BaseException:  # Ctrl-C ends the wait for handlers, and leaves nothing open
            with contextlib.suppress(RuntimeError):  # the program is ending
                _threads.start_new_thread(lambda: release(library, handle), ())
            raise
        status, text = interruptible(lambda: release(library, handle), lambda _: None)
        self._requests.collect_given_up(WAIT_MS)
        if status == TIMEOUT or not finished:
            raise Timeout("a handler or a call is still running; the store is closed all the same")
        if status >= EMPTY_APPEND:
            self._owner.handle.check(status, text)

    def _deliver_the_rest(self, handle: int, streams: list[OpenStream], deadline: float) -> None:
        live = [each for each in streams if each.is_live and not each.in_handler()]
        if not live:
            return
        answers: list[tuple[int, bytes]] = []
        answered = _threads.Flag()

        def ask() -> None:
            answers.append(self._owner.statistics(handle))
            answered.set()

        # On a thread of its own: a server that does not answer must not hold up the close.
        try:
            _threads.start_new_thread(ask, ())
        except RuntimeError:  # the program is ending, or this is an isolated sub-interpreter
            ask()
        if not wait_for(answered, max(0.0, deadline - time.monotonic())) or answers[0][0] != OK:
            return
        head, pause = self._owner.decoder.statistics(answers[0][1]).head, _threads.pauses()
        while time.monotonic() < deadline and not all(each.has_handled(head) for each in live):
            pause()


def _end(streams: list[OpenStream], deadline: float) -> bool:
    """Ends the streams; returns whether all handlers have returned."""
    for each in streams:
        each.finish()
    running = [each for each in streams if not each.in_handler()]
    finished = all(each.wait(max(0.0, deadline - time.monotonic())) for each in running)
    for each in streams:
        each.await_end(deadline)
    return finished
