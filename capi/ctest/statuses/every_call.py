"""What every function returns alike: for bad arguments, unknown handles, and in a child."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from library import RESET, Library, OnOpen


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
        if re.fullmatch(
            r"factstr_(store|stream|request|opening|reading)", function.parameters[0][0]
        ):
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
        ("append_at_once", {"store": store, "events": b"{"}),
        ("append_if_at_once", {"store": store, "query": None}),
        ("append_when_at_once", {"store": store, "conditions": None}),
        ("query_at_once", {"store": store, "query": b"{"}),
        ("append_if", {"store": store, "query": None}),
        ("append_when", {"store": store, "conditions": None}),
        ("append_when", {"store": store, "conditions": b"{"}),
        ("query", {"store": store, "query": b'{"limit":-1}'}),
        ("explain", {"store": store, "query": b'{"limit":-1}'}),
        ("read_open", {"store": store, "reading": None}),
        ("append_submit", {"store": store, "events": None}),
        ("append_if_submit", {"store": store, "query": b"["}),
        ("append_when_submit", {"store": store, "conditions": b"["}),
        ("query_submit", {"store": store, "query": b"["}),
        ("completions_next", {"store": store, "out_max": 0}),
        ("stream_open", {"store": store, "registration": b'{"retry":{"max_attempts":1}}'}),
        ("backup", {"store": store, "path": b"\xff"}),
        ("backup_submit", {"store": store, "path": b"\xff"}),
        ("wait_for", {"store": store, "wait_for": b"{}"}),
        ("wait_for_submit", {"store": store, "wait_for": b"{}"}),
        ("cursors", {"store": store, "call": RESET}),
        ("cursors_submit", {"store": store, "call": b"{}"}),
        ("stream_next", {"stream": stream, "delivery": None}),
        ("stream_next_many", {"stream": stream, "batches_max": 0}),
        ("stream_refuse", {"stream": stream, "message_len": 3}),
    ]
    for name, given in bad:
        lib.expect("INVALID_ARGUMENT", name, **given)
    appends = ("append", "append_if", "append_when")
    appends += tuple(f"{name}_at_once" for name in appends)
    for name in (*appends, *(f"{append}_submit" for append in appends[:3])):
        lib.expect("EMPTY_APPEND", name, store=store, events=b"[]")
    lib.expect("OK", "store_close", store=store)
    store = lib.memory(b'{"result_bytes_max":1}')
    lib.expect("OK", "append", store=store)
    lib.answered("INVALID_ARGUMENT", "query", store=store)  # its result is too large
    lib.expect("OK", "store_close", store=store)
