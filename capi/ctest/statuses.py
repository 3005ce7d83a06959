"""Plays the statuses that factstr.h lists for each function: statuses.py HEADER LIBRARY

The lists are read from the header's text. A status that is listed but was not returned fails the
test, and so does one that was returned but is not listed. Every call also checks that its buffer
holds what the header says. DATABASE_URL names a PostgreSQL database whose server asks for no
password.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# Statuses that need a broken disk, a standby or another system, each with the Go test that makes a
# store return that code. How a code becomes a status is the same for all (capi/status.go).
UNKNOWN = "TestAnErrorOfTheFileSystemDuringACommitIsAnsweredAsUnknown"
ELSEWHERE = {
    ("sqlite_open", "NOT_IMPLEMENTED"): "",  # on a system whose file locks are not known
    ("sqlite_open", "READ_ONLY"): "TestAReadOnlyFileSystemIsNamed",
    ("query", "READ_ONLY"): "TestAStandbyIsReadUntilItIsPromoted",
    ("query", "BUSY"): "",  # another process recovers SQLite's log after a crash
    ("append", "INVALID_STATE"): UNKNOWN,
    ("append_if", "INVALID_STATE"): UNKNOWN,
    ("append_submit", "INVALID_STATE"): UNKNOWN,
    ("append_if_submit", "INVALID_STATE"): UNKNOWN,
    ("request_wait", "INVALID_STATE"): UNKNOWN,
    ("stream_next", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
    ("stream_wait_ready", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
}


@dataclass(frozen=True)
class Function:
    parameters: list[tuple[str, str]]  # type and name
    statuses: dict[str, str]  # "OK" and what stands behind it


def parse(header: str) -> dict[str, Function]:
    functions: dict[str, Function] = {}
    statuses: dict[str, str] = {}
    pattern = (
        r"/\*((?:(?!\*/).)*)\*/\s*(?=FACTSTR_API)|FACTSTR_API ([^;(]*?)\bfactstr_(\w+)\(([^;]*)\);"
    )
    for comment, result, name, parameters in re.findall(pattern, header, flags=re.DOTALL):
        if comment:
            statuses = listed(re.sub(r"\n \* ?", "\n", comment), functions)
        elif result.strip() == "factstr_status":
            functions[name] = Function(
                re.findall(r"\s*([^,]+?) ?(\w+)(?:,|$)", parameters),
                statuses,
            )
    return functions


def listed(comment: str, functions: dict[str, Function]) -> dict[str, str]:
    statuses: dict[str, str] = {}
    _, found, text = comment.partition("\nStatuses")
    if not found:
        return statuses
    base = re.match(r": those of ([\w ]*?)(?:,? without ([\w ,]*?))?(?:, and\n|\.)", text)
    if base is not None:
        for name in re.findall(r"factstr_(\w+)", base[1]):
            statuses |= functions[name].statuses
        for status in re.findall(r"FACTSTR_(\w+)", base[2] or ""):
            del statuses[status]
    for names, meaning in re.findall(r"\n  ((?:FACTSTR_\w+,?\s*)+)([^\n]*)", text):
        for status in re.findall(r"FACTSTR_(\w+)", names):
            statuses[status] = meaning
    return statuses


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
NONE = b'{"filters":[{"event_types":["none"]}]}'  # matches no event
# What a call gets that says nothing else of a parameter. `None` is NULL.
USUAL: dict[str, Any] = {
    "events": ONE,
    "query": b"{}",
    "registration": b"{}",
    "options_json": None,
    "message": None,
    "expected": None,
    "callback": None,
    "callbacks": None,
    "user_data": None,
    "tag": 1,
    "timeout_ms": 0,
    "delivery": 1,
    "out_max": 1,
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
            elif own == "out_len":
                arguments.append(ctypes.byref(count))
            elif type_ == "factstr_request *":
                arguments.append(None)
            elif type_ in (
                "factstr_store *",
                "factstr_stream *",
                "factstr_opening *",
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
        """Expects a status of a blocking call, and of its submitted twin."""
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


def eventually(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        if time.monotonic() > end:
            raise AssertionError("it did not come within 20 seconds")
        time.sleep(0.005)


# SQLite's locks are of a process, so another one must hold them, or change the file.
OTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print(flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def other_process(path: Path, statement: str) -> Iterator[None]:
    """Another process has executed a statement, and goes on until the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, path, statement],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None and process.stdin is not None
        if process.stdout.readline() != b"\n":
            raise AssertionError(f"{statement} failed")
        yield
        process.stdin.close()


def sql(path: Path, statement: str) -> None:
    with other_process(path, statement):
        pass


# ---- What every function returns alike ----


def settings_come_first(lib: Library, folder: Path) -> None:
    lib.expect("INVALID_ARGUMENT", "configure", options_json=b"{")
    lib.expect("OK", "configure", options_json=b"{}")
    lib.expect("OK", "store_close", store=lib.memory())
    lib.expect("INVALID_STATE", "configure", options_json=b"{}")
    lib.expect("OK", "log_set")
    lib.expect("INVALID_ARGUMENT", "log_set", min_level=99)


def handles(lib: Library) -> Iterator[tuple[str, str]]:
    """The functions that take a handle, with the name of that parameter."""
    for name, function in lib.functions.items():
        if re.fullmatch(r"factstr_(store|stream|request|opening)", function.parameters[0][0]):
            yield name, function.parameters[0][1]


def unknown_handles_are_refused(lib: Library, folder: Path) -> None:
    for name, parameter in handles(lib):
        lib.expect("INVALID_HANDLE", name, **{parameter: 0})


def a_forked_child_is_refused(lib: Library, folder: Path) -> None:
    process = os.fork()
    if process == 0:
        wrong = 1
        with contextlib.suppress(Exception):
            known = dict(handles(lib))
            wrong = sum(
                lib.call(name, **({known[name]: 1} if name in known else {}))[0] != "FORKED"
                for name in lib.functions
            )
        os._exit(wrong)
    if os.waitpid(process, 0)[1] != 0:
        raise AssertionError("a function did not return FORKED in a child")


def bad_arguments_are_refused(lib: Library, folder: Path) -> None:
    store = lib.memory()
    stream = lib.expect("OK", "stream_open", store=store)
    on_open = OnOpen(lambda *_: None)
    bad: list[tuple[str, dict[str, Any]]] = [
        ("memory_open", {"options_json": b"{"}),
        ("sqlite_open", {"path": b":memory:"}),
        ("postgres_open", {"url": b"nonsense://"}),
        ("postgres_bootstrap", {"database_name": b"no name"}),
        ("sqlite_open_submit", {}),
        ("sqlite_open_submit", {"callback": on_open, "path": b""}),
        ("postgres_open_submit", {"callback": on_open, "options_json": b"{"}),
        ("postgres_bootstrap_submit", {"callback": on_open, "database_name": b"no name"}),
        ("append", {"store": store, "events": b"{"}),
        ("append_if", {"store": store, "query": None}),
        ("query", {"store": store, "query": b'{"limit":-1}'}),
        ("append_submit", {"store": store, "events": None}),
        ("append_if_submit", {"store": store, "query": b"["}),
        ("query_submit", {"store": store, "query": b"["}),
        ("completions_next", {"store": store, "out_max": 0}),
        ("stream_open", {"store": store, "registration": b'{"retry":{"max_attempts":1}}'}),
        ("stream_next", {"stream": stream, "delivery": None}),
        ("stream_refuse", {"stream": stream, "message_len": 3}),
    ]
    for name, given in bad:
        lib.expect("INVALID_ARGUMENT", name, **given)
    for name in ("append", "append_if", "append_submit", "append_if_submit"):
        lib.expect("EMPTY_APPEND", name, store=store, events=b"[]")
    lib.expect("OK", "store_close", store=store)
    store = lib.memory(b'{"result_bytes_max":1}')
    lib.expect("OK", "append", store=store)
    lib.answered("INVALID_ARGUMENT", "query", store=store)  # its result is too large
    lib.expect("OK", "store_close", store=store)


# ---- A store in memory ----


def calls_of_a_store(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("TIMEOUT", "completions_next", store=store)
    lib.answered("OK", "append", store=store)
    lib.answered("OK", "query", store=store)
    lib.answered("CONDITIONAL_APPEND_CONFLICT", "append_if", store=store)
    version = ctypes.c_uint64(2)
    lib.expect("OK", "append_if", store=store, expected=ctypes.byref(version))
    lib.expect("OK", "append_if_submit", store=store)
    lib.expect("OK", "query_submit", store=store)
    lib.expect("OK", "completions_next", store=store, timeout_ms=-1)
    lib.expect("OK", "cancel", store=store)
    lib.expect("OK", "statistics", store=store)
    lib.expect("OK", "store_close", store=store)


def streams_that_are_pulled(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("OK", "append", store=store)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    lib.expect("DURABLE_STREAM_ACTIVE", "stream_open", store=store, registration=DURABLE)
    lib.expect("TIMEOUT", "stream_wait_ready", stream=stream)
    lib.expect("OK", "stream_progress", stream=stream)
    next_one = {"stream": stream, "timeout_ms": -1}
    lib.expect("OK", "stream_next", **next_one)
    lib.expect("INVALID_STATE", "stream_next", **next_one)
    lib.expect("OK", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("INVALID_HANDLE", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("OK", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("TIMEOUT", "stream_next", stream=stream)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "stream_next", **next_one)
    lib.expect("OK", "stream_refuse", stream=stream, delivery=2, message=b"no", message_len=2)
    lib.expect("HANDLER_FAILED", "stream_next", **next_one)
    other = b'{"durable":{"name":"d"},"query":{"filters":[{"event_types":["b"]}]}}'
    lib.expect("DURABLE_STREAM_QUERY_MISMATCH", "stream_open", store=store, registration=other)
    lib.expect("OK", "stream_close", stream=stream)
    # Its replay fails, and another one ends before it is ready.
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    next_one["stream"] = stream
    lib.expect("OK", "stream_next", **next_one)
    lib.expect("OK", "stream_refuse", stream=stream, delivery=1)
    lib.expect("HANDLER_FAILED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    lib.expect("OK", "stream_unsubscribe", stream=stream)
    lib.expect("OK", "stream_drain", stream=stream)
    lib.expect("ENDED", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("ENDED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)


def callbacks_that_close(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("OK", "append", store=store)
    failures: list[Exception] = []
    returned = threading.Event()

    def on_batch(_data: Any, stream: int, *_: Any) -> int:
        try:
            lib.expect("INVALID_STATE", "stream_wait_ready", stream=stream, timeout_ms=-1)
            lib.expect("CLOSING", "stream_close", stream=stream)
            lib.expect("CLOSING", "store_close", store=store)
        except Exception as error:
            failures.append(error)
        returned.set()
        return 0

    function = OnBatch(on_batch)
    callbacks = Callbacks(ctypes.sizeof(Callbacks), ctypes.cast(function, ctypes.c_void_p))
    lib.expect(
        "OK", "stream_open", store=store, registration=DURABLE, callbacks=ctypes.byref(callbacks)
    )
    if not returned.wait(20) or failures:
        raise AssertionError(failures or "no batch came")


def a_closing_store(lib: Library, folder: Path) -> None:
    """While its close waits for a callback, a store refuses what is new."""
    store = lib.memory(b'{"close_timeout_ms":2000}')
    lib.expect("OK", "append", store=store)
    begun, go_on = threading.Event(), threading.Event()

    def on_batch(*_: Any) -> int:
        begun.set()
        go_on.wait(20)
        return 0

    function = OnBatch(on_batch)
    callbacks = Callbacks(ctypes.sizeof(Callbacks), ctypes.cast(function, ctypes.c_void_p))
    lib.expect(
        "OK", "stream_open", store=store, registration=DURABLE, callbacks=ctypes.byref(callbacks)
    )
    begun.wait(20)
    other = b'{"durable":{"name":"e"}}'
    stream = lib.expect("OK", "stream_open", store=store, registration=other)
    closing = threading.Thread(target=lambda: lib.expect("TIMEOUT", "store_close", store=store))
    closing.start()
    eventually(lambda: lib.call("append", store=store)[0] == "STORE_CLOSED")
    for name in ("append_if", "query", "append_submit", "append_if_submit", "query_submit"):
        lib.expect("STORE_CLOSED", name, store=store)
    for name in ("completions_next", "stream_open", "statistics"):
        lib.expect("STORE_CLOSED", name, store=store)
    lib.expect("STORE_CLOSED", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("STORE_CLOSED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    closing.join()
    go_on.set()


def a_request_in_the_queue_of_a_closing_store(lib: Library, folder: Path) -> None:
    path = folder / "closing.db"
    store = lib.sqlite(path, b'{"close_timeout_ms":1000,"busy_timeout_ms":60000}')
    lib.expect("OK", "append", store=store)
    with other_process(path, "BEGIN IMMEDIATE"):
        first = lib.submit("append", store=store)
        time.sleep(0.1)  # time for the group to take it; the next one waits behind it
        queued = lib.submit("append", store=store)
        lib.expect("TIMEOUT", "request_wait", request=first)
        closing = threading.Thread(target=lambda: lib.expect("TIMEOUT", "store_close", store=store))
        closing.start()
        lib.expect("STORE_CLOSED", "request_wait", request=queued, timeout_ms=-1)
        closing.join()


def more_requests_than_are_kept(lib: Library, folder: Path) -> None:
    store = lib.memory()
    for _ in range(65536):
        lib.c.factstr_query_submit(store, b"{}", 2, 1, None, None, None, None)
    for name in ("append_submit", "append_if_submit", "query_submit"):
        lib.expect("BUSY", name, store=store)
    lib.expect("OK", "store_close", store=store)


# ---- SQLite ----


def files_that_cannot_be_opened(lib: Library, folder: Path) -> None:
    text = folder / "text.db"
    text.write_bytes(b"no database" * 1000)
    lib.expect("UNSUPPORTED_FORMAT", "sqlite_open", path=bytes(text))
    lib.expect("BACKEND_FAILURE", "sqlite_open", path=bytes(text / "below"))
    path = folder / "names.db"
    lib.expect("OK", "store_close", store=lib.sqlite(path))
    os.link(path, folder / "another.db")
    lib.expect("INVALID_STATE", "sqlite_open", path=bytes(path))
    locked = folder / "locked.db"
    sql(locked, "CREATE TABLE other (x)")
    with other_process(locked, "BEGIN EXCLUSIVE"):
        lib.expect(
            "BUSY", "sqlite_open", path=bytes(locked), options_json=b'{"busy_timeout_ms":20}'
        )
    damaged = folder / "damaged.db"
    store = lib.sqlite(damaged)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "store_close", store=store)
    damaged.write_bytes(damaged.read_bytes()[:4096] + b"\xff" * (damaged.stat().st_size - 4096))
    lib.expect("CORRUPT", "sqlite_open", path=bytes(damaged))


def openings_that_are_submitted(lib: Library, folder: Path) -> None:
    """A cancelled one is reported as CANCELLED; until then it can be cancelled."""
    outcomes: list[str] = []
    ended = threading.Event()

    def on_open(_data: Any, status: int, *_: Any) -> None:
        outcomes.append(lib.names[status])
        ended.set()

    function = OnOpen(on_open)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://127.0.0.1:{silent.getsockname()[1]}/none".encode()
        for name, given in (
            ("postgres_open_submit", {"url": url}),
            ("postgres_bootstrap_submit", {"server_url": url}),
        ):
            ended.clear()
            opening = lib.expect("OK", name, callback=function, **given)
            lib.expect("OK", "opening_cancel", opening=opening)
            ended.wait(20)
            lib.expect("INVALID_HANDLE", "opening_cancel", opening=opening)
    ended.clear()
    lib.expect("OK", "sqlite_open_submit", callback=function, path=bytes(folder / "later.db" / "x"))
    ended.wait(20)
    if outcomes[:2] != ["CANCELLED", "CANCELLED"]:
        raise AssertionError(outcomes)


def a_locked_log(lib: Library, folder: Path) -> None:
    path = folder / "lock.db"
    store = lib.sqlite(path)
    lib.expect("OK", "append", store=store)
    with other_process(path, "BEGIN IMMEDIATE"):
        lib.answered("BUSY", "append", store=store)
        lib.answered("BUSY", "append_if", store=store, query=NONE)
        lib.expect("BUSY", "stream_open", store=store, registration=DURABLE)
    lib.expect("OK", "store_close", store=store)
    store = lib.sqlite(path, b'{"busy_timeout_ms":60000}')
    with other_process(path, "BEGIN IMMEDIATE"):
        first = lib.submit("append", store=store, tag=1)
        time.sleep(0.1)  # time for the group to take it
        queued = lib.submit("append", store=store, tag=2)
        lib.expect("OK", "cancel", store=store, tag=2)
        lib.expect("CANCELLED", "request_wait", request=queued, timeout_ms=-1)
    lib.expect("OK", "request_wait", request=first, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)


def a_full_disk(lib: Library, folder: Path) -> None:
    store = lib.sqlite(folder / "full.db", b'{"testing_max_page_count":30}')
    large = b'[{"event_type":"a","payload":"%s"}]' % (b"x" * 1_000_000)
    lib.answered("BACKEND_FAILURE", "append", store=store, events=large)
    lib.answered("BACKEND_FAILURE", "append_if", store=store, events=large)
    lib.expect("OK", "store_close", store=store)


def damaged_facts(lib: Library, folder: Path) -> None:
    path = folder / "facts.db"
    store = lib.sqlite(path)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "store_close", store=store)
    sql(path, "UPDATE events SET payload = '{' WHERE sequence_number = 1")
    store = lib.sqlite(path)
    lib.answered("CORRUPT", "query", store=store)
    picky = b'{"filters":[{"payload_predicates":[7]}]}'
    lib.answered("CORRUPT", "append_if", store=store, query=picky)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    lib.expect("CORRUPT", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("CORRUPT", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)
    sql(path, "UPDATE subscriber_cursors SET last_processed_sequence_number = 'x'")
    store = lib.sqlite(path)
    lib.expect("CORRUPT", "stream_open", store=store, registration=DURABLE)
    lib.expect("OK", "store_close", store=store)
    sql(path, "UPDATE subscriber_cursors SET last_processed_sequence_number = 99")
    store = lib.sqlite(path)
    lib.expect("LOG_TRUNCATED", "stream_open", store=store, registration=DURABLE)
    lib.expect("OK", "store_close", store=store)


def dropped_tables(lib: Library, folder: Path) -> None:
    path = folder / "dropped.db"
    store = lib.sqlite(path)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "append", store=store)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    sql(path, "DROP TABLE append_batches")
    sql(path, "DROP TABLE events")
    sql(path, "DROP TABLE factstr_durable_streams")
    lib.answered("UNSUPPORTED_FORMAT", "append", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "append_if", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "query", store=store)
    other = b'{"durable":{"name":"e"}}'
    lib.expect("UNSUPPORTED_FORMAT", "stream_open", store=store, registration=other)
    lib.expect("UNSUPPORTED_FORMAT", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("UNSUPPORTED_FORMAT", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)


def a_file_that_was_replaced(lib: Library, folder: Path) -> None:
    path = folder / "replaced.db"
    store = lib.sqlite(path)
    lib.expect("OK", "append", store=store)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    path.rename(folder / "moved.db")
    path.write_bytes(b"")
    lib.answered("LOG_TRUNCATED", "append", store=store)
    lib.answered("LOG_TRUNCATED", "append_if", store=store)
    lib.answered("LOG_TRUNCATED", "query", store=store)
    if lib.call("stream_next", stream=stream, timeout_ms=-1)[0] == "OK":  # it was read before
        lib.expect("OK", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("LOG_TRUNCATED", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("LOG_TRUNCATED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)


# ---- PostgreSQL ----


class Proxy:
    """A way to the server that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.server = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, server = self.listener.accept()[0], socket.create_connection(self.server)
                self.sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(
                        target=self.pass_on, args=(source, target), daemon=True
                    ).start()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class Session:
    """A connection by which the test asks the server itself, in the simple protocol."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname, parts.port))
        start = b"\0\3\0\0user\0%b\0database\0%b\0\0" % (
            (parts.username or "").encode(),
            parts.path[1:].encode(),
        )
        self.socket.sendall(struct.pack("!i", len(start) + 4) + start)
        self.wait()

    def wait(self) -> None:
        kind = b""
        while kind != b"Z":
            kind = self.take(1)
            body = self.take(struct.unpack("!i", self.take(4))[0] - 4)
            if kind == b"E":
                raise AssertionError(body)

    def take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += self.socket.recv(count - len(data))
        return data

    def run(self, statement: str) -> None:
        text = statement.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        self.wait()


def servers(lib: Library, folder: Path) -> None:
    url = os.environ["DATABASE_URL"]
    parts = urlsplit(url)
    server = Session(url)
    name = f"s{os.getpid()}"

    def options(schema: str, **more: int) -> bytes:
        times = {"response_timeout_ms": 500, "lock_timeout_ms": 100, "connect_timeout_ms": 500}
        return json.dumps({"schema": schema, "close_timeout_ms": 500} | times | more).encode()

    def opened(status: str, at: str, schema: str) -> int:
        database = parts.path[1:].encode()
        handle = lib.expect(
            status,
            "postgres_bootstrap",
            server_url=at.encode(),
            database_name=database,
            options_json=options(schema),
        )
        if handle:
            lib.expect("OK", "store_close", store=handle)
        return lib.expect(status, "postgres_open", url=at.encode(), options_json=options(schema))

    store = opened("OK", url, name)
    lib.expect("OK", "append", store=store)
    # Others hold a table, for longer than the store or the server waits.
    server.run(f"BEGIN; LOCK TABLE {name}.events IN SHARE MODE")
    lib.answered("BUSY", "append", store=store)
    lib.answered("BUSY", "append_if", store=store, query=NONE)
    impatient = url + "&options=-c%20statement_timeout%3D200ms"
    patient = options(name, lock_timeout_ms=-1)
    waiting = lib.expect("OK", "postgres_open", url=impatient.encode(), options_json=patient)
    lib.answered("TIMEOUT", "append", store=waiting)
    lib.answered("TIMEOUT", "append_if", store=waiting, query=NONE)
    # A connection that breaks before the answer comes, to a server that cannot be reached then.
    for function in ("append", "append_if", "request_wait"):
        cut = Proxy(parts.hostname or "", parts.port or 5432)
        through = url.replace(f":{parts.port}", f":{cut.port}")
        doubtful = lib.expect("OK", "postgres_open", url=through.encode(), options_json=patient)
        given = {"store": doubtful, "query": NONE}
        if function == "request_wait":
            given = {"request": lib.submit("append", store=doubtful), "timeout_ms": -1}
        threading.Timer(0.3, cut.end).start()
        lib.expect("COMMIT_UNKNOWN", function, **given)
    server.run("ROLLBACK")
    server.run(f"BEGIN; LOCK TABLE {name}.events, {name}.durable_stream_cursors")
    lib.answered("TIMEOUT", "query", store=store)
    lib.expect("TIMEOUT", "stream_open", store=store, registration=DURABLE)
    opened("TIMEOUT", impatient, name)
    server.run("ROLLBACK")
    # A server that may not be written.
    read_only = url + "&options=-c%20default_transaction_read_only%3Don"
    opened("READ_ONLY", read_only + "&target_session_attrs=read-write", name)
    store = lib.expect("OK", "postgres_open", url=read_only.encode(), options_json=options(name))
    lib.answered("READ_ONLY", "append", store=store)
    lib.answered("READ_ONLY", "append_if", store=store, query=NONE)
    lib.expect("READ_ONLY", "stream_open", store=store, registration=DURABLE)
    # Tables that are no store's, and a batch beyond the end of the log.
    server.run(f"CREATE SCHEMA {name}x; CREATE TABLE {name}x.events (n int)")
    opened("UNSUPPORTED_FORMAT", url, name + "x")
    beyond = f"SELECT max(sequence_number) + 1, max(sequence_number) + 2 FROM {name}.events"
    server.run(f"INSERT INTO {name}.append_batches {beyond}")
    store = lib.expect("OK", "postgres_open", url=url.encode(), options_json=options(name))
    lib.answered("CORRUPT", "append", store=store, events=b"[%b,%b]" % (ONE[1:-1], ONE[1:-1]))
    server.run(f"DELETE FROM {name}.append_batches WHERE first_sequence_number > 1")
    # A server that cannot be reached.
    cut = Proxy(parts.hostname or "", parts.port or 5432)
    through = url.replace(f":{parts.port}", f":{cut.port}")
    store = opened("OK", through, name)
    lib.expect("OK", "append", store=store)
    cut.end()
    opened("BACKEND_FAILURE", through, name)
    lib.answered("BACKEND_FAILURE", "query", store=store)
    lib.expect("BACKEND_FAILURE", "stream_open", store=store, registration=DURABLE)


SCENARIOS: list[Callable[[Library, Path], None]] = [
    settings_come_first,  # they need a process in which no store was opened
    unknown_handles_are_refused,
    a_forked_child_is_refused,
    bad_arguments_are_refused,
    calls_of_a_store,
    streams_that_are_pulled,
    callbacks_that_close,
    a_closing_store,
    a_request_in_the_queue_of_a_closing_store,
    more_requests_than_are_kept,
    files_that_cannot_be_opened,
    openings_that_are_submitted,
    a_locked_log,
    a_full_disk,
    damaged_facts,
    dropped_tables,
    a_file_that_was_replaced,
    servers,
]


def main() -> int:
    functions = parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lib = Library(functions, sys.argv[2])
    failures = [
        f"factstr_{name} lists no statuses" for name, f in functions.items() if not f.statuses
    ]
    with tempfile.TemporaryDirectory() as folder:
        for scenario in SCENARIOS:
            own = Path(folder) / scenario.__name__
            own.mkdir()
            try:
                scenario(lib, own)
            except Exception as error:
                failures.append(f"{scenario.__name__}: {type(error).__name__}: {error}")
    listing = {(name, status) for name, f in functions.items() for status in f.statuses}
    played = {pair for pair in lib.returned if pair[1] != "FORKED"} | set(ELSEWHERE)
    failures += [
        f"factstr_{n} lists {s}, which no call returned" for n, s in sorted(listing - played)
    ]
    failures += [
        f"factstr_{n} returned {s}, which it does not list" for n, s in sorted(played - listing)
    ]
    failures += [
        f"factstr_{n} returned {s}: it is played here, not elsewhere"
        for n, s in sorted(lib.returned & set(ELSEWHERE))
    ]
    tests = "".join(each.read_text() for each in Path("core").rglob("*_test.go"))
    failures += [f"{t} is no test" for t in ELSEWHERE.values() if t and f"func {t}(" not in tests]
    for failure in failures:
        print("  " + failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
