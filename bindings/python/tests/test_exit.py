"""Stores that are still open when the program drops them or ends."""

from __future__ import annotations

import unittest

from programs import ProgramCase, run_program
from support import on_persistent_stores


@on_persistent_stores
class InterpreterExit(ProgramCase):
    def test_open_streams_and_stores_do_not_hold_or_crash_the_exit(self) -> None:
        self.prints(
            "handled",
            """
import sys, threading
import factstr
from support import WAIT_S, opened
store = opened(*sys.argv[1:])
handled = threading.Event()
def handle(batch):
    print("handled", flush=True)
    handled.set()
store.stream_all_durable("model", handle)
streams = [store.stream_all(lambda batch: batch) for _ in range(20)]
memory = factstr.MemoryStore()
memory.stream_all(print)
store.append([factstr.NewEvent("a", 1)])
assert handled.wait(WAIT_S)
""",
            self.kind,
            self.place,
        )

    def test_a_batch_that_is_handled_while_the_interpreter_exits_does_not_come_again(
        self,
    ) -> None:  # G23
        code = """
import sys, threading
import factstr
from support import WAIT_S, opened
store = opened(*sys.argv[1:3])
entered = threading.Event()
def handle(batch):
    entered.set()
    threading.main_thread().join()
    print([record.event_type for record in batch], flush=True)
store.stream_all_durable("model", handle)
store.append([factstr.NewEvent(sys.argv[3], 1)])
assert entered.wait(WAIT_S)
"""
        self.prints("['a']", code, self.kind, self.place, "a")
        self.prints("['b']", code, self.kind, self.place, "b")

    def test_an_uncaught_exception_ends_the_program_as_usual(self) -> None:
        code = """
import sys
from support import opened
store = opened(*sys.argv[1:])
store.stream_all(lambda batch: None)
raise RuntimeError("mine")
"""
        done = run_program(code, self.kind, self.place)
        self.assertEqual(
            (done.stdout, done.stderr.splitlines()[-1], done.returncode),
            ("", "RuntimeError: mine", 1),
        )


class DroppedStores(ProgramCase):
    def test_a_dropped_store_warns_and_is_closed(self) -> None:
        self.prints(
            "unclosed MemoryStore() 0",
            """
import warnings
import factstr
from factstr import _capi
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    factstr.MemoryStore()
print(*(str(warning.message) for warning in caught), _capi.load().factstr_open_handles())
""",
        )

    def test_it_is_closed_also_if_warnings_are_errors(self) -> None:
        done = run_program(
            """
import factstr
from factstr import _capi
factstr.MemoryStore()
print(_capi.load().factstr_open_handles())
""",
        )
        self.assertEqual((done.stdout, done.returncode), ("0\n", 0), done.stderr)
        self.assertIn("ResourceWarning: unclosed MemoryStore()", done.stderr)


if __name__ == "__main__":
    unittest.main()
