"""What becomes of a store when its process forks, is interrupted, or ends, and when several
processes have it open.
"""

from __future__ import annotations

import unittest

import server
from support import ProgramCase, on_persistent_stores, opened, run_program, run_together

# Sends SIGINT to the process as soon as a condition holds that says that its main thread waits for
# the library.
INTERRUPT = """
import os, signal, sys, threading, time
import factstr
from factstr import _capi
from support import locked, opened

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


@on_persistent_stores
class Fork(ProgramCase):
    def test_a_forked_child_gets_a_fork_error_and_the_parent_goes_on(self) -> None:
        self.prints(
            "Forked Forked Forked Forked Forked\nchild 0\n1",
            """
import os, sys, warnings
import factstr
from support import opened
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and newer warn of forks with threads, and are right
store = opened(*sys.argv[1:])
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
    uses = (lambda: store.append([event])), store.query, subscription.wait, subscription.progress, factstr.MemoryStore
    print(*map(code, uses), flush=True)
    subscription.unsubscribe()
    subscription.close()
    store.close()
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
store.close()
""",
            self.kind,
            self.place,
        )

    def test_a_child_that_was_forked_before_the_first_store_works(self) -> None:
        self.prints(
            "1\nchild 0\n2",
            """
import os, sys
import factstr
from support import opened
child = os.fork()
if child == 0:
    with opened(*sys.argv[1:]) as store:
        print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number, flush=True)
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
with opened(*sys.argv[1:]) as store:
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )

    def test_a_forked_child_exits_normally_and_closes_nothing_of_the_parent(self) -> None:
        self.prints(
            "child 0\n1",
            """
import os, sys, warnings
import factstr
from support import opened
warnings.simplefilter("ignore", DeprecationWarning)
store = opened(*sys.argv[1:])
store.stream_all(lambda batch: None)
child = os.fork()
if child == 0:
    sys.exit()
print("child", os.waitpid(child, 0)[1])
print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )

    def test_subprocess_and_spawn_work_beside_an_open_store(self) -> None:
        self.prints(
            "hello\n1",
            """
import subprocess, sys
import factstr
from support import opened
with opened(*sys.argv[1:]) as store:
    subprocess.run([sys.executable, "-c", "print('hello')"], check=True)
    print(store.append([factstr.NewEvent("a", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )


@on_persistent_stores
class ControlC(ProgramCase):
    def test_it_ends_a_wait_for_an_append(self) -> None:
        # The group has taken the append by then, so it may still be committed.
        self.prints(
            "interrupted at once: True\nTrue\n1",
            INTERRUPT
            + """
store = opened(*sys.argv[1:], lock_ms=3_600_000)
with locked(*sys.argv[1:]) as release:
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
            self.kind,
            self.place,
        )

    def test_an_append_that_waits_behind_others_is_given_up(self) -> None:
        self.prints(
            "interrupted\n['first', 'last']",
            INTERRUPT
            + """
store = opened(*sys.argv[1:], lock_ms=3_600_000)
with locked(*sys.argv[1:]) as release:
    first = threading.Thread(target=store.append, args=([factstr.NewEvent("first", 1)],))
    first.start()
    while not inside("answer", first.ident):
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
            self.kind,
            self.place,
        )

    def test_it_ends_a_wait_for_a_replay(self) -> None:
        self.prints(
            "interrupted\n1",
            INTERRUPT
            + """
store = opened(*sys.argv[1:])
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
            self.kind,
            self.place,
        )

    def test_it_ends_a_wait_for_handlers_and_the_store_is_closed_all_the_same(self) -> None:
        for register in ("store.stream_all_durable('model', handle)", "store.stream_all(handle)"):
            self.place = self.new_place()
            with self.subTest(register):
                self.interrupt_closing(register)

    def interrupt_closing(self, register: str) -> None:
        self.prints(
            "interrupted True\n0\n[1]",
            INTERRUPT
            + f"def register(store, handle): {register}\n"
            + """
store = opened(*sys.argv[1:], close_timeout_ms=-1)
entered, leave = threading.Event(), threading.Event()
def handle(batch):
    entered.set()
    leave.wait()
register(store, handle)
store.append([factstr.NewEvent("a", 1)])
entered.wait()
interrupt_when(lambda: inside("close") and (inside("wait") or inside("has_handled")))
try:
    store.close()
except KeyboardInterrupt:
    print("interrupted", store.closed)
leave.set()
until = time.monotonic() + 10
while open_handles() and time.monotonic() < until:
    time.sleep(0.01)
print(open_handles())
with opened(*sys.argv[1:]) as store:
    print([record.sequence_number for record in store.query().event_records])
    store.stream_all_durable("model", lambda batch: None)
""",
            self.kind,
            self.place,
        )


class ControlCWhileOpening(ProgramCase):
    def test_it_ends_a_wait_for_the_lock_of_a_file(self) -> None:
        # Opening writes, and so waits for the lock, when the tables are not there yet.
        self.prints(
            "interrupted at once: True\n1",
            INTERRUPT
            + """
with locked(*sys.argv[1:]) as release:
    interrupt_when(lambda: inside("interruptible"))
    begun = time.monotonic()
    try:
        opened(*sys.argv[1:], lock_ms=3_600_000)
        print("opening did not wait")
    except KeyboardInterrupt:
        print("interrupted at once:", time.monotonic() - begun < 5)
    release()
with opened(*sys.argv[1:]) as store:
    print(store.append([factstr.NewEvent("b", 1)]).first_sequence_number)
""",
            self.kind,
            self.place,
        )

    def test_it_ends_a_wait_for_a_server_that_does_not_answer(self) -> None:
        with server.pretended(server.say_nothing) as address:
            self.prints(
                "interrupted at once: True\n0",
                INTERRUPT
                + """
interrupt_when(lambda: inside("interruptible"))
begun = time.monotonic()
try:
    factstr.PostgresStore(f"postgres://{sys.argv[1]}/facts", connect_timeout_ms=3_600_000)
    print("opening did not wait")
except KeyboardInterrupt:
    print("interrupted at once:", time.monotonic() - begun < 5)
print(open_handles())
""",
                address,
            )


@on_persistent_stores
class InterpreterExit(ProgramCase):
    def test_open_streams_and_stores_do_not_hold_or_crash_the_exit(self) -> None:
        self.prints(
            "handled",
            """
import sys, threading
import factstr
from support import opened
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
assert handled.wait(10)
""",
            self.kind,
            self.place,
        )

    def test_what_a_handler_handles_while_the_interpreter_exits_does_not_come_again(
        self,
    ) -> None:  # G23
        code = """
import sys, threading
import factstr
from support import opened
store = opened(*sys.argv[1:3])
entered = threading.Event()
def handle(batch):
    entered.set()
    threading.main_thread().join()
    print([record.event_type for record in batch], flush=True)
store.stream_all_durable("model", handle)
store.append([factstr.NewEvent(sys.argv[3], 1)])
assert entered.wait(10)
"""
        self.prints("['a']", code, self.kind, self.place, "a")
        self.prints("['b']", code, self.kind, self.place, "b")

    def test_an_exception_that_nobody_catches_ends_the_program_as_ever(self) -> None:
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

    def test_it_is_closed_too_where_warnings_are_errors(self) -> None:
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


@on_persistent_stores
class ManyProcesses(ProgramCase):
    def test_no_append_of_racing_processes_misses_a_fact_of_its_context(self) -> None:  # G2 G9 G11
        code = """
import sys
import factstr
from support import begin, opened
kind, place, wins = sys.argv[1], sys.argv[2], int(sys.argv[3])
context = {"filters": [{"event_types": ["Step"]}]}
with opened(kind, place) as store:
    begin()
    while wins:
        seen = store.query({**context, "limit": 0}).current_context_version
        try:
            store.append_if([factstr.NewEvent("Step", {"after": seen}), factstr.NewEvent("Other", None)], context, seen)
            wins -= 1
        except factstr.ConditionalAppendConflict as conflict:
            assert conflict.actual_context_version != seen
"""
        processes, wins = 4, 25
        self.assertEqual(
            run_together(code, *[(self.kind, self.place, wins)] * processes), [""] * processes
        )
        with opened(self.kind, self.place) as store:
            records = store.query().event_records
        self.assertEqual(
            [record.sequence_number for record in records], list(range(1, 2 * processes * wins + 1))
        )
        steps = [record for record in records if record.event_type == "Step"]
        self.assertEqual(
            [step.payload["after"] for step in steps],
            [None, *(step.sequence_number for step in steps[:-1])],
        )


if __name__ == "__main__":
    unittest.main()
