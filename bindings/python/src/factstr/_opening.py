"""How a store is opened."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_uint64
from typing import Any

from . import _process
from ._capi import OK, Buffer, status_name, take
from ._closing import release
from ._encoding import encode_options
from ._handle import Handle
from ._waiting import interruptible
from .errors import error_from


def open_store(
    handle: Handle, open_: Callable[..., int], before: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """Opens a store by a function of the library, to which `before` leads its arguments. `handle`
    gets the number at once: from then on Ctrl-C finds an owner that releases it.
    """
    library = handle.library
    text = encode_options(options)
    _process.start_log(library)

    def call() -> tuple[int, int, bytes]:
        number, buffer = c_uint64(), Buffer()
        status = open_(*before, text, len(text or b""), byref(number), byref(buffer))
        if number.value:
            handle.number = number.value
        return status, number.value, take(library, buffer)

    def undo(opened: tuple[int, int, bytes]) -> None:
        if opened[1]:
            handle.number = 0
            release(library, opened[1])

    status, _, error = interruptible(call, undo)
    if status != OK:
        raise error_from(status_name(library, status), error)
