"""What becomes of a store when its process forks, is interrupted, or ends."""

from __future__ import annotations

import unittest

from support import ProgramCase, run_program

# Sends SIGINT to the process as soon as a condition holds that says that its main thread waits for the library.
INTERRUPT = """
import os, signal, sys, threading, time
import factstr
from factstr import _capi

def interrupt_when(condition):
    def watch():
        while not condition():
            os.sched_yield()
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=watch, daemon=True).start()

def open_handles():
    return _capi.load().factstr_open_handles()

def inside(function, thread=threading.main_thread().ident):
    frame = sys._current_frames()[thread]
    while frame is not None and frame.f_code.co_name != function:
        frame = frame.f_back
    return frame is not None
"""


class Fork(ProgramCase):
    def test_a_forked_child_gets_a_fork_error_and_the_parent_goes_on(self) -> None:
        self.prints(
            "Forked Forked Forked Forked\nchild 0\n1",
            """
import os, sys, warnings
import factstr
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and newer warn of forks with threads, and are right
store = factstr.SqliteStore(sys.argv[1])
subscription = store.stream_all(lambda batch: None)
child = os.fork()
if child == 0:
    def code(use):
        try:
            use()
        except factstr.ForkError as error:
            assert "spawn" in error.message and "forkserver" in error.message
            return error.code
    event = factstr.NewEvent("a", 1)
    print(code(lambda: store.append([event])), code(store.query), code(subscription.wait), code(factstr.MemoryStore), flush=True)
    subscription.unsubscribe()
    subscription.close()
    store.close()
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
store.close()
""",
            self.folder / "facts.db",
        )

    def test_a_child_that_was_forked_before_the_first_store_works(self) -> None:
        self.prints(
            "1\nchild 0\n2",
            """
import os, sys
import factstr
child = os.fork()
if child == 0:
    with factstr.SqliteStore(sys.argv[1]) as store:
        print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number, flush=True)
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
with factstr.SqliteStore(sys.argv[1]) as store:
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.folder / "facts.db",
        )

    def test_a_forked_child_exits_normally(self) -> None:
        self.prints(
            "child 0",
            """
import os, sys, warnings
import factstr
warnings.simplefilter("ignore", DeprecationWarning)
store = factstr.MemoryStore()
store.stream_all(lambda batch: None)
child = os.fork()
if child == 0:
    sys.exit()
print("child", os.waitpid(child, 0)[1])
""",
        )

    def test_subprocess_and_spawn_work_beside_an_open_store(self) -> None:
        self.prints(
            "hello\n1",
            """
import subprocess, sys
import factstr
with factstr.MemoryStore() as store:
    subprocess.run([sys.executable, "-c", "print('hello')"], check=True)
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
        )


class ControlC(ProgramCase):
    def test_it_ends_a_wait_for_an_append(self) -> None:
        # The group has taken the append by then, so it may still be committed.
        self.prints(
            "interrupted at once: True\nTrue\n1",
            INTERRUPT
            + """
from pathlib import Path
from support import locked
store = factstr.SqliteStore(sys.argv[1], busy_timeout_ms=3_600_000)
with locked(Path(sys.argv[1])) as release:
    interrupt_when(lambda: open_handles() == 2)  # the store and the request
    begun = time.monotonic()
    try:
        store.append([factstr.NewEvent("a", 1)])
    except KeyboardInterrupt:
        print("interrupted at once:", time.monotonic() - begun < 5)
    release()
print(store.append([factstr.NewEvent("b", 1)]).first_sequence_number in (1, 2))
store.query()
print(open_handles())
store.close()
""",
            self.folder / "facts.db",
        )

    def test_an_append_that_waits_behind_others_is_given_up(self) -> None:
        self.prints(
            "interrupted\n['first', 'last']",
            INTERRUPT
            + """
from pathlib import Path
from support import locked
store = factstr.SqliteStore(sys.argv[1], busy_timeout_ms=3_600_000)
with locked(Path(sys.argv[1])) as release:
    first = threading.Thread(target=store.append, args=([factstr.NewEvent("first", 1)],))
    first.start()
    while not inside("_answer", first.ident):
        os.sched_yield()
    for _ in range(100):
        store.query()  # meanwhile the first append has come to wait for the lock
    interrupt_when(lambda: open_handles() == 2)
    try:
        store.append([factstr.NewEvent("interrupted", 1)])
    except KeyboardInterrupt:
        print("interrupted")
    release()
store.append([factstr.NewEvent("last", 1)])
print([record.event_type for record in store.query().event_records])
first.join()
store.close()
""",
            self.folder / "facts.db",
        )

    def test_it_ends_a_wait_for_opening(self) -> None:
        # Opening writes, and so waits for the lock, when the tables are not there yet.
        self.prints(
            "interrupted at once: True\n1",
            INTERRUPT
            + """
from pathlib import Path
from support import locked
with locked(Path(sys.argv[1])) as release:
    interrupt_when(lambda: inside("interruptible"))
    begun = time.monotonic()
    try:
        factstr.SqliteStore(sys.argv[1], busy_timeout_ms=3_600_000)
        print("opening did not wait")
    except KeyboardInterrupt:
        print("interrupted at once:", time.monotonic() - begun < 5)
    release()
with factstr.SqliteStore(sys.argv[1]) as store:
    print(store.append([factstr.NewEvent("b", 1)]).first_sequence_number)
""",
            self.folder / "facts.db",
        )

    def test_it_ends_a_wait_for_a_replay(self) -> None:
        self.prints(
            "interrupted\n1",
            INTERRUPT
            + """
store = factstr.MemoryStore()
store.append([factstr.NewEvent("a", 1)])
leave = threading.Event()
interrupt_when(lambda: inside("_wait_ready"))
try:
    store.stream_all_durable("model", lambda batch: leave.wait())
except KeyboardInterrupt:
    print("interrupted")
leave.set()
store.stream_all_durable("model", lambda batch: print(batch[0].sequence_number))
store.close()
""",
        )


class InterpreterExit(ProgramCase):
    def test_open_streams_and_stores_do_not_hold_or_crash_the_exit(self) -> None:
        self.prints(
            "handled",
            """
import sys, threading
import factstr
store = factstr.SqliteStore(sys.argv[1])
handled = threading.Event()
def handle(batch):
    print("handled", flush=True)
    handled.set()
store.stream_all_durable("model", handle)
streams = [store.stream_all(lambda batch: batch) for _ in range(20)]
memory = factstr.MemoryStore()
memory.stream_all(print)
store.append([factstr.NewEvent("a", 1)])
assert handled.wait(10)
""",
            self.folder / "facts.db",
        )

    def test_what_a_handler_handles_while_the_interpreter_exits_does_not_come_again(self) -> None:  # G23
        code = """
import sys, threading
import factstr
store = factstr.SqliteStore(sys.argv[1])
entered = threading.Event()
def handle(batch):
    entered.set()
    threading.main_thread().join()
    print([record.event_type for record in batch], flush=True)
store.stream_all_durable("model", handle)
store.append([factstr.NewEvent(sys.argv[2], 1)])
assert entered.wait(10)
"""
        self.prints("['a']", code, self.folder / "facts.db", "a")
        self.prints("['b']", code, self.folder / "facts.db", "b")

    def test_an_exception_that_nobody_catches_ends_the_program_as_ever(self) -> None:
        done = run_program("""
import factstr
store = factstr.MemoryStore()
store.stream_all(lambda batch: None)
raise RuntimeError("mine")
""")
        self.assertEqual((done.stdout, done.stderr.splitlines()[-1], done.returncode), ("", "RuntimeError: mine", 1))

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


if __name__ == "__main__":
    unittest.main()
