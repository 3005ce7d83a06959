"""What the tests share: stores in a folder of their own, deliveries that can be waited for, programs in processes of their own."""

from __future__ import annotations

import ctypes
import os
import queue
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import factstr
from factstr import _capi

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(factstr.__file__).resolve().parents[1]
WAIT_S = 10
"""How long a test waits for what must happen. It is never waited out unless the test fails."""

Batch = tuple[factstr.EventRecord, ...]


class StoreCase(unittest.TestCase):
    """Opens stores of one kind. Afterwards no handle of the library may be open."""

    kind = "sqlite"
    database = "facts.db"

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(self._check_handles)
        self.store = self.open()

    def open(self, **options: Any) -> factstr.Store:
        path = self.folder / self.database
        store = factstr.MemoryStore(**options) if self.kind == "memory" else factstr.SqliteStore(path, **options)
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
        """The block raises the error, with its own code, and the store goes on with nothing written."""
        before = self.store.query().current_context_version
        with self.assertRaisesRegex(error, message) as raised:
            yield
        self.assertEqual(raised.exception.code, error.code)
        self.assertGreater(len(raised.exception.message), 10, "the message says what to do")
        self.assertEqual(self.store.query().current_context_version, before)
        appended = self.store.append([fact("StillWorks")])
        self.assertEqual(appended.first_sequence_number, (before or 0) + 1)

    def raw_append(self, text: bytes) -> None:
        """Sends JSON text that no value of Python stands for."""
        self.store._answer(self.store._append, True, text, len(text))

    def raw_query(self, text: bytes) -> factstr.QueryResult:
        return self.store._decoder.query_result(self.store._answer(self.store._query, True, text, len(text)))


def on_every_store(case: type[StoreCase]) -> type[StoreCase]:
    """Makes two cases of one: NAMEOnMemory, and the decorated name for SQLite."""
    namespace = vars(sys.modules[case.__module__])
    namespace[f"{case.__name__}OnMemory"] = type(f"{case.__name__}OnMemory", (case,), {"kind": "memory", "__module__": case.__module__})
    return case


class Deliveries:
    """A handler that keeps what it gets. `failing` holds the ordinals, from 1, of the deliveries that it fails."""

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


def fact(event_type: str, payload: Any = None) -> factstr.NewEvent:
    return factstr.NewEvent(event_type, {} if payload is None else payload)


def numbers(result: factstr.QueryResult) -> list[int]:
    return [record.sequence_number for record in result.event_records]


def same_json(left: Any, right: Any) -> bool:
    """Equal as JSON values: numbers by exact value, and true is not 1, as it is in Python."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same_json, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, Decimal)) and isinstance(right, (int, Decimal)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def environment() -> dict[str, str]:
    path = os.pathsep.join(map(str, (SOURCE, Path(__file__).parent)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def run_program(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own, with the package of this checkout."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)


class ProgramCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def prints(self, expected: str, code: str, *arguments: object) -> None:
        """The program prints exactly these lines, nothing to standard error, and exits 0."""
        done = run_program(code, *arguments)
        self.assertEqual((done.stdout.strip(), done.stderr, done.returncode), (expected, "", 0))


@contextmanager
def locked(database: Path) -> Iterator[Callable[[], None]]:
    """Another process holds the database's write lock until the block ends or calls what it was given."""
    code = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline() == "locked\n"

        def release() -> None:
            assert holder.stdin
            holder.stdin.close()
            holder.wait(WAIT_S)

        try:
            yield release
        finally:
            release()
