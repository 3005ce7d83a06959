"""A stream that is being delivered: one thread pulls its batches and calls the handler."""

from __future__ import annotations

import contextlib
import inspect
import logging
import math
import time
import traceback
from ctypes import byref, c_uint64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import _threads
from ._capi import ENDED, INVALID_HANDLE, OK, TIMEOUT, Buffer, in_forked_child, status_name, take
from ._handle import WAIT_MS, HandleOwner, wait_for
from ._json import encode_registration
from ._log import tell
from ._types import StreamProgress
from .errors import (
    FactstrError,
    HandlerFailed,
    InternalError,
    InvalidArgument,
    InvalidHandle,
    StoreClosed,
    error_from,
    forked,
)

if TYPE_CHECKING:
    from ._store import Store
    from ._types import CursorEveryInput, Handler, ProgressHandler, QueryInput, RetryInput

_ASYNC = "the handler is async, and nothing would await it: give a plain function"
_PROGRESS_EVERY_S = 1.0


class Subscription(HandleOwner):
    """A running stream. It runs until it is unsubscribed or closed, its store is closed, or it
    ends with an error.

    It goes on when the object is dropped. What a handler raises is logged by the logger
    "factstr", with its traceback. A live stream goes on with its next batch, a durable one ends.
    """

    def __init__(self, store: Store, handle: int, handler: Handler, durable: str | None) -> None:
        super().__init__(store._library, handle)
        self._store = store
        self._decoder = store._decoder
        self._handler = handler
        self._durable = durable
        self._stopping = False  # no delivery starts any more
        self._handling = False
        self._failure: BaseException | None = None
        self._error: FactstrError | None = None
        self._last_progress = StreamProgress("ended", 0, 0, 0, None)
        self._ended = _threads.Flag()
        self._thread: int | None = None

    def unsubscribe(self) -> None:
        """No delivery starts after this returned, and a durable name is free. Never waits for a
        running handler; may be called again.
        """
        if in_forked_child():
            return  # nothing here is the child's
        with self._handle_lock:
            self._stopping = True
            handle = self._handle
        if handle:
            self._library.factstr_stream_unsubscribe(handle)

    def close(self) -> None:
        """Unsubscribes and waits for the running handler; called inside it, does not wait."""
        if in_forked_child():
            return
        self._finish()
        if not self._is_current_thread():
            wait_for(self._ended)

    def _finish(self) -> None:
        """As unsubscribe, but a running handler still ends its delivery, so that a durable
        stream does not get that batch again.
        """
        with self._handle_lock:
            self._stopping = True
            if self._handling:
                return  # the thread stops after it
        self.unsubscribe()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the subscription has ended; False when that took longer than `timeout`
        seconds.
        """
        if in_forked_child():
            raise forked()
        return wait_for(self._ended, timeout)

    def progress(self) -> StreamProgress:
        """Where the stream stands, read at each call. After the end the last numbers, with the
        state "ended".
        """
        if in_forked_child():
            raise forked()
        buffer = Buffer()
        status = self._library.factstr_stream_progress(self._handle, byref(buffer))
        text = take(self._library, buffer)
        if status == INVALID_HANDLE:  # released at the end, or with its store
            return replace(self._last_progress, state="ended", failure=None)
        self._check(status, text)
        return self._decoder.progress(text)

    def _has_handled(self, number: int) -> bool:
        """True also of a stream that cannot or will not go on to there."""
        try:
            progress = self.progress()
        except FactstrError:
            return True
        return (
            progress.position >= number or progress.state == "ended" or progress.failure is not None
        )

    def _keep_progress(self) -> None:
        """Before the handle is released, which a defect of the library must not prevent."""
        with self._handle_lock, contextlib.suppress(FactstrError):
            self._last_progress = self.progress()

    @property
    def closed(self) -> bool:
        """True once the subscription has ended and no handler of it is running."""
        return self._ended.is_set()

    @property
    def error(self) -> FactstrError | None:
        """Why the subscription has ended: None when it was unsubscribed or closed, and while it
        runs.
        """
        return self._error

    def _is_current_thread(self) -> bool:
        """True inside the handler."""
        return _threads.get_ident() == self._thread

    def _run(self) -> None:
        error: FactstrError | None = None
        self._thread = _threads.get_ident()
        try:
            try:
                error = self._deliver()
            except Exception as failure:
                message = "a stream has ended: what it was given cannot be read"
                tell(logging.ERROR, message, self._told("stream_ended"), error=failure)
                error = failure if isinstance(failure, FactstrError) else _broken(failure)
            self._await_end(math.inf)
        except Exception as defect:
            error = _broken(defect)
        finally:
            self._library.factstr_stream_close(self._disown())
            self._error = error
            self._store._forget(self)
            self._thread = None
            self._ended.set()

    def _await_end(self, deadline: float) -> None:
        """Ends the stream, so that its cursor is stored, and keeps where it came to."""
        self._library.factstr_stream_unsubscribe(self._handle)
        status, text = TIMEOUT, b""
        while status == TIMEOUT and not text:
            buffer = Buffer()
            status = self._library.factstr_stream_next(
                self._handle, WAIT_MS, byref(c_uint64()), byref(buffer)
            )
            text = take(self._library, buffer)
            if time.monotonic() >= deadline:
                break
        self._keep_progress()

    def _deliver(self) -> FactstrError | None:
        stream, next_ = self._handle, self._library.factstr_stream_next
        delivery, buffer = c_uint64(), Buffer()
        while True:
            status = next_(stream, WAIT_MS, byref(delivery), byref(buffer))
            text = take(self._library, buffer)
            if status == OK:
                with self._handle_lock:
                    if self._stopping:
                        return None  # the batch stays unanswered: a durable stream gets it again
                    self._handling = True
                self._answer(stream, delivery.value, self._failed(text))
                with self._handle_lock:
                    self._handling = False
                    if self._stopping:
                        return None
            elif status != TIMEOUT or text:
                return self._end(status, text)

    def _failed(self, text: bytes) -> str | None:
        """Hands one batch to the handler. None when it was handled, else why not. What cannot be
        read is no failure of the handler.
        """
        batch = self._decoder.batch(text)
        self._failure = None
        try:
            result = self._handler(batch)
        except BaseException as error:
            self._failure = error
            failed: str | None = "".join(
                traceback.format_exception_only(type(error), error)
            ).strip()
        else:
            failed = "the handler returned False" if result is False else None
            if inspect.iscoroutine(result):
                result.close()
                failed = _ASYNC
        if failed is not None:
            fields = self._told(
                "handler_failed",
                error=failed,
                first=batch[0].sequence_number,
                last=batch[-1].sequence_number,
            )
            tell(
                logging.WARNING,
                f"a handler of a stream failed: {failed}",
                fields,
                error=self._failure,
            )
        return failed

    def _told(self, event: str, **fields: Any) -> dict[str, Any]:
        """What a record of this stream holds, as those of the library do."""
        if self._durable is not None:
            fields["durable_name"] = self._durable
        return {"event": event, "store": repr(self._store), **fields}

    def _answer(self, stream: int, delivery: int, failed: str | None) -> None:
        # A delivery that is not open any more needs no answer: how the stream ended is told by the
        # next pull.
        if failed is None:
            self._library.factstr_stream_acknowledge(stream, delivery)
        else:
            message = failed[:1000].replace("\0", "\\0").encode("utf-8", "backslashreplace")
            self._library.factstr_stream_refuse(stream, delivery, message, len(message))

    def _end(self, status: int, text: bytes) -> FactstrError | None:
        if status == ENDED:
            return None
        error = error_from(status_name(self._library, status), text)
        if isinstance(error, HandlerFailed):
            error.__cause__ = self._failure
        return error

    def _wait_ready(self, on_progress: ProgressHandler | None) -> None:
        """Waits for the end of the replay. A stream that ended before raises why."""
        told = time.monotonic()
        pause = _threads.pauses() if _threads.greenlets() else None
        # The thread releases the handle at the end, so an error here only says: ask the thread.
        while (
            status := self._library.factstr_stream_wait_ready(
                self._handle, 0 if pause else WAIT_MS, None
            )
        ) == TIMEOUT:
            if pause is not None:
                pause()
            if on_progress is not None and time.monotonic() - told >= _PROGRESS_EVERY_S:
                progress = self.progress()
                if progress.state == "replaying":
                    on_progress(progress)
                told = time.monotonic()
        if status == OK:
            return
        wait_for(self._ended)
        raise self._error or StoreClosed("the store was closed while the stream replayed")

    def _error_after_close(self) -> FactstrError:
        return InvalidHandle("this subscription has ended")


def _broken(defect: Exception) -> InternalError:
    error = InternalError(f"the subscription's thread failed: {defect}")
    error.__cause__ = defect
    return error


def open_subscription(
    store: Store,
    query: QueryInput | None,
    handler: Handler,
    durable: str | None = None,
    retry: RetryInput | None = None,
    cursor_every: CursorEveryInput | None = None,
    on_progress: ProgressHandler | None = None,
) -> Subscription:
    """Registers a stream and starts its thread; a durable one is replayed before this returns."""
    if not callable(handler):
        raise InvalidArgument(
            f"handle must be a function that takes a batch, not {type(handler).__name__}"
        )
    if inspect.iscoroutinefunction(handler):
        raise InvalidArgument(_ASYNC)
    if on_progress is not None and (
        not callable(on_progress) or inspect.iscoroutinefunction(on_progress)
    ):
        raise InvalidArgument(
            f"on_progress must be a plain function that takes a StreamProgress, not {type(on_progress).__name__}"
        )
    registration = encode_registration(query, durable, retry, cursor_every)
    library, stream, buffer = store._library, c_uint64(), Buffer()
    subscription: Subscription | None = None
    started = False
    try:
        status = library.factstr_stream_open(
            store._use(), registration, len(registration), None, None, byref(stream), byref(buffer)
        )
        store._check(status, take(library, buffer))
        subscription = Subscription(store, stream.value, handler, durable)
        store._remember(subscription)
        _threads.start(subscription._run, f"factstr-stream-{stream.value}")
        started = True
        if durable is not None:
            subscription._wait_ready(on_progress)
    except BaseException:
        if subscription is not None and started:
            subscription.unsubscribe()  # its thread does the rest, once its handler has returned
        else:
            if subscription is not None:
                store._forget(subscription)
            if stream.value:
                library.factstr_stream_close(stream.value)
        raise
    return subscription
