"""The C API of libfactstr as ctypes prototypes, as include/factstr.h declares it. Nothing here
knows about stores or events.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import POINTER, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

from ._threads import Lock
from ._version import __version__
from .errors import InternalError

ABI_VERSION = 1
LIBRARY = (
    Path(__file__).parent
    / "_native"
    / {"win32": "factstr.dll", "darwin": "libfactstr.0.dylib"}.get(sys.platform, "libfactstr.so.0")
)

OK = 0
CLOSING = 1
ENDED = 2
EMPTY_APPEND = 10
CONDITIONAL_APPEND_CONFLICT = 11
NOT_IMPLEMENTED = 12
BACKEND_FAILURE = 13
INVALID_ARGUMENT = 14
INVALID_HANDLE = 15
INVALID_STATE = 16
READ_ONLY = 17
STORE_CLOSED = 18
BUSY = 19
TIMEOUT = 20
CANCELLED = 21
COMMIT_UNKNOWN = 22
UNSUPPORTED_FORMAT = 23
CORRUPT = 24
LOG_TRUNCATED = 25
DURABLE_STREAM_ACTIVE = 26
DURABLE_STREAM_QUERY_MISMATCH = 27
DURABLE_STREAM_LOST = 28
HANDLER_FAILED = 29
FORKED = 30
INTERNAL = 31

LOG_INFO = 1
LOG_WARNING = 2
LOG_ERROR = 3
LOG_OFF = 4


class Buffer(ctypes.Structure):
    """Text that the library returned. The library owns it until factstr_buffer_free."""

    _fields_ = [("data", c_void_p), ("len", c_size_t)]
    data: int | None
    len: int


class Completion(ctypes.Structure):
    _fields_ = [("tag", c_uint64), ("status", c_int32), ("result", Buffer)]


_status = c_int32
_handle = c_uint64
_text = (c_char_p, c_size_t)
_buffer = POINTER(Buffer)
_expected = POINTER(c_uint64)
# Callbacks are plain pointers here and always NULL: no thread of the library ever calls Python.
# _stream says why streams are pulled instead.
_submitted = (c_uint64, c_void_p, c_void_p, POINTER(c_uint64), _buffer)
_opening = (*_text, c_void_p, c_void_p, POINTER(_handle), _buffer)

PROTOTYPES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "factstr_buffer_free": (None, (_buffer,)),
    "factstr_version": (c_char_p, ()),
    "factstr_abi_version": (c_uint32, ()),
    "factstr_status_name": (c_char_p, (_status,)),
    "factstr_configure": (_status, (*_text, _buffer)),
    "factstr_memory_open": (_status, (*_text, POINTER(_handle), _buffer)),
    "factstr_sqlite_open": (_status, (c_char_p, *_text, POINTER(_handle), _buffer)),
    "factstr_postgres_open": (_status, (c_char_p, *_text, POINTER(_handle), _buffer)),
    "factstr_postgres_bootstrap": (
        _status,
        (c_char_p, c_char_p, *_text, POINTER(_handle), _buffer),
    ),
    "factstr_sqlite_open_submit": (_status, (c_char_p, *_opening)),
    "factstr_postgres_open_submit": (_status, (c_char_p, *_opening)),
    "factstr_postgres_bootstrap_submit": (_status, (c_char_p, c_char_p, *_opening)),
    "factstr_opening_cancel": (_status, (_handle,)),
    "factstr_store_close": (_status, (_handle, _buffer)),
    "factstr_append": (_status, (_handle, *_text, _buffer)),
    "factstr_append_if": (_status, (_handle, *_text, *_text, _expected, _buffer)),
    "factstr_append_when": (_status, (_handle, *_text, *_text, _buffer)),
    "factstr_query": (_status, (_handle, *_text, _buffer)),
    "factstr_append_at_once": (_status, (_handle, *_text, _buffer)),
    "factstr_append_if_at_once": (_status, (_handle, *_text, *_text, _expected, _buffer)),
    "factstr_append_when_at_once": (_status, (_handle, *_text, *_text, _buffer)),
    "factstr_query_at_once": (_status, (_handle, *_text, _buffer)),
    "factstr_append_submit": (_status, (_handle, *_text, *_submitted)),
    "factstr_append_if_submit": (_status, (_handle, *_text, *_text, _expected, *_submitted)),
    "factstr_append_when_submit": (_status, (_handle, *_text, *_text, *_submitted)),
    "factstr_query_submit": (_status, (_handle, *_text, *_submitted)),
    "factstr_wait_for": (_status, (_handle, *_text, _buffer)),
    "factstr_cursors": (_status, (_handle, *_text, _buffer)),
    "factstr_cursors_submit": (_status, (_handle, *_text, *_submitted)),
    "factstr_wait_for_submit": (_status, (_handle, *_text, *_submitted)),
    "factstr_read_open": (_status, (_handle, *_text, POINTER(_handle), _buffer)),
    "factstr_read_next": (_status, (_handle, _buffer)),
    "factstr_read_next_submit": (_status, (_handle, *_submitted)),
    "factstr_read_close": (_status, (_handle,)),
    "factstr_request_wait": (_status, (_handle, c_int64, _buffer)),
    "factstr_completions_next": (
        _status,
        (_handle, POINTER(Completion), c_size_t, POINTER(c_size_t), c_int64),
    ),
    "factstr_cancel": (_status, (_handle, c_uint64)),
    "factstr_stream_open": (
        _status,
        (_handle, *_text, c_void_p, c_void_p, POINTER(_handle), _buffer),
    ),
    "factstr_stream_wait_ready": (_status, (_handle, c_int64, _buffer)),
    "factstr_stream_progress": (_status, (_handle, _buffer)),
    "factstr_stream_next": (_status, (_handle, c_int64, POINTER(c_uint64), _buffer)),
    "factstr_stream_next_many": (
        _status,
        (_handle, c_size_t, c_int64, POINTER(c_uint64), POINTER(c_size_t), _buffer),
    ),
    "factstr_stream_advance": (_status, (_handle, c_uint64)),
    "factstr_stream_acknowledge": (_status, (_handle, c_uint64)),
    "factstr_stream_refuse": (_status, (_handle, c_uint64, *_text)),
    "factstr_stream_unsubscribe": (_status, (_handle,)),
    "factstr_stream_drain": (_status, (_handle,)),
    "factstr_stream_close": (_status, (_handle,)),
    "factstr_statistics": (_status, (_handle, _buffer)),
    "factstr_explain": (_status, (_handle, *_text, _buffer)),
    "factstr_backup": (_status, (_handle, c_char_p, _buffer)),
    "factstr_backup_submit": (_status, (_handle, c_char_p, *_submitted)),
    "factstr_verify": (_status, (_handle, _buffer)),
    "factstr_verify_submit": (_status, (_handle, *_submitted)),
    "factstr_log_set": (_status, (c_void_p, c_void_p, c_int32)),
    "factstr_open_handles": (c_uint64, ()),
}

# Set in a child that was forked after the library had been loaded. The library itself refuses calls
# there; this flag guards the waits in Python, whose threads do not exist in the child.
_in_forked_child = False
_loaded: ctypes.CDLL | None = None
_quick: ctypes.CDLL | None = None
_loading = Lock()


def in_forked_child() -> bool:
    return _in_forked_child


def _note_fork() -> None:
    global _in_forked_child
    _in_forked_child = True


def load() -> ctypes.CDLL:
    """Returns the library, which the first call loads: a process that has only imported the package
    can still be forked.
    """
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                _loaded = _load(LIBRARY)
                if sys.platform != "win32":  # which has no fork
                    os.register_at_fork(after_in_child=_note_fork)
    return _loaded


def load_quick() -> ctypes.CDLL:
    """Returns the library for calls that take no longer than giving up the interpreter's lock and
    getting it back: they keep it.
    """
    global _quick
    load()
    if _quick is None:
        with _loading:
            if _quick is None:
                _quick = _load(LIBRARY, ctypes.PyDLL)
    return _quick


def _load(path: Path, kind: type[ctypes.CDLL] = ctypes.CDLL) -> ctypes.CDLL:
    try:
        library = kind(str(path))
    except OSError as error:
        raise InternalError(
            f"the native library cannot be loaded: {error}. It comes with the wheel of this "
            "platform, and exists for Linux with glibc (not musl, as on Alpine); in a checkout, "
            "tools/build-python.sh puts it in place"
        ) from error
    for name, (restype, argtypes) in PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise InternalError(
                f"{path} has no {name}: it is of another version than this package ({__version__})"
            ) from error
        function.restype = restype
        function.argtypes = argtypes
    version = library.factstr_version().decode()
    abi = library.factstr_abi_version()
    if version != __version__ or abi != ABI_VERSION:
        raise InternalError(
            f"{path} is version {version} with ABI {abi}, and this package is {__version__} with "
            f"ABI {ABI_VERSION}: install the package again"
        )
    return library


def status_name(library: ctypes.CDLL, status: int) -> str:
    name: bytes = library.factstr_status_name(status)
    return name.decode()


def take(library: ctypes.CDLL, buffer: Buffer) -> bytes:
    """Returns a copy of the text in the buffer, and gives the buffer back to the library."""
    if not buffer.data:
        return b""
    text = ctypes.string_at(buffer.data, buffer.len)
    library.factstr_buffer_free(ctypes.byref(buffer))
    return text
