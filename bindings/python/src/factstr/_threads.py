"""Real threads, and waits that let other greenlets run.

gevent and eventlet replace the primitives of threading with those of greenlets, which all run on
one thread. A stream needs a real thread, and a real thread cannot wake a greenlet that waits for a
lock. Two rules follow:

- The package's own locks and threads are the interpreter's, never the patched ones.
- Where greenlets exist, a wait polls in short steps and lets them run in between: the handler that
  it waits for may itself wait for one of them.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType

from .errors import InvalidState

_PAUSE_MIN_S, _PAUSE_MAX_S = 0.0005, 0.01


def _fresh_thread_module() -> ModuleType:
    """Returns a new copy of the interpreter's _thread. Patches change the module that the program
    imported, not this one.
    """
    spec = importlib.machinery.BuiltinImporter.find_spec("_thread")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_real = _fresh_thread_module()
get_ident: Callable[[], int] = _real.get_ident
start_new_thread: Callable[[Callable[[], object], tuple[()]], int] = _real.start_new_thread
Lock: Callable[[], threading.Lock] = _real.allocate_lock
RLock: Callable[[], threading.RLock] = _real.RLock


def greenlets() -> bool:
    """Reports whether locks are patched for greenlets. Debuggers patch how threads start, but not
    the locks.
    """
    return not isinstance(sys.modules["_thread"].allocate_lock, BuiltinFunctionType)


def in_main_thread() -> bool:
    """Reports whether Ctrl-C comes to this thread. gevent shows each greenlet as a thread, so there
    the main thread is recognized as Linux does: its number is the process's.
    """
    if greenlets():
        return threading.get_native_id() == os.getpid()
    # For a thread that threading does not know, current_thread() would make an object that stays.
    return get_ident() == threading.main_thread().ident


def start(target: Callable[[], None], name: str) -> None:
    """Starts a thread that does not keep the process alive."""
    try:
        if greenlets():
            start_new_thread(target, ())
        else:
            threading.Thread(target=target, name=name, daemon=True).start()
    except RuntimeError as error:
        raise InvalidState(
            f"Python starts no thread for the stream: {error}. Isolated sub-interpreters and a "
            "program that is ending refuse every thread, and limits of the system one too many: "
            "register streams in the main interpreter, while the program runs"
        ) from error


def sleep(seconds: float) -> None:
    """Sleeps, and lets other greenlets run meanwhile."""
    if greenlets() and isinstance(time.sleep, BuiltinFunctionType):
        threading.Event().wait(seconds)  # the program patched locks, but not sleep
    else:
        time.sleep(seconds)


def pauses() -> Callable[[], None]:
    """Returns a function that waits for one step, each longer than the one before, and lets other
    greenlets run meanwhile.
    """
    pause = _PAUSE_MIN_S

    def step() -> None:
        nonlocal pause
        sleep(pause)
        pause = min(2 * pause, _PAUSE_MAX_S)

    return step


class Flag:
    """A threading.Event for real threads, which is set once and stays set."""

    def __init__(self) -> None:
        self._unset = Lock()
        self._unset.acquire()
        self._is_set = False
        self._setting = Lock()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        if self._setting.acquire(blocking=False):  # never released: only the first caller sets
            self._is_set = True
            self._unset.release()

    def wait(self, timeout_s: float) -> bool:
        """Blocks this thread, with all its greenlets. Returns whether the flag is set."""
        if not self._is_set and self._unset.acquire(timeout=timeout_s):
            self._unset.release()
        return self._is_set
