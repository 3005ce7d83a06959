"""Statuses that come from files: locked, full, damaged or replaced."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import threading
from pathlib import Path
from typing import Any

from library import DURABLE, NONE, ON_NONE, ONE, RESET, Library, OnOpen, all_taken, waiting_for
from processes import damage_root, other_process, sql


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
        lib.answered("BUSY", "append_when", store=store, conditions=ON_NONE)
        lib.expect("BUSY", "stream_open", store=store, registration=DURABLE)
        lib.expect("BUSY", "cursors", store=store, call=RESET)
    lib.expect("OK", "store_close", store=store)
    store = lib.sqlite(path, b'{"busy_timeout_ms":60000}')
    with other_process(path, "BEGIN IMMEDIATE"):
        first = lib.submit("append", store=store, tag=1)
        all_taken(lib, store)
        queued = lib.submit("append", store=store, tag=2)
        lib.expect("OK", "cancel", store=store, tag=2)
        lib.expect("CANCELLED", "request_wait", request=queued, timeout_ms=-1)
    lib.expect("OK", "request_wait", request=first, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)


def a_store_that_only_reads(lib: Library, folder: Path) -> None:
    path = folder / "read.db"
    store = lib.sqlite(path)
    lib.expect("OK", "append", store=store)
    lib.expect("OK", "store_close", store=store)
    store = lib.sqlite(path, b'{"read_only":true}')
    for name in ("append", "append_if", "append_when"):
        lib.answered("READ_ONLY", name, store=store)
    lib.answered("OK", "query", store=store)
    lib.expect("OK", "query_at_once", store=store)
    lib.expect("OK", "store_close", store=store)


def a_commit_that_fails_midway(lib: Library, folder: Path) -> None:
    """The system refuses longer files, so that the log ends within what a commit writes."""
    large = b'[{"event_type":"a","payload":"%s"}]' % (b"x" * 2_000_000)
    usual, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    holds = {"append_if": {"query": NONE}, "append_when": {"conditions": ON_NONE}}
    for name in ("append", "append_if", "append_when"):
        given = holds.get(name, {})
        for call in (name, f"{name}_at_once"):
            path = folder / f"{call}.db"
            store = lib.sqlite(path)
            lib.expect("OK", "append", store=store)
            log = Path(f"{path}-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (log + 6000, hard))
            try:
                lib.expect("COMMIT_UNKNOWN", call, store=store, events=large, **given)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (usual, hard))
            for later in (name, f"{name}_at_once", f"{name}_submit"):
                lib.expect("INVALID_STATE", later, store=store, **given)
            lib.expect("OK", "store_close", store=store)


def a_full_disk(lib: Library, folder: Path) -> None:
    store = lib.sqlite(folder / "full.db", b'{"testing_max_page_count":30}')
    large = b'[{"event_type":"a","payload":"%s"}]' % (b"x" * 1_000_000)
    lib.answered("BACKEND_FAILURE", "append", store=store, events=large)
    lib.answered("BACKEND_FAILURE", "append_if", store=store, events=large)
    lib.answered("BACKEND_FAILURE", "append_when", store=store, events=large)
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
    lib.expect("OK", "backup", store=store, path=bytes(folder / "copy.db"))
    lib.answered("INVALID_ARGUMENT", "backup", store=store, path=bytes(folder / "copy.db"))
    lib.answered("BACKEND_FAILURE", "backup", store=store, path=bytes(folder / "none" / "c.db"))
    lib.expect("CORRUPT", "explain", store=store)
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("CORRUPT", "read_next", reading=reading)
    picky = b'{"filters":[{"payload_predicates":[7]}]}'
    lib.answered("CORRUPT", "append_if", store=store, query=picky)
    lib.answered(
        "CORRUPT", "append_when", store=store, conditions=b'[{"fail_if_events_match":%b}]' % picky
    )
    stream = lib.expect("OK", "stream_open", store=store, registration=DURABLE)
    lib.expect("CORRUPT", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("CORRUPT", "stream_next_many", stream=stream, timeout_ms=-1)
    lib.expect("CORRUPT", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("CORRUPT", "wait_for", store=store, wait_for=waiting_for(stream, 1))
    lib.expect("OK", "store_close", store=store)
    sql(path, "UPDATE subscriber_cursors SET last_processed_sequence_number = 'x'")
    store = lib.sqlite(path)
    lib.expect("CORRUPT", "stream_open", store=store, registration=DURABLE)
    lib.expect("CORRUPT", "cursors", store=store, call=RESET)
    lib.expect("OK", "store_close", store=store)
    sql(path, "UPDATE subscriber_cursors SET last_processed_sequence_number = 99")
    store = lib.sqlite(path)
    lib.expect("LOG_TRUNCATED", "stream_open", store=store, registration=DURABLE)
    lib.expect("OK", "store_close", store=store)


def damaged_batches(lib: Library, folder: Path) -> None:
    """Nothing reads the page of the batches before a batch of two events is appended."""
    two = b"[%b,%b]" % (ONE[1:-1], ONE[1:-1])
    appends: dict[str, dict[str, Any]] = {
        "append": {},
        "append_if": {"expected": ctypes.byref(ctypes.c_uint64(2))},
        "append_when": {"conditions": b'[{"fail_if_events_match":{},"after":2}]'},
    }
    for name, given in appends.items():
        path = folder / f"{name}.db"
        store = lib.sqlite(path)
        lib.expect("OK", "append", store=store, events=two)
        lib.expect("OK", "store_close", store=store)
        damage_root(path, "append_batches")
        store = lib.sqlite(path)
        lib.expect("CORRUPT", f"{name}_at_once", store=store, events=two, **given)
        lib.answered("CORRUPT", name, store=store, events=two, **given)
        lib.expect("OK", f"{name}_at_once", store=store, **given)
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
    lib.answered("UNSUPPORTED_FORMAT", "append_when", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "query", store=store)
    lib.expect("UNSUPPORTED_FORMAT", "explain", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "verify", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "backup", store=store, path=bytes(folder / "copy.db"))
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("UNSUPPORTED_FORMAT", "read_next", reading=reading)
    other = b'{"durable":{"name":"e"}}'
    lib.expect("UNSUPPORTED_FORMAT", "stream_open", store=store, registration=other)
    lib.expect("UNSUPPORTED_FORMAT", "cursors", store=store)
    lib.expect("UNSUPPORTED_FORMAT", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("UNSUPPORTED_FORMAT", "stream_next_many", stream=stream, timeout_ms=-1)
    lib.expect("UNSUPPORTED_FORMAT", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("UNSUPPORTED_FORMAT", "wait_for", store=store, wait_for=waiting_for(stream, 9))
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
    lib.answered("LOG_TRUNCATED", "append_when", store=store)
    lib.answered("LOG_TRUNCATED", "query", store=store)
    lib.expect("LOG_TRUNCATED", "explain", store=store)
    lib.answered("LOG_TRUNCATED", "verify", store=store)
    lib.answered("LOG_TRUNCATED", "backup", store=store, path=bytes(folder / "copy.db"))
    lib.expect("LOG_TRUNCATED", "cursors", store=store)
    reading = lib.expect("OK", "read_open", store=store)
    lib.answered("LOG_TRUNCATED", "read_next", reading=reading)
    if lib.call("stream_next", stream=stream, timeout_ms=-1)[0] == "OK":  # it was read before
        lib.expect("OK", "stream_acknowledge", stream=stream, delivery=1)
    lib.expect("LOG_TRUNCATED", "stream_next", stream=stream, timeout_ms=-1)
    lib.expect("LOG_TRUNCATED", "wait_for", store=store, wait_for=waiting_for(stream, 9))
    lib.expect("LOG_TRUNCATED", "stream_next_many", stream=stream, timeout_ms=-1)
    lib.expect("LOG_TRUNCATED", "stream_wait_ready", stream=stream, timeout_ms=-1)
    lib.expect("OK", "store_close", store=store)
