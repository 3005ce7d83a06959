"""Shared by the tests: stores in a folder of their own, and deliveries that can be awaited."""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import tempfile
import threading
import unittest
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import factstr
import server
from factstr import _capi, aio

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(factstr.__file__).resolve().parents[1]
WAIT_S = 300 if "FACTSTR_TEST_EMULATOR" in os.environ else 10
"""How long a test waits for something that must happen. Only a failing test waits this long."""


Batch = factstr.Batch


class PlaceCase(unittest.TestCase):
    """Has a folder, and a place for a store of one kind that no other test uses: a file, or a schema
    of the tests' database.
    """

    kind = "sqlite"

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.place = self.new_place()

    def new_place(self) -> str:
        name = f"test_{uuid.uuid4().hex}"
        if self.kind != "postgres":
            return str(self.folder / f"{name}.db")
        server.database_url()  # without one, the test fails here
        self.addCleanup(server.run, f"DROP SCHEMA IF EXISTS {name} CASCADE")
        return name


def opened(kind: str, place: str, lock_ms: int | None = None, **options: Any) -> factstr.Store:
    """Opens the store at a place. `lock_ms` is how long it waits for other processes."""
    if kind == "memory":
        return factstr.MemoryStore(**options)
    if lock_ms is not None:
        options["busy_timeout_ms" if kind == "sqlite" else "lock_timeout_ms"] = lock_ms
    if kind == "sqlite":
        return factstr.SqliteStore(place, **options)
    return factstr.PostgresStore(server.database_url(), schema=place, **options)


def opening(kind: str, place: str, lock_ms: int | None = None, **options: Any) -> aio.Opening[Any]:
    """As opened, for asyncio."""
    if kind == "memory":
        return aio.MemoryStore.open(**options)
    if lock_ms is not None:
        options["busy_timeout_ms" if kind == "sqlite" else "lock_timeout_ms"] = lock_ms
    if kind == "sqlite":
        return aio.SqliteStore.open(place, **options)
    return aio.PostgresStore.open(server.database_url(), schema=place, **options)


class StoreCase(PlaceCase):
    """Opens stores of one kind. After the test no handle of the library may be open."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self._check_handles)
        self.store = self.open()

    def open(self, **options: Any) -> factstr.Store:
        store = opened(self.kind, self.place, **options)
        self.addCleanup(store.close)
        return store

    def reopen(self) -> factstr.Store:
        self.store.close()
        self.store = self.open()
        return self.store

    def _check_handles(self) -> None:
        self.assertEqual(_capi.load().factstr_open_handles(), 0, "open handles")

    def library(self) -> ctypes.CDLL:
        return _capi.load()

    @contextmanager
    def refused(self, error: type[factstr.FactstrError], message: str = "") -> Iterator[None]:
        """Checks that the block raises the error with the code of its class, and that the store has
        written nothing and still works.
        """
        before = self.store.query().current_context_version
        with self.assertRaisesRegex(error, message) as raised:
            yield
        self.assertEqual(raised.exception.code, error.code)
        self.assertGreater(len(raised.exception.message), 10, "the message says what to do")
        self.assertEqual(self.store.query().current_context_version, before)
        appended = self.store.append([fact("StillWorks")])
        self.assertEqual(appended.first_sequence_number, (before or 0) + 1)

    def raw_append(self, text: bytes) -> None:
        """Sends JSON text that cannot be made from a value of Python."""
        self.store._requests.answer(self.store._append, True, text, len(text))

    def raw_query(self, text: bytes) -> factstr.QueryResult:
        return self.store._decoder.query_result(
            self.store._requests.answer(self.store._query, True, text, len(text))
        )


Case = TypeVar("Case", bound=type[PlaceCase])


def on_every_store(case: Case) -> Case:
    """Makes three cases of one: NAMEOnMemory, NAMEOnPostgres, and the decorated name for SQLite."""
    _also_on("memory", case)
    return on_persistent_stores(case)


def on_persistent_stores(case: Case) -> Case:
    """Makes two cases of one: NAMEOnPostgres, and the decorated name for SQLite."""
    _also_on("postgres", case)
    return case


def _also_on(kind: str, case: type[PlaceCase]) -> None:
    name = f"{case.__name__}On{kind.capitalize()}"
    vars(sys.modules[case.__module__])[name] = type(
        name, (case,), {"kind": kind, "__module__": case.__module__}
    )


class Deliveries:
    """A handler that keeps its batches. It fails the deliveries whose ordinals, from 1, are in
    `failing`.
    """

    def __init__(self, failing: tuple[int, ...] = ()) -> None:
        self._batches: queue.Queue[Batch] = queue.Queue()
        self._failing = failing
        self.count = 0

    def __call__(self, batch: Batch) -> None:
        self.count += 1
        self._batches.put(batch)
        if self.count in self._failing:
            raise RuntimeError(f"delivery {self.count} fails")

    def next(self) -> Batch:
        return self._batches.get(timeout=WAIT_S)

    def numbers(self) -> list[int]:
        return [record.sequence_number for record in self.next()]


class SlowHandler:
    """A handler that does not return from its first batch before `leave` is set."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.leave = threading.Event()
        self.returned = 0

    def __call__(self, batch: Batch) -> None:
        self.entered.set()
        self.leave.wait(WAIT_S)
        self.returned += 1

    def await_entry(self) -> None:
        assert self.entered.wait(WAIT_S), "the handler was not called"

    def end_while(self, close: Callable[[], None]) -> None:
        """Lets the handler return while another thread waits for it in `close`."""
        self.await_entry()
        closing = threading.Thread(target=close)
        closing.start()
        while closing.is_alive() and not inside(("wait_for", "_deliver_the_rest"), closing):
            closing.join(0.001)
        assert closing.is_alive(), "close does not wait for the handler"
        self.leave.set()
        closing.join(WAIT_S)
        assert not closing.is_alive(), "close hangs"


def inside(functions: tuple[str, ...], thread: threading.Thread) -> bool:
    """Reports whether the thread is in a call of a function with one of these names."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and frame.f_code.co_name not in functions:
        frame = frame.f_back
    return frame is not None


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def fact(event_type: str, payload: Any = None) -> factstr.NewEvent:
    return factstr.NewEvent(event_type, {} if payload is None else payload)


def numbers(result: factstr.QueryResult) -> list[int]:
    return [record.sequence_number for record in result.event_records]


def same_json(left: Any, right: Any) -> bool:
    """Compares as JSON values: numbers by exact value, and true is not 1, unlike in Python."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
        return left == right
    return type(left) is type(right) and bool(left == right)
