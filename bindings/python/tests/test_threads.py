"""If Python starts no thread, a registration is refused and leaves nothing behind, and the other
calls work.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import unittest
from collections.abc import Callable
from unittest import mock

import factstr
from programs import PROGRAM_S, environment
from support import Deliveries, StoreCase, fact, on_every_store

INSIDE = """
import os, sys
sys.path[:0] = {path}
import factstr
store = factstr.MemoryStore()
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
try:
    store.stream_all_durable("name", lambda batch: print("replayed", len(batch)))
except factstr.FactstrError as error:
    print(error.code, "main interpreter" in error.message)
print(len(store.query().event_records))
store.close()
print(store.closed, flush=True)
"""

# In a process of its own, because an interpreter that fails to end would take the test down.
PROGRAM = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
if hasattr(interpreters, "get_config"):
    created = interpreters.create(sys.argv[2])
else:
    created = interpreters.create(isolated=sys.argv[2] == "isolated")
failed = interpreters.run_string(created, sys.argv[1])
interpreters.destroy(created)
if failed is not None:
    print(failed.formatted)
"""


@on_every_store
class ThreadsThatDoNotStart(StoreCase):
    def test_a_registration_is_refused_and_leaves_nothing(self) -> None:
        refused = RuntimeError("can't start new thread")
        registrations: list[Callable[[], factstr.Subscription]] = [
            lambda: self.store.stream_all(Deliveries()),
            lambda: self.store.stream_all_durable("name", Deliveries()),
        ]
        with mock.patch.object(threading.Thread, "start", side_effect=refused):
            for register in registrations:
                with self.assertRaisesRegex(
                    factstr.InvalidState, "can't start new thread"
                ) as raised:
                    register()
                self.assertIs(raised.exception.__cause__, refused)
                self.assertEqual(self.library().factstr_open_handles(), 1)
            self.store.append([fact("a")])
            self.reopen()  # uses a thread only for Ctrl-C, and does without
        self.store.stream_all_durable("name", Deliveries())


class SubInterpreters(unittest.TestCase):
    def runs(self, config: str, expected: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, INSIDE.format(path=sys.path), config],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PROGRAM_S,
            check=False,
        )
        self.assertEqual((done.stdout, done.returncode), (expected, 0), done.stderr)

    def test_an_isolated_one_appends_and_queries_and_refuses_streams(self) -> None:
        if sys.version_info[:2] == (3, 12):
            reason = "Python 3.12 loads no ctypes in isolated sub-interpreters"
            sys.stderr.write(f"\nskipped {self.id()}: {reason}\n")
            self.skipTest(reason)
        self.runs("isolated", "1\nInvalidState True\n1\nTrue\n")

    def test_one_that_shares_its_state_has_streams_and_can_be_ended_after_the_store_was_closed(
        self,
    ) -> None:
        self.runs("legacy", "1\nreplayed 1\n1\nTrue\n")


if __name__ == "__main__":
    unittest.main()
