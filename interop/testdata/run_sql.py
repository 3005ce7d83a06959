"""Runs SQL in a database of a test, as a program without the library does.

run_sql.py sqlite FILE SQL
run_sql.py postgres URL SQL
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys

kind, place, sql = sys.argv[1:]
if kind == "sqlite":
    with contextlib.closing(sqlite3.connect(place)) as database:
        database.executescript(sql)
else:
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", sql, place], check=True)
