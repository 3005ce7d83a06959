"""How a stream is registered."""

from __future__ import annotations

import inspect
import time
from ctypes import byref, c_uint64
from typing import TYPE_CHECKING

from . import _threads
from ._capi import OK, TIMEOUT, Buffer, take
from ._encoding import encode_registration
from ._handling import ASYNC
from ._stream import Stream
from ._waiting import WAIT_MS
from .errors import InvalidArgument, StoreClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._inputs import CursorEveryInput, Handler, ProgressHandler, QueryInput, RetryInput
    from ._owner import Owner

_PROGRESS_EVERY_S = 1.0


def register(
    owner: Owner,
    query: QueryInput | None,
    handler: Handler,
    durable_name: str | None = None,
    after: int | None = None,
    retry: RetryInput | None = None,
    cursor_every: CursorEveryInput | None = None,
    on_progress: ProgressHandler | None = None,
    make: Callable[..., Stream] | None = None,
) -> Stream:
    """Registers a stream, which `make` makes if given, and starts its thread. Returns after the replay of one
    that is not live.
    """
    if make is None:
        _check_functions(handler, on_progress)
    is_live = durable_name is None and after is None
    registration = encode_registration(query, durable_name, after, retry, cursor_every, owner.dumps)
    library, number, buffer = owner.library, c_uint64(), Buffer()
    stream: Stream | None = None
    started = False
    try:
        status = library.factstr_stream_open(
            owner.handle.use(),
            registration,
            len(registration),
            None,
            None,
            byref(number),
            byref(buffer),
        )
        owner.handle.check(status, take(library, buffer))
        stream = (make or Stream)(owner, number.value, handler, durable_name, is_live=is_live)
        owner.remember(stream)
        stream.start()
        started = True
        if not is_live:
            _wait_ready(stream, on_progress)
    except BaseException:
        if stream is not None and started:
            stream.unsubscribe()  # its thread does the rest, once its handler has returned
        else:
            if stream is not None:
                owner.forget(stream)
            if number.value:
                library.factstr_stream_close(number.value)
        raise
    return stream


def _check_functions(handler: Handler, on_progress: ProgressHandler | None) -> None:
    if not callable(handler):
        raise InvalidArgument(
            f"handle must be a function that takes a batch, not {type(handler).__name__}"
        )
    if inspect.iscoroutinefunction(handler):
        raise InvalidArgument(ASYNC)
    if on_progress is not None and (
        not callable(on_progress) or inspect.iscoroutinefunction(on_progress)
    ):
        raise InvalidArgument(
            "on_progress must be a plain function that takes a StreamProgress, "
            f"not {type(on_progress).__name__}"
        )


def _wait_ready(stream: Stream, on_progress: ProgressHandler | None) -> None:
    """Waits for the end of the replay. Raises why a stream ended before it."""
    reported_at = time.monotonic()
    pause = _threads.pauses() if _threads.greenlets() else None
    while (status := stream.wait_ready(0 if pause else WAIT_MS)) == TIMEOUT:
        if pause is not None:
            pause()
        if on_progress is not None and time.monotonic() - reported_at >= _PROGRESS_EVERY_S:
            progress = stream.progress()
            if progress.state == "replaying":
                on_progress(progress)
            reported_at = time.monotonic()
    if status == OK:
        return
    # The thread releases the handle at the end, so any other status, an invalid handle too, means
    # that the reason is to be had from the thread.
    stream.wait()
    raise stream.error or StoreClosed("the store was closed while the stream replayed")
