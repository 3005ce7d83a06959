"""Locks of other programs that keep a store from writing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import server
from programs import environment
from support import WAIT_S


def locked(kind: str, place: str) -> AbstractContextManager[Callable[[], None]]:
    """Takes the lock that every write needs, and releases it at the end of the block, or when the
    block calls the function that it is given.
    """
    return _locked_file(place) if kind == "sqlite" else _locked_schema(place)


@contextmanager
def _locked_schema(schema: str) -> Iterator[Callable[[], None]]:
    with server.session() as holder:
        holder.run(f"BEGIN; LOCK TABLE {schema}.events IN EXCLUSIVE MODE")  # as the Rust store does

        def release() -> None:
            holder.run("ROLLBACK")

        try:
            yield release
        finally:
            release()


@contextmanager
def _locked_file(database: str) -> Iterator[Callable[[], None]]:
    # From another process: a second copy of SQLite in this one would drop the store's locks.
    code = (
        "import sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "database.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, database],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
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
