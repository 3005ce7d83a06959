"""The calls that wait for an answer: append, append_if and query."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from ctypes import byref, c_uint64
from typing import Any, NamedTuple

from . import _threads
from ._capi import OK, TIMEOUT, Buffer, take
from ._handle import Handle
from ._waiting import WAIT_MS
from .errors import FactstrError

_GREENLETS_WAIT_MS = 1  # most answers come within it; during a slower one other greenlets run
_tags = itertools.count(1)


class Call(NamedTuple):
    """The forms of a call in the C API."""

    blocking: Callable[..., int]
    submit: Callable[..., int]
    at_once: Callable[..., int] | None = None


class Requests:
    """Makes the calls of one store.

    In the main thread, where Ctrl-C can come, a call is first tried in a form that waits for the
    disk alone, and that most calls are answered by. If anybody else must be waited for, nothing has
    happened: it is submitted then, and its answer is awaited in steps, which costs changes of
    threads. Under greenlets it is submitted in any case, since the disk may take longer than others
    want to wait. In other threads, and where a call never waits, it is made directly.

    After Ctrl-C the request is cancelled: if no group has taken it yet, nothing is written. Its
    answer still needs to be fetched, or its handle would stay open. That is left to the next call
    (_given_up), because nobody wants to wait for it now.
    """

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._given_up: list[int] = []
        self.before_close: Callable[[int, float], None] = _nothing_in_flight
        """Called with the handle and a deadline before it is released."""

    def answer(self, call: Call, waits: bool, *arguments: Any) -> bytes:
        """Returns the answer to one call. `waits` is False for a call that never blocks for long."""
        if self._given_up:
            self.collect_given_up(0)
        library, handle, buffer = self._handle.library, self._handle.use(), Buffer()
        if not waits or not _threads.in_main_thread():
            status = call.blocking(handle, *arguments, byref(buffer))
            text = take(library, buffer)
            self._handle.check(status, text)
            return text
        request, tag = c_uint64(), next(_tags)
        try:
            if call.at_once is not None and not _threads.greenlets():
                status = call.at_once(handle, *arguments, byref(buffer))
                if status != TIMEOUT or buffer.data:
                    text = take(library, buffer)
                    self._handle.check(status, text)
                    return text
            status = call.submit(handle, *arguments, tag, None, None, byref(request), byref(buffer))
            if status == OK:
                wait_ms, pause = (
                    (_GREENLETS_WAIT_MS, _threads.pauses())
                    if _threads.greenlets()
                    else (WAIT_MS, None)
                )
                status = library.factstr_request_wait(request, wait_ms, byref(buffer))
                while status == TIMEOUT and not buffer.data:
                    if pause is not None:
                        pause()
                        wait_ms = 0
                    status = library.factstr_request_wait(request, wait_ms, byref(buffer))
            text = take(library, buffer)
        except FactstrError:
            raise  # the answer
        except BaseException:
            library.factstr_cancel(handle, tag)
            if request.value:
                self._given_up.append(request.value)
            library.factstr_buffer_free(byref(buffer))
            raise
        self._handle.check(status, text)
        return text

    def collect_given_up(self, timeout_ms: int) -> None:
        """Releases the requests that were given up and have their answer."""
        library = self._handle.library
        with self._handle.lock:
            requests, self._given_up = self._given_up, []
        for request in requests:
            buffer = Buffer()
            status = library.factstr_request_wait(request, timeout_ms, byref(buffer))
            if not take(library, buffer) and status == TIMEOUT:
                self._given_up.append(request)


def _nothing_in_flight(handle: int, deadline: float) -> None:
    del handle, deadline
