"""Waits that Ctrl-C ends.

Python runs the handler of a signal in the main thread, between two bytecodes. A thread inside the
library runs no bytecode: a signal that comes meanwhile is noticed when the call returns, and Ctrl-C
would seem to do nothing. So the package follows three rules.

1. A call waits for WAIT_MS at most and is repeated until it has an answer: wait_for here,
   Requests.answer, Stream.wait_ready. Only what waits for nothing but the disk is called as it is.
   The same holds for locks of Python, because a signal that arrives just before a wait begins is
   noticed only at its end.
2. A call without a timeout (opening, closing, statistics) runs on a thread of its own while the main
   thread waits for it in steps: interruptible. After Ctrl-C the call still runs to its end, and what
   it returns is undone there; a lock decides which of the two threads undoes it.
3. KeyboardInterrupt can come after any bytecode. So a handle gets its owner inside the function that
   received it, cleaning up happens in `except BaseException`, and each step of an end (unsubscribe,
   close) may be repeated or left to the stream's thread, which looks for itself (Stream._deliver).

Only the main thread does this: other threads never see a signal and call the library directly.

After Ctrl-C a handler is waited for no longer than HURRY_S: at the end of a `with` block
(Closeable.__exit__), and when the program ends (_process).

Under gevent and eventlet a wait must also let other greenlets run: see _threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

from . import _threads

WAIT_MS = 100

Result = TypeVar("Result")


def wait_for(flag: _threads.Flag, timeout: float | None = None) -> bool:
    """Waits for the flag, `timeout` seconds at most; returns whether it is set."""
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
    """Makes one blocking call of the library that has no timeout. After Ctrl-C its result is
    undone as soon as it is there.
    """
    if not _threads.in_main_thread():
        return call()  # signals reach the main thread only
    results: list[Result] = []
    raised: list[BaseException] = []
    lock = _threads.Lock()
    done = _threads.Flag()
    wanted = True

    def run() -> None:
        keep = True
        try:
            result = call()
            with lock:
                results.append(result)
                keep = wanted
        except BaseException as error:
            raised.append(error)
        done.set()
        if not keep:
            undo(results[0])

    try:
        try:
            # Not threading.Thread: its start() waits, and after Ctrl-C there nobody would know
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
