"""Calls the functions of the library, and notes which statuses they returned."""

from __future__ import annotations

import ctypes
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from header import Function


class Buffer(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("len", ctypes.c_size_t))


class Completion(ctypes.Structure):
    _fields_ = (("tag", ctypes.c_uint64), ("status", ctypes.c_int32), ("result", Buffer))


class Callbacks(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_size_t),
        ("on_batch", ctypes.c_void_p),
        ("on_ready", ctypes.c_void_p),
        ("on_end", ctypes.c_void_p),
    )


OnBatch = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
    ctypes.c_void_p,
    ctypes.c_size_t,
)
OnOpen = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t
)
OnAnswer = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int32, ctypes.c_void_p, ctypes.c_size_t
)

ONE = b'[{"event_type":"a","payload":1}]'
DURABLE = b'{"durable":{"name":"d"}}'


RESET = b'{"cursor_reset":{"name":"d","to":0}}'


def waiting_for(stream: int, number: int) -> bytes:
    return b'{"stream":%d,"number":%d}' % (stream, number)


NONE = b'{"filters":[{"event_types":["none"]}]}'  # matches no event
ON_NONE = b'[{"fail_if_events_match":%b}]' % NONE  # a condition that holds
# What a call gets that says nothing else of a parameter. `None` is NULL.
USUAL: dict[str, Any] = {
    "events": ONE,
    "query": b"{}",
    "conditions": b'[{"fail_if_events_match":{}}]',
    "registration": b"{}",
    "options_json": None,
    "message": None,
    "wait_for": b'{"durable":{"name":"d"},"number":9,"timeout_ms":0}',
    "call": b'{"cursors":{}}',
    "expected": None,
    "callback": None,
    "callbacks": None,
    "user_data": None,
    "tag": 1,
    "timeout_ms": 0,
    "delivery": 1,
    "out_max": 1,
    "batches_max": 4,
    "min_level": 4,
    "path": b"/dev/null/none",
    "url": b"postgres://127.0.0.1:1/none",
    "server_url": b"postgres://127.0.0.1:1/none",
    "database_name": b"none",
}
TYPES: dict[str, Any] = {
    "size_t": ctypes.c_size_t,
    "int64_t": ctypes.c_int64,
    "int32_t": ctypes.c_int32,
    "const char *": ctypes.c_char_p,
}


class Library:
    """Calls functions, and notes which statuses they returned."""

    def __init__(self, functions: dict[str, Function], library: str) -> None:
        self.functions, self.c = functions, ctypes.CDLL(library)
        self.returned: set[tuple[str, str]] = set()
        self.c.factstr_status_name.restype = ctypes.c_char_p
        names: dict[int, str] = {}
        for status in range(64):
            name = self.c.factstr_status_name(status).decode()
            names[status] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
        self.names = names
        for name, function in functions.items():
            self.c[f"factstr_{name}"].argtypes = [
                ctypes.c_void_p if type_.endswith(("*", "_callback")) and type_ != "const char *"
                else TYPES.get(type_, ctypes.c_uint64)
                for type_, _ in function.parameters
            ]  # fmt: skip

    def call(self, name: str, **given: Any) -> tuple[str, int, bytes]:
        """Returns the status, the handle or delivery that came out, and the text."""
        buffer, handle, count = Buffer(1, 77), ctypes.c_uint64(77), ctypes.c_size_t(77)
        completions = (Completion * 1)()
        arguments: list[Any] = []
        for type_, own in self.functions[name].parameters:
            if own in given:
                arguments.append(given[own])
            elif type_ == "factstr_buffer *":
                arguments.append(ctypes.byref(buffer))
            elif type_ == "factstr_completion *":
                arguments.append(completions)
            elif own in ("out_len", "count"):
                arguments.append(ctypes.byref(count))
            elif type_ == "factstr_request *":
                arguments.append(None)
            elif type_ in (
                "factstr_store *",
                "factstr_stream *",
                "factstr_opening *",
                "factstr_reading *",
                "factstr_delivery *",
            ):
                arguments.append(ctypes.byref(handle))
            elif own.endswith("_len"):
                text = arguments[-1]
                arguments.append(0 if text is None else len(text))
            else:
                arguments.append(USUAL[own])
        function = self.c[f"factstr_{name}"]
        status = self.names[function(*arguments)]
        text = b""
        if any(type_ == "factstr_buffer *" for type_, _ in self.functions[name].parameters):
            text = ctypes.string_at(buffer.data, buffer.len) if buffer.data else b""
            self.c.factstr_buffer_free(ctypes.byref(buffer))
            self.check_text(name, status, text)
        self.returned.add((name, status))
        return status, handle.value, text

    def check_text(self, name: str, status: str, text: bytes) -> None:
        meaning = self.functions[name].statuses.get(status, "")
        if status == "OK":
            full = re.match(r"\w+: ", meaning) is not None or name == "request_wait"
        else:
            full = status not in ("ENDED", "CLOSING") and "(empty)" not in meaning
        if status == "TIMEOUT" and "(empty)" in meaning:
            return  # empty for a wait that ended, an error where the server took too long
        if full != bool(text):
            raise AssertionError(f"{name}, {status}: the buffer holds {text!r}; header: {meaning}")
        if status != "OK" and full and "code" not in json.loads(text):
            raise AssertionError(f"{name}, {status}: {text!r} is no InteropError")

    def expect(self, status: str, name: str, **given: Any) -> int:
        got, handle, text = self.call(name, **given)
        if got != status:
            raise AssertionError(f"{name} returned {got}, not {status}: {text!r}, given {given}")
        return handle

    def answered(self, status: str, name: str, **given: Any) -> None:
        """Expects a status of a blocking call, and of its twins: the one that answers at once may do
        so by "not at once", unless it is to have an effect.
        """
        if status != "OK" and f"{name}_at_once" in self.functions:
            got = self.call(f"{name}_at_once", **given)[0]
            if got not in (status, "TIMEOUT"):
                raise AssertionError(f"{name}_at_once returned {got}, not {status}, given {given}")
        self.expect(status, name, **given)
        self.expect(status, "request_wait", request=self.submit(name, **given), timeout_ms=-1)

    def submit(self, name: str, **given: Any) -> int:
        request = ctypes.c_uint64(0)
        self.expect("OK", f"{name}_submit", request=ctypes.byref(request), **given)
        return request.value

    def memory(self, options: bytes | None = None) -> int:
        return self.expect("OK", "memory_open", options_json=options)

    def sqlite(self, path: Path, options: bytes = b'{"busy_timeout_ms":20}') -> int:
        return self.expect("OK", "sqlite_open", path=bytes(path), options_json=options)


def all_taken(lib: Library, store: int) -> None:
    """Waits until the running group has taken every append: the next one waits behind it."""
    eventually(lambda: json.loads(lib.call("statistics", store=store)[2])["queue_appends"] == 0)


def eventually(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        if time.monotonic() > end:
            raise AssertionError("it did not come within 20 seconds")
        time.sleep(0.005)
