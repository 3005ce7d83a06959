"""Ownership of the library's handles, and how a wait stays open to Ctrl-C."""

from __future__ import annotations

import ctypes
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from . import _threads
from ._capi import INVALID_HANDLE, OK, in_forked_child, status_name
from .errors import FactstrError, error_from, forked

# Python runs signal handlers between bytecodes only, so no wait inside the library lasts longer
# than this.
WAIT_MS = 100

Self = TypeVar("Self", bound="HandleOwner")
Result = TypeVar("Result")


class HandleOwner(ABC):
    """Owns one handle of the library: it is released once, and a use after that raises."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self._library = library
        self._handle = handle
        # Reentrant, because a signal handler that runs while its thread is inside may close what it
        # interrupts.
        self._handle_lock = _threads.RLock()

    @property
    @abstractmethod
    def closed(self) -> bool: ...

    @abstractmethod
    def close(self) -> None: ...

    @abstractmethod
    def _error_after_close(self) -> FactstrError: ...

    def _use(self) -> int:
        """The handle, for one call. The library answers INVALID_HANDLE when it is released
        meanwhile: handles are never reused.
        """
        if in_forked_child():
            raise forked()
        handle = self._handle
        if not handle:
            raise self._error_after_close()
        return handle

    def _disown(self) -> int:
        """The handle, for the one caller who releases it; 0 for every other."""
        with self._handle_lock:
            handle, self._handle = self._handle, 0
        return handle

    def _check(self, status: int, text: bytes) -> None:
        if status == OK:
            return
        if status == INVALID_HANDLE and not self._handle:
            raise self._error_after_close()
        raise error_from(status_name(self._library, status), text)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except FactstrError:
            # What went wrong inside the block says more than a close that took too long.
            if error is None:
                raise


def wait_for(flag: _threads.Flag, timeout: float | None = None) -> bool:
    """Waits in steps: a signal that arrives just before a wait begins would be noticed only at
    its end.
    """
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    pause = _threads.pauses() if _threads.greenlets() else None
    while not flag.is_set():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if pause is not None:
            pause()
        else:
            flag.wait(min(WAIT_MS / 1000, left))
    return True


def interruptible(call: Callable[[], Result], undo: Callable[[Result], None]) -> Result:
    """Makes one blocking call of the library that has no timeout. After Ctrl-C its result, when
    it comes, is undone.
    """
    if not _threads.in_main_thread():
        return call()  # signals reach the main thread only
    results: list[Result] = []
    raised: list[BaseException] = []
    lock = _threads.Lock()
    done = _threads.Flag()
    wanted = True

    def run() -> None:
        try:
            result = call()
            with lock:
                results.append(result)
                keep = wanted
        except BaseException as error:
            raised.append(error)
            keep = True
        done.set()
        if not keep:
            undo(result)

    try:
        try:
            # Not by a threading.Thread, whose start() waits: Ctrl-C there would leave it open
            # whether the call is made.
            _threads.start_new_thread(run, ())
        except RuntimeError:
            return call()  # the program is ending, or this is an isolated sub-interpreter
        wait_for(done)
    except BaseException:
        with lock:
            wanted = False
            came = bool(results)
        if came:
            undo(results[0])
        raise
    if raised:
        raise raised[0]
    return results[0]
