"""Another process that locks or changes a SQLite file."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# SQLite's locks are of a process, so another one must hold them, or change the file.
OTHER_PROCESS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print(flush=True)
sys.stdin.read()
"""

# Overwrites the root page of a table in the file itself.
DAMAGE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
found = "SELECT rootpage FROM sqlite_master WHERE name = ?"
((page,),) = connection.execute(found, (sys.argv[2],))
((size,),) = connection.execute("PRAGMA page_size")
connection.close()
with open(sys.argv[1], "r+b") as file:
    file.seek((page - 1) * size)
    file.write(b"\\xff" * size)
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


def damage_root(path: Path, table: str) -> None:
    subprocess.run([sys.executable, "-c", DAMAGE, path, table], check=True)
