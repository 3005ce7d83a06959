"""How the answers of submitted calls come back to the event loops.

A call is submitted to the library, which answers into the completion queue of the store. One thread
of the store takes the answers from there, all that are at hand at a time, and wakes each loop once
for all of its own: 1,000 awaited appends are some ten groups, and as many wakes.

Who owns what. `_waiting` maps the tag of each call that is not answered to a _Waiting. It is entered
before the call is submitted, since the answer may come first, and whoever takes it out, by pop, is
the only one to settle it. Futures are touched on their own loop alone.

Calls that take a few microseconds in the library keep the interpreter's lock: giving it up for each
would let the thread and the loop wait for one another all the time (measured: half the rate).
The library never calls into Python, so a thread that keeps the lock is waited for by nobody there.
A long text is decoded by the library for milliseconds, and gives the lock up.

Cancelling. The library removes what no group has taken and answers Cancelled. A cancelled append
waits for its answer for a second at most, to say how it ended (_cancelling.py). A page of a reading
is kept for its next step (begin), since the library has gone on behind it. Everything else is left to
itself, and its answer is dropped.

Closing. New calls are refused first. Everything in flight is then cancelled: what waits in the queue
is answered, and reported as StoreClosed; the group that runs is answered as it ends. Only then the
store's handle is released, which would drop answers that nobody has taken. What is unanswered after
close_timeout_ms gets CommitUnknown or StoreClosed when the thread ends.

After a fork neither thread nor loop exists in the child: calls raise ForkError there.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import time
from collections.abc import Callable
from ctypes import byref, c_size_t
from typing import Any, TypeVar

from .. import _capi, _threads
from .._capi import BUSY, OK, Buffer, Completion, status_name, take
from .._handle import Handle
from .._results import AppendResult
from ..errors import Cancelled, CommitUnknown, FactstrError, StoreClosed, error_from
from . import _cancelling

_TAKEN_MAX = 1024
_SHORT = 16 << 10  # bytes of text
_OUTCOME_S = 1.0
_PAUSE_MIN_S, _PAUSE_MAX_S = 0.001, 0.05
_tags = itertools.count(1)

Result = TypeVar("Result")


class _Waiting:
    """A call that waits for its answer. `outcome` is set on the loop, before the future is."""

    __slots__ = ("decode", "future", "is_append", "loop", "outcome")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, decode: Callable[[bytes], Any], is_append: bool
    ) -> None:
        self.loop = loop
        self.decode = decode
        self.is_append = is_append
        self.future: asyncio.Future[Any] = loop.create_future()
        self.outcome: tuple[Any, Exception | None] | None = None


class Answers:
    """Makes the calls of one store and awaits their answers."""

    def __init__(self, handle: Handle, queue_timeout_ms: float | None) -> None:
        self._handle = handle
        self._library = handle.library
        self._quick = _capi.load_quick()
        self._queue_timeout = 5.0 if queue_timeout_ms is None else queue_timeout_ms / 1000
        self._waiting: dict[int, _Waiting] = {}
        self._closing = False
        self._started = False
        self._starting = _threads.Lock()

    async def append(self, name: str, decode: Callable[[bytes], Result], *arguments: Any) -> Result:
        """Submits an append and awaits its answer. Waits for room in a full queue."""
        pause, until = _PAUSE_MIN_S, 0.0
        while True:
            try:
                return await self._answer(0, name, decode, True, arguments)
            except _NoRoom as full:
                now = time.monotonic()
                until = until or now + self._queue_timeout
                if now >= until:
                    raise full.error from None
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX_S)

    async def ask(
        self, name: str, decode: Callable[[bytes], Result], *arguments: Any, of: int = 0
    ) -> Result:
        """Submits a call that writes nothing and awaits its answer. `of` is the handle of what is
        asked, if that is not the store.
        """
        try:
            return await self._answer(of, name, decode, False, arguments)
        except _NoRoom as full:
            raise full.error from None

    def begin(
        self, name: str, decode: Callable[[bytes], Any], *arguments: Any, of: int = 0
    ) -> asyncio.Future[Any]:
        """As ask, for an answer that must not be lost with the await of it: returns the future,
        which only its owner cancels.
        """
        try:
            _, waiting = self._submit(of, name, decode, False, arguments)
        except _NoRoom as full:
            raise full.error from None
        return waiting.future

    async def _answer(
        self,
        of: int,
        name: str,
        decode: Callable[[bytes], Result],
        is_append: bool,
        arguments: tuple[Any, ...],
    ) -> Result:
        tag, waiting = self._submit(of, name, decode, is_append, arguments)
        try:
            result: Result = await waiting.future
            return result
        except asyncio.CancelledError as cancelled:
            self._quick.factstr_cancel(self._handle.number, tag)
            if is_append:
                await _outcome(waiting, cancelled)
            raise

    def _submit(
        self,
        of: int,
        name: str,
        decode: Callable[[bytes], Any],
        is_append: bool,
        arguments: tuple[Any, ...],
    ) -> tuple[int, _Waiting]:
        """Submits a call and returns its tag, by which it is cancelled."""
        handle, buffer = self._handle.use(), Buffer()
        if not self._started:
            self._start(handle)
        waiting = _Waiting(asyncio.get_running_loop(), decode, is_append)
        tag = next(_tags)
        self._waiting[tag] = waiting
        try:
            library = self._quick if _are_short(arguments) else self._library
            submit = getattr(library, name)
            status = submit(of or handle, *arguments, tag, None, None, None, byref(buffer))
            if status != OK:
                self._refused(status, take(self._quick, buffer))
        except BaseException:
            self._waiting.pop(tag, None)
            raise
        return tag, waiting

    def _refused(self, status: int, text: bytes) -> None:
        if status == BUSY:
            raise _NoRoom(error_from(status_name(self._library, status), text))
        self._handle.check(status, text)

    def _start(self, handle: int) -> None:
        with self._starting:
            if not self._started:
                _threads.start(lambda: self._run(handle), f"factstr-answers-{handle}")
                self._started = True

    def _run(self, handle: int) -> None:
        taken, count = (Completion * _TAKEN_MAX)(), c_size_t()
        next_ = self._library.factstr_completions_next
        while next_(handle, taken, _TAKEN_MAX, byref(count), -1) == OK:
            self._pass_on(taken, count.value)
        # The store is closed, and what it has not answered never will be.
        self._settle_all(
            [
                (waiting, None, _lost() if waiting.is_append else _closed())
                for tag in list(self._waiting)
                if (waiting := self._waiting.pop(tag, None)) is not None
            ]
        )

    def _pass_on(self, taken: ctypes.Array[Completion], count: int) -> None:
        quick = self._quick
        answers: list[tuple[_Waiting, Any, Exception | None]] = []
        for index in range(count):
            completion = taken[index]
            status, text = completion.status, take(quick, completion.result)
            waiting = self._waiting.pop(completion.tag, None)
            if waiting is None:
                continue
            if not waiting.is_append and waiting.future.cancelled():
                continue  # decoding what nobody wants would keep others waiting
            try:
                if status != OK:
                    raise self._error(status, text)
                answers.append((waiting, waiting.decode(text), None))
            except Exception as error:
                answers.append((waiting, None, error))
        self._settle_all(answers)

    def _error(self, status: int, text: bytes) -> FactstrError:
        error = error_from(status_name(self._library, status), text)
        return _closed() if self._closing and isinstance(error, Cancelled) else error

    def _settle_all(self, answers: list[tuple[_Waiting, Any, Exception | None]]) -> None:
        of_loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Any, Any]]] = {}
        for answer in answers:
            of_loops.setdefault(answer[0].loop, []).append(answer)
        for loop, its in of_loops.items():
            try:
                loop.call_soon_threadsafe(_settle, its)
            except RuntimeError:  # the loop is closed, and nobody waits any more
                continue

    def end(self, handle: int, deadline: float) -> None:
        """Ends what is in flight, for a store that closes. Called on a thread of its own."""
        self._closing = True
        for tag in list(self._waiting):
            self._quick.factstr_cancel(handle, tag)
        pause = _threads.pauses()
        while self._waiting and time.monotonic() < deadline:
            pause()


class _NoRoom(Exception):
    """The library has no room for another request."""

    def __init__(self, error: FactstrError) -> None:
        super().__init__(str(error))
        self.error = error


def _settle(answers: list[tuple[_Waiting, Any, Exception | None]]) -> None:
    for waiting, result, error in answers:
        waiting.outcome = result, error
        future = waiting.future
        if future.done():  # cancelled
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


async def _outcome(waiting: _Waiting, cancelled: asyncio.CancelledError) -> None:
    """Waits for the answer to a cancelled append, and notes its outcome."""
    if waiting.outcome is None:
        waiting.future = waiting.loop.create_future()
        try:
            await asyncio.wait([waiting.future], timeout=_OUTCOME_S)
        except asyncio.CancelledError:  # once more: the caller cannot wait
            waiting.future.cancel()
        if waiting.future.done() and not waiting.future.cancelled():
            waiting.future.exception()  # retrieved
    result, error = waiting.outcome or (None, _lost())
    if isinstance(error, CommitUnknown):
        _cancelling.note(cancelled, error)
    elif isinstance(result, AppendResult):
        _cancelling.note(cancelled, result)


def _are_short(arguments: tuple[Any, ...]) -> bool:
    return all(len(each) < _SHORT for each in arguments if isinstance(each, bytes))


def _closed() -> StoreClosed:
    return StoreClosed("the store was closed before this call was answered; nothing was written")


def _lost() -> CommitUnknown:
    return CommitUnknown(
        "nobody waited for the end of the append; query for it before appending it again"
    )
