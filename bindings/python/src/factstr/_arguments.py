"""Arguments of calls as the C API takes them. What it could misread is refused here."""

from __future__ import annotations

import os
from ctypes import byref, c_uint64
from typing import Any

from .errors import InvalidArgument


def c_text(name: str, value: Any) -> bytes:
    """Returns the bytes of a NUL-terminated text. An error does not repeat the value, which may
    hold a password.
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgument(f"{name}: it contains U+0000, which ends a text")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{name}: it contains a lone surrogate, which UTF-8 does not have"
        ) from None


def path_bytes(path: Any) -> bytes:
    """Returns a path in UTF-8. Bytes that os.listdir could not decode pass unchanged; the library
    judges them.
    """
    try:
        text = os.fspath(path)
        encoded = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidArgument(f"path: {error}") from None
    if b"\0" in encoded:
        raise InvalidArgument("path: it contains U+0000, which ends a path")
    return encoded


def durable_name(name: Any, argument: str = "name") -> str:
    # To the library None means a live stream.
    if not isinstance(name, str):
        raise InvalidArgument(f"{argument} must be a str, not {type(name).__name__}")
    return name


def position(after: Any, argument: str = "after") -> int:
    # To the library None means a live stream.
    if not isinstance(after, int) or isinstance(after, bool):
        raise InvalidArgument(f"{argument} must be an int, not {type(after).__name__}")
    return after


def expected_version(version: Any) -> Any:
    """Returns a pointer to the version, or None. ctypes would truncate other numbers silently."""
    if version is None:
        return None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InvalidArgument(
            f"expected_context_version must be an int or None, not {type(version).__name__}"
        )
    if not 0 <= version < 1 << 64:
        raise InvalidArgument(
            f"expected_context_version is {version}, and a sequence number has 63 bits"
        )
    return byref(c_uint64(version))
