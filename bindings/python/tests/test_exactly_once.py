"""The recipe examples/projection/counts.py: a projection that keeps its position in its own transaction."""

from __future__ import annotations

import signal
import sqlite3
import unittest

from programs import ProgramCase, run_program
from support import ROOT, fact, on_persistent_stores, opened

# Runs the recipe and kills itself before the statement with the given ordinal, or ends once
# everything is counted.
PROGRAM = """
import os, signal, sqlite3, sys, threading, time
from support import opened
kind, place, path, recipe, until, last = sys.argv[1:]
left = int(until)

def statement(_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def end_when_done():
    own = sqlite3.connect(path, timeout=30)
    watching.set()
    while True:
        try:
            if own.execute("SELECT position FROM place").fetchall() == [(int(last),)]:
                os._exit(0)
        except sqlite3.OperationalError:
            pass  # no table yet
        time.sleep(0.01)  # another connection's commit is reported by nothing

connect = sqlite3.connect
def traced(*arguments, **named):
    database = connect(*arguments, **named)
    database.set_trace_callback(statement)
    return database

watching = threading.Event()
threading.Thread(target=end_when_done, daemon=True).start()
watching.wait()  # its own connection is not traced
sqlite3.connect = traced
exec(recipe)
follow(opened(kind, place), path)
"""


@on_persistent_stores
class ExactlyOnce(ProgramCase):
    def test_each_event_counts_once_wherever_the_program_is_killed(self) -> None:  # G19
        recipe = (ROOT / "examples" / "projection" / "counts.py").read_text(encoding="utf-8")
        path = str(self.folder / "projection.db")
        wanted = {"a": 0, "b": 0}
        position = 0
        with opened(self.kind, self.place) as store:
            for size in (2, 1, 3, 1, 2):
                store.append([fact("a")] * size + [fact("b")])
                wanted["a"] += size
                wanted["b"] += 1
                position += size + 1
        killed = 0
        for until in [*range(1, 13), 10**9]:
            ended = run_program(PROGRAM, self.kind, self.place, path, recipe, until, position)
            self.assertIn(ended.returncode, (0, -signal.SIGKILL), ended.stderr)
            killed += ended.returncode != 0
        self.assertGreater(killed, 8)
        database = sqlite3.connect(path)
        self.addCleanup(database.close)
        self.assertEqual(dict(database.execute("SELECT * FROM totals")), wanted)
        self.assertEqual(database.execute("SELECT * FROM place").fetchall(), [(position,)])


if __name__ == "__main__":
    unittest.main()
