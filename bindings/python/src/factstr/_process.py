"""What a process has once: the log of the library, the open stores, and their end at its exit."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import sys
import weakref

from . import _threads
from ._capi import in_forked_child
from ._closeable import Closeable
from ._log import LogBridge
from ._owner import Owner
from .errors import FactstrError

_owners: weakref.WeakSet[Owner] = weakref.WeakSet()
_registering = _threads.RLock()
_log_bridge: LogBridge | None = None
_starting_log = _threads.Lock()


def register(owner: Owner) -> None:
    """From now on the store is closed at the exit, and records of the log name it."""
    with _registering:
        _owners.add(owner)


def start_log(library: ctypes.CDLL) -> None:
    """Starts the log at the first opening, which is when the library starts its own."""
    global _log_bridge
    if sys.platform != "linux" or in_forked_child():
        return
    with _starting_log:
        if _log_bridge is None:
            _log_bridge = LogBridge(library, _name_of)
            _log_bridge.start()


def _registered() -> list[Owner]:
    with _registering:
        return list(_owners)


def _name_of(handle: int) -> str | None:
    owner = next((each for each in _registered() if each.handle.number == handle), None)
    store = None if owner is None else owner.store()
    return None if store is None else repr(store)


@atexit.register
def _close_all() -> None:
    # Before the interpreter ends: afterwards the threads of streams could not finish what they
    # handle.
    error: BaseException | None = getattr(sys, "last_value", None)  # what ended the program
    for owner in _registered():
        store = owner.store()
        if isinstance(store, Closeable):
            with contextlib.suppress(FactstrError):
                store.__exit__(None if error is None else type(error), error, None)
    if _log_bridge is not None and not in_forked_child():
        _log_bridge.stop()
