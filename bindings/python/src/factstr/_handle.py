"""A handle of the library, which is released once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from . import _threads
from ._capi import INVALID_HANDLE, OK, in_forked_child, status_name
from .errors import FactstrError, error_from, forked


class Handle:
    """Owns one handle of the library. A use after its release raises what `released` makes.

    Nobody needs the lock to use the handle: the library never reuses a number and refuses one that
    another thread has released meanwhile.
    """

    def __init__(
        self, library: ctypes.CDLL, released: Callable[[], FactstrError], number: int = 0
    ) -> None:
        self.library = library
        self.number = number  # 0 before it is open, and after its release
        # Reentrant, because a signal handler may close what it interrupts while the lock is held.
        self.lock = _threads.RLock()
        self._released = released

    def use(self) -> int:
        """Returns the handle for one call."""
        if in_forked_child():
            raise forked()
        number = self.number
        if not number:
            raise self._released()
        return number

    def disown(self) -> int:
        """Returns the handle to the one caller that is to release it, and 0 to every other."""
        with self.lock:
            number, self.number = self.number, 0
        return number

    def check(self, status: int, text: bytes) -> None:
        """Raises the error of a call that used the handle."""
        if status == OK:
            return
        if status == INVALID_HANDLE and not self.number:
            raise self._released()
        raise error_from(status_name(self.library, status), text)
