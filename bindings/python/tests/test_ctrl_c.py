"""Ctrl-C ends every wait."""

from __future__ import annotations

import signal
import unittest
from collections.abc import Callable

import factstr
import pretended
from factstr._requests import Call
from programs import ProgramCase, run_program
from support import StoreCase, fact, on_persistent_stores, opened

# Sends SIGINT to the process as soon as a condition holds by which the main thread must be waiting
# for the library.
INTERRUPT = """
import os, signal, sys, threading, time
import factstr
from factstr import _capi
from locks import locked
from support import opened

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
        store.query()  # by then the first append waits for the lock
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
    time.sleep(0.01)  # a thread of the library releases the handles, and nothing reports when
print(open_handles())
with opened(*sys.argv[1:]) as store:
    print([record.sequence_number for record in store.query().event_records])
    store.stream_all_durable("model", lambda batch: None)
""",
            self.kind,
            self.place,
        )


SLOW = """
store = opened(*sys.argv[1:], close_timeout_ms=3_600_000)
entered = threading.Event()
def handle(batch):
    entered.set()
    time.sleep(3_600)
def wait_for_ctrl_c():
    store.append([factstr.NewEvent("a", 1)])
    entered.wait()
    interrupt_when(lambda: True)
    time.sleep(3_600)
"""


class ControlCWithASlowHandler(ProgramCase):
    """A program that waited for the handler would be killed by its time limit."""

    def ends(self, code: str) -> None:
        done = run_program(INTERRUPT + SLOW + code, self.kind, self.place)
        self.assertIn("KeyboardInterrupt", done.stderr)
        self.assertEqual(done.returncode, -signal.SIGINT, done.stderr)
        with opened(self.kind, self.place) as store:
            self.assertEqual([batch.position for batch in read_all(store, "model")], [1])

    def test_it_ends_a_program_that_closes_nothing(self) -> None:
        self.ends("store.stream_all_durable('model', handle)\nwait_for_ctrl_c()")

    def test_it_ends_a_block_of_a_store(self) -> None:
        self.ends("with store:\n store.stream_all_durable('model', handle)\n wait_for_ctrl_c()")

    def test_it_ends_a_block_of_a_subscription(self) -> None:
        self.ends("with store.stream_all_durable('model', handle): wait_for_ctrl_c()")

    def test_it_ends_a_program_on_asyncio(self) -> None:
        self.ends(
            """
import asyncio
store.close()
async def handle(batch):
    interrupt_when(lambda: True)
    await asyncio.sleep(3_600)
async def main():
    from factstr import aio
    opening = aio.SqliteStore.open(sys.argv[2], close_timeout_ms=3_600_000)
    async with opening as store, await store.stream_all_durable("model", handle):
        await store.append([factstr.NewEvent("a", 1)])
        await asyncio.sleep(3_600)
asyncio.run(main())
"""
        )


def read_all(store: factstr.Store, name: str) -> list[factstr.Batch]:
    batches: list[factstr.Batch] = []
    store.stream_all_durable(name, batches.append).close()
    return batches


class TheMainThread(StoreCase):
    def test_it_makes_calls_without_a_detour_while_nobody_is_in_the_way(self) -> None:
        store, submitted = self.store, 0

        def counted(submit: Callable[..., int]) -> Callable[..., int]:
            def count(*arguments: object) -> int:
                nonlocal submitted
                submitted += 1
                return submit(*arguments)

            return count

        for name in ("_append", "_append_if", "_append_when", "_query"):
            call: Call = getattr(store, name)
            setattr(store, name, call._replace(submit=counted(call.submit)))
        for n in range(50):
            store.append([fact("a", n)])
            seen = store.query({"filters": [{"payload_predicates": [n]}]})
            store.append_if([fact("b", n)], {"limit": 1}, seen.current_context_version)
            store.append_when([fact("c", n)], [{"fail_if_events_match": {}, "after": 3 * n + 2}])
        with self.assertRaises(factstr.ConditionalAppendConflict):
            store.append_if([fact("d")], {}, 1)
        self.assertEqual(store.statistics().head, 150)
        self.assertLess(submitted, 20, "of 201 calls; the store itself may be in the way of a few")


class ControlCWhileOpening(ProgramCase):
    def test_it_ends_a_wait_for_the_lock_of_a_file(self) -> None:
        # Opening a new database creates the tables, for which it needs the lock.
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
        with pretended.listening(pretended.say_nothing) as address:
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


if __name__ == "__main__":
    unittest.main()
