"""Statuses that a store in memory can return, and what a store returns while it closes."""

from __future__ import annotations

import ctypes
import threading
from pathlib import Path
from typing import Any

from library import (
    DURABLE,
    ON_NONE,
    RESET,
    Callbacks,
    Library,
    OnBatch,
    all_taken,
    eventually,
    waiting_for,
)
from processes import other_process


def calls_of_a_store(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("TIMEOUT", "completions_next", store=store)
    lib.answered("OK", "append", store=store)
    lib.answered("OK", "query", store=store)
    lib.expect("OK", "explain", store=store)
    lib.answered("OK", "verify", store=store)
    lib.answered("NOT_IMPLEMENTED", "backup", store=store)
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("OK", "read_next", reading=reading)
    lib.expect("OK", "read_close", reading=reading)
    lib.expect("INVALID_HANDLE", "read_next_submit", reading=reading)
    lib.answered("CONDITIONAL_APPEND_CONFLICT", "append_if", store=store)
    lib.answered("CONDITIONAL_APPEND_CONFLICT", "append_when", store=store)
    version = ctypes.c_uint64(2)
    lib.expect("OK", "append_if", store=store, expected=ctypes.byref(version))
    version = ctypes.c_uint64(3)
    lib.expect("OK", "append_if_at_once", store=store, expected=ctypes.byref(version))
    lib.expect("OK", "append_at_once", store=store)
    lib.expect("OK", "append_when_at_once", store=store, conditions=ON_NONE)
    lib.expect("OK", "query_at_once", store=store)
    lib.expect("OK", "append_if_submit", store=store)
    lib.expect("OK", "append_when", store=store, conditions=ON_NONE)
    lib.expect("OK", "append_when_submit", store=store)
    lib.expect("OK", "completions_next", store=store, timeout_ms=-1)
    lib.expect("OK", "query_submit", store=store)
    lib.expect("OK", "completions_next", store=store, timeout_ms=-1)
    lib.expect("OK", "cancel", store=store)
    lib.expect("TIMEOUT", "wait_for", store=store)
    lib.expect("OK", "wait_for_submit", store=store)
    lib.expect("OK", "completions_next", store=store, timeout_ms=-1)
    lib.expect("OK", "cursors", store=store)
    lib.expect("OK", "cursors_submit", store=store)
    lib.expect("OK", "completions_next", store=store, timeout_ms=-1)
    lib.expect("OK", "statistics", store=store)
    lib.expect("OK", "store_close", store=store)


def streams_that_are_pulled(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("OK", "append", store=store)
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    lib.expect("DURABLE_STREAM_ACTIVE", "stream_open", store=store, registration=DURABLE)
    lib.expect("DURABLE_STREAM_ACTIVE", "cursors", store=store, call=RESET)
    lib.expect("TIMEOUT", "stream_wait_ready", stream=stream)
    lib.expect("OK", "stream_progress", stream=stream)
    next_one = {"stream": stream, "timeout_ms": -1}
    lib.expect("OK", "stream_next", **next_one)
    lib.expect("INVALID_STATE", "stream_next", **next_one)
    lib.expect("INVALID_STATE", "stream_next_many", **next_one)
    lib.expect("INVALID_HANDLE", "stream_advance", stream=stream, delivery=2)
    lib.expect("OK", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("INVALID_HANDLE", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("OK", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("TIMEOUT", "stream_next", stream=stream)
    lib.expect("TIMEOUT", "stream_next_many", stream=stream)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "stream_next_many", **next_one)
    lib.expect("OK", "stream_advance", stream=stream, delivery=2)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "stream_next", **next_one)
    lib.expect("OK", "stream_refuse", stream=stream, delivery=3, message=b"no", message_len=2)
    lib.expect("HANDLER_FAILED", "stream_next", **next_one)
    lib.expect("HANDLER_FAILED", "stream_next_many", **next_one)
    lib.expect("OK", "wait_for", store=store, wait_for=waiting_for(stream, 2))
    lib.expect("HANDLER_FAILED", "wait_for", store=store, wait_for=waiting_for(stream, 3))
    parking = b'{"durable":{"name":"p"},"retry":{"max_attempts":0,"give_up":"park"}}'
    parks = lib.expect("OK", "stream_open", store=store, registration=parking)
    lib.expect("OK", "stream_next", stream=parks, timeout_ms=-1)
    lib.expect("OK", "stream_refuse", stream=parks, delivery=1)
    lib.expect("OK", "stream_next", stream=parks, timeout_ms=-1)
    lib.expect("OK", "stream_close", stream=parks)
    forget = b'{"cursor_delete":{"name":"p"}}'
    lib.expect("INVALID_STATE", "cursors", store=store, call=forget)
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
    lib.expect("ENDED", "stream_next_many", stream=stream, timeout_ms=-1)
    lib.expect("ENDED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("CANCELLED", "wait_for", store=store, wait_for=waiting_for(stream, 9))
    lib.expect("OK", "store_close", store=store)


def callbacks_that_close(lib: Library, folder: Path) -> None:
    store = lib.memory()
    lib.expect("OK", "append", store=store)
    failures: list[Exception] = []
    returned = threading.Event()

    def on_batch(_data: Any, stream: int, *_: Any) -> int:
        try:
            lib.expect("INVALID_STATE", "stream_wait_ready", stream=stream, timeout_ms=-1)
            waiting = {"store": store, "wait_for": waiting_for(stream, 1)}
            lib.expect("INVALID_STATE", "wait_for", **waiting)
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
    reading = lib.expect("OK", "read_open", store=store)
    closing.start()
    eventually(lambda: lib.call("append", store=store)[0] == "STORE_CLOSED")
    lib.expect("STORE_CLOSED", "read_open", store=store)
    lib.expect("STORE_CLOSED", "read_next", reading=reading)
    lib.expect("STORE_CLOSED", "read_next_submit", reading=reading)
    for name in (
        "append_if",
        "append_when",
        "append_at_once",
        "append_if_at_once",
        "append_when_at_once",
        "query_at_once",
        "query",
        "append_submit",
        "append_if_submit",
        "append_when_submit",
        "query_submit",
        "wait_for",
        "wait_for_submit",
        "verify",
        "verify_submit",
        "backup",
        "backup_submit",
        "cursors",
        "cursors_submit",
    ):
        lib.expect("STORE_CLOSED", name, store=store)
    for name in ("completions_next", "stream_open", "statistics", "explain"):
        lib.expect("STORE_CLOSED", name, store=store)
    lib.expect("STORE_CLOSED", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("STORE_CLOSED", "stream_next_many", stream=stream, timeout_ms=-1)
    lib.expect("STORE_CLOSED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    closing.join()
    go_on.set()


def a_request_in_the_queue_of_a_closing_store(lib: Library, folder: Path) -> None:
    path = folder / "closing.db"
    store = lib.sqlite(path, b'{"close_timeout_ms":1000,"busy_timeout_ms":60000}')
    lib.expect("OK", "append", store=store)
    with other_process(path, "BEGIN IMMEDIATE"):
        first = lib.submit("append", store=store)
        all_taken(lib, store)
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
    reading = lib.expect("OK", "read_open", store=store)
    lib.expect("BUSY", "read_next_submit", reading=reading)
    for name in (
        "append_submit",
        "append_when_submit",
        "query_submit",
        "wait_for_submit",
        "backup_submit",
        "verify_submit",
        "cursors_submit",
        "append_if_submit",
    ):
        lib.expect("BUSY", name, store=store)
    lib.expect("OK", "store_close", store=store)
