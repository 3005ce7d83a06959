"""A stream that is being delivered, on a thread of its own.

The thread pulls the batches that are at hand, calls the handler for each, and answers for all of
them, until the stream ends. After each batch it tells the library that this one is handled, and
learns whether the next one may begin: the cursor follows while the handler of the next one runs.
Pulling was chosen over a callback of the library: that would be called on a thread of the library,
which would need a thread state of Python for each call, could not be refused while the interpreter
ends, and under gevent and eventlet would run greenlets on a foreign thread.

Life. Three things end a stream: its handler (a durable one's fails for good), the program
(unsubscribe, close, closing the store), and the library (the log was truncated, the lease was
lost). All of them end in _run, on the thread, which alone releases the handle. Whoever ends a
stream from outside only sets `_stopping` and informs the library:

- unsubscribe() ends it at once. A batch that is being handled stays unacknowledged: the library
  refuses the acknowledgement of an ended stream, and a durable stream gets the batch again, as it
  gets those that came with it and were not begun.
- finish() lets a running handler end its delivery first, so that its batch counts as handled.

`_stopping` and `_in_delivery` are read and written under the handle's lock. Together they decide, for
a batch that arrives while the stream is being ended, that it is either handled and acknowledged or
not handled at all.

Ctrl-C may come between setting `_stopping` and informing the library. The thread therefore also
looks at `_stopping` after each step of its wait, and ends the stream itself.

A running stream holds its store, so that a program may drop both and still get its deliveries. The
store's Owner holds the stream from its registration until the thread ends.

Two locks are in use, this handle's and the store's, and neither is taken inside the other.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from ctypes import byref, c_size_t, c_uint64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import _threads
from ._capi import ENDED, INVALID_HANDLE, OK, TIMEOUT, Buffer, status_name, take
from ._handle import Handle
from ._handling import Handling
from ._log import emit
from ._owner import OpenStream, Owner
from ._reports import StreamProgress
from ._waiting import WAIT_MS, wait_for
from .errors import (
    Cancelled,
    FactstrError,
    HandlerFailed,
    InternalError,
    InvalidHandle,
    InvalidState,
    StoreClosed,
    error_from,
)

if TYPE_CHECKING:
    from ._inputs import Handler

_BATCHES_MAX = 512  # taken at once; the library bounds their bytes


class Stream(OpenStream):
    def __init__(
        self,
        owner: Owner,
        number: int,
        handler: Handler,
        durable_name: str | None,
        *,
        is_live: bool,
    ) -> None:
        self.is_live = is_live
        self.durable_name = durable_name
        self.error: FactstrError | None = None
        self._owner = owner
        self._store = owner.store()  # kept alive
        self._store_handle = owner.handle.use()
        self._library = owner.library
        self._advance = owner.library.factstr_stream_advance
        self._decoder = owner.decoder
        self._handle = Handle(owner.library, _subscription_ended, number)
        self._calls = Handling(handler, self._log_fields)
        self._stream_number: int | None = None
        self._stopping = False  # no delivery starts any more
        self._in_delivery = False
        self._last_progress = StreamProgress("ended", 0, 0, 0, None)
        self._ended = _threads.Flag()
        self._thread: int | None = None

    def start(self) -> None:
        _threads.start(self._run, f"factstr-stream-{self._handle.number}")

    def described(self) -> str:
        """Says for a repr what the stream is and whether it runs."""
        kind = "live" if self.is_live else "from a number"
        if self.durable_name is not None:
            kind = f"durable {self.durable_name!r}"
        state = "running"
        if self.ended:
            state = "ended" if self.error is None else f"ended by {self.error.code}"
        return f"{kind} of {self._store!r}, {state}"

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def unsubscribe(self) -> None:
        with self._handle.lock:
            self._stopping = True
            number = self._handle.number
        if number:
            self._library.factstr_stream_unsubscribe(number)

    def finish(self) -> None:
        with self._handle.lock:
            self._stopping = True
            if self._in_delivery:
                return  # the thread ends the stream after it
        self.unsubscribe()

    def wait(self, timeout: float | None = None) -> bool:
        return wait_for(self._ended, timeout)

    def wait_for(self, number: int, timeout: float | None) -> None:
        if self.in_handler() and self.progress().position < number:
            raise InvalidState("the handler of a stream cannot wait for the stream itself")
        handle = self._handle.number
        try:
            if handle:
                self._owner.wait_for({"stream": handle}, number, timeout)
                return
        except (InvalidHandle, StoreClosed, Cancelled):
            self.wait(timeout)  # it ends: what the end says counts
        if not self.ended or self.progress().position < number:
            raise self.error or Cancelled(f"the stream was unsubscribed before it came to {number}")

    def wait_ready(self, timeout_ms: int) -> int:
        """Returns the library's status: TIMEOUT while the stream replays."""
        status: int = self._library.factstr_stream_wait_ready(self._handle.number, timeout_ms, None)
        return status

    def progress(self) -> StreamProgress:
        buffer = Buffer()
        status = self._library.factstr_stream_progress(self._handle.number, byref(buffer))
        text = take(self._library, buffer)
        if status == INVALID_HANDLE:  # released at the end, or with its store
            return replace(self._last_progress, state="ended", failure=None)
        self._handle.check(status, text)
        return self._decoder.progress(text)

    def has_handled(self, number: int) -> bool:
        try:
            progress = self.progress()
        except FactstrError:
            return True
        return (
            progress.position >= number or progress.state == "ended" or progress.failure is not None
        )

    def in_handler(self) -> bool:
        return _threads.get_ident() == self._thread

    def await_end(self, deadline: float) -> None:
        # The library stores the cursor before it reports the end.
        self._library.factstr_stream_unsubscribe(self._handle.number)
        status, text = TIMEOUT, b""
        while status == TIMEOUT and not text:
            buffer = Buffer()
            status = self._library.factstr_stream_next(
                self._handle.number, WAIT_MS, byref(c_uint64()), byref(buffer)
            )
            text = take(self._library, buffer)
            if time.monotonic() >= deadline:
                break
        self._keep_progress()

    def release(self) -> None:
        """Closes the handle of a stream whose thread was never started."""
        self._library.factstr_stream_close(self._handle.disown())

    def _keep_progress(self) -> None:
        """Keeps the last progress, since the library forgets it with the handle."""
        # An error here would be a defect of the library, and must not keep the handle open.
        with self._handle.lock, contextlib.suppress(FactstrError):
            self._last_progress = self.progress()

    def _run(self) -> None:
        error: FactstrError | None = None
        self._thread = _threads.get_ident()
        try:
            try:
                error = self._deliver()
            except Exception as failure:
                message = "a stream has ended: what it was given cannot be read"
                emit(logging.ERROR, message, self._log_fields("stream_ended"), error=failure)
                error = failure if isinstance(failure, FactstrError) else _broken(failure)
            self.await_end(math.inf)
        except Exception as defect:
            error = _broken(defect)
        finally:
            self.release()
            self.error = error
            self._owner.forget(self)
            self._thread = None
            self._ended.set()
            self._has_ended()

    def _has_ended(self) -> None:
        """Called on the thread at its end."""

    def _deliver(self) -> FactstrError | None:
        """Delivers until the stream ends; returns why, None if the program ended it."""
        stream, next_ = self._handle.number, self._library.factstr_stream_next_many
        first, count, buffer = c_uint64(), c_size_t(), Buffer()
        while True:
            status = next_(stream, _BATCHES_MAX, WAIT_MS, byref(first), byref(count), byref(buffer))
            text = take(self._library, buffer)
            if status == OK:
                if not self._handle_all(stream, first.value, count.value, text):
                    return None
            elif status != TIMEOUT or text:
                return self._reason(status, text)
            elif self._stopping or self._is_given_up():
                return (
                    None  # Ctrl-C came before the library was informed, or nobody handles any more
                )

    def _is_given_up(self) -> bool:
        """Reports whether the place where the handler runs is gone."""
        return False

    def _handle_all(self, stream: int, first: int, count: int, text: bytes) -> bool:
        """Handles batches one after the other; returns False if the program ended the stream."""
        last = first + count - 1
        for delivery, batch in enumerate(self._decoder.batches(text), first):
            if not self._begins():
                return False
            failed = self._calls.batch(batch)
            goes_on = self._answered(stream, delivery, last, failed)
            if not self._ends():
                return False
            if not goes_on:
                break
        return True

    def _begins(self) -> bool:
        """Begins a delivery, unless the stream is being ended: then the batch stays unanswered, and
        a durable stream gets it again.
        """
        with self._handle.lock:
            self._in_delivery = not self._stopping
            return self._in_delivery

    def _ends(self) -> bool:
        """Ends a delivery; returns False if the stream is being ended."""
        with self._handle.lock:
            self._in_delivery = False
            return not self._stopping

    def _answered(self, stream: int, delivery: int, last: int, failed: str | None) -> bool:
        """Answers a delivery; returns whether the one behind it may begin."""
        # The library ignores the answer to a delivery that is no longer open; the next pull returns
        # how the stream ended.
        if failed is not None:
            message = failed[:1000].replace("\0", "\\0").encode("utf-8", "backslashreplace")
            self._library.factstr_stream_refuse(stream, delivery, message, len(message))
            return False
        if delivery == last:
            self._library.factstr_stream_acknowledge(stream, delivery)
            return False
        advanced: int = self._advance(stream, delivery)
        return advanced == OK

    def _reason(self, status: int, text: bytes) -> FactstrError | None:
        if status == ENDED:
            return None
        error = error_from(status_name(self._library, status), text)
        if isinstance(error, HandlerFailed):
            error.__cause__ = self._calls.failure
        return error

    def _log_fields(self, event: str, **fields: Any) -> dict[str, Any]:
        """Returns the attributes of a record of this stream, named as in the library's records."""
        known: dict[str, Any] = {"event": event, "store": repr(self._store)}
        if (number := self._number()) is not None:
            known["stream"] = number
        if self.durable_name is not None:
            known["durable_name"] = self.durable_name
        return {**known, **fields}

    def _number(self) -> int | None:
        """Returns the number of the stream in its store, which only the statistics hold, or
        None if they cannot be read.
        """
        if self._stream_number is None:
            status, text = self._owner.statistics(self._store_handle)
            if status == OK:
                self._stream_number = self._decoder.stream_number(text, self._handle.number)
        return self._stream_number


def _subscription_ended() -> FactstrError:
    return InvalidHandle("this subscription has ended")


def _broken(defect: Exception) -> InternalError:
    error = InternalError(f"the subscription's thread failed: {defect}")
    error.__cause__ = defect
    return error
