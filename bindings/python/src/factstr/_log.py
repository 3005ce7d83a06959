"""The library's records go to the logger "factstr".

The library reports a record by calling a C function with a user pointer, the text and its length.
That function must not be Python's: a thread of the library that entered Python while the
interpreter ends would never return. So the library gets write(2) of the C library, which happens to
have this shape, with the descriptor of a socket as its user pointer. SOCK_SEQPACKET keeps records
apart. A thread of Python reads them from the other end and logs them.

A logger that is stuck fills the socket. Then write(2) blocks for _SEND_TIMEOUT and fails, the
library's own queue of records fills, and the library drops records and reports how many. No call
of a store waits for the logger, except that close() waits for a second at most.

Only Linux has such a socket. Elsewhere the library writes its warnings to standard error itself.
"""

from __future__ import annotations

import _socket
import contextlib
import ctypes
import json
import logging
import struct
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from . import _threads
from ._capi import LOG_INFO, LOG_WARNING
from ._waiting import wait_for
from .errors import InvalidState

if sys.platform == "linux":
    import posix  # eventlet replaces what os has

log = logging.getLogger("factstr")

_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_RECORD_MAX = 1 << 20
_END = b"end"  # closing the socket would not do: a forked child may hold it open
# A struct timeval: a logger that is stuck holds up the end of the program for no longer.
_SEND_TIMEOUT = struct.pack("ll", 1, 0)
_DRAIN_S = 1.0


class LogBridge:
    """Carries the records of the whole process from the library to the logger."""

    def __init__(self, library: ctypes.CDLL, name_of: Callable[[int], str | None]) -> None:
        self._library = library
        self._name_of = name_of
        self._started = False
        self._ended = _threads.Flag()
        reader, writer = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        writer.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _SEND_TIMEOUT)
        self._reader, self._writer = reader.detach(), writer.detach()

    def start(self) -> None:
        """Starts the thread that reads. The library keeps writing to standard error if Python
        starts no thread, and in a sub-interpreter, which before Python 3.12 cannot be ended while
        it has a second thread.
        """
        if not _in_main_interpreter():
            return
        try:
            _threads.start(self._run, "factstr-log")
        except InvalidState:
            return
        self._started = True
        write = ctypes.cast(ctypes.CDLL(None).write, ctypes.c_void_p)
        self._library.factstr_log_set(write, self._writer, LOG_INFO)

    def stop(self) -> None:
        """Returns after everything reported until now is logged, unless the logger is stuck."""
        if not self._started:
            return
        self._library.factstr_log_set(None, None, LOG_WARNING)
        with contextlib.suppress(OSError):
            posix.write(self._writer, _END)
        if wait_for(self._ended, _DRAIN_S):
            posix.close(self._writer)
            posix.close(self._reader)

    def _run(self) -> None:
        while (text := posix.read(self._reader, _RECORD_MAX)) != _END:
            with contextlib.suppress(Exception):  # a bad record must not end the thread
                self._emit(json.loads(text))
        self._ended.set()

    def _emit(self, fields: dict[str, Any]) -> None:
        # _handling logs failures of handlers itself, with their traceback.
        if fields["event"] != "handler_failed":
            store = fields.pop("store", None)
            kind = fields.pop("store_kind", None)
            if store is not None:
                fields["store"] = self._name_of(store) or f"a closed {kind} store"
            at = datetime.fromisoformat(fields.pop("time").replace("Z", "+00:00"))
            emit(_LEVELS[fields.pop("level")], fields.pop("message"), fields, at=at)


def _in_main_interpreter() -> bool:
    current, main = (
        ctypes.pythonapi.PyInterpreterState_Get,
        ctypes.pythonapi.PyInterpreterState_Main,
    )
    current.restype = main.restype = ctypes.c_void_p
    return bool(current() == main())


def emit(
    level: int,
    message: str,
    fields: Mapping[str, Any],
    *,
    at: datetime | None = None,
    error: BaseException | None = None,
) -> None:
    """Logs a record with the fields as its attributes, and the traceback of an error.

    It runs on threads of the package, which must not end by what a filter or a handler of the
    logger raises: that is printed, as logging itself prints errors of its handlers.
    """
    try:
        if log.isEnabledFor(level):
            _handle(level, message, fields, at, error)
    except BaseException:
        if logging.raiseExceptions:
            with contextlib.suppress(Exception):
                traceback.print_exc()


def _handle(
    level: int,
    message: str,
    fields: Mapping[str, Any],
    at: datetime | None,
    error: BaseException | None,
) -> None:
    trace = None if error is None else (type(error), error, error.__traceback__)
    record = log.makeRecord(log.name, level, "factstr", 0, "%s", (message,), trace)
    if at is not None:
        record.created = at.timestamp()
        record.msecs = at.microsecond // 1000
    for name, value in fields.items():
        if not hasattr(record, name):  # attributes that formatters rely on stay as they are
            setattr(record, name, value)
    log.handle(record)
