"""Programs that use factstr.aio: their ends, their children, other loops."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import unittest
from typing import Any

import factstr
from aio_case import no_handles
from bridged import LoopThread
from factstr import _capi, aio
from programs import ProgramCase
from support import WAIT_S, fact


class Life(ProgramCase):
    def test_a_store_that_is_dropped_is_closed_with_a_warning(self) -> None:
        async def drop() -> None:
            store = await aio.SqliteStore.open(self.place)
            await store.append([fact("a")])

        with self.assertWarns(ResourceWarning):
            asyncio.run(drop())
            gc.collect()
        asyncio.run(no_handles())
        self.assertEqual(_capi.load().factstr_open_handles(), 0)

    def test_a_stream_whose_loop_ends_gives_its_batch_back(self) -> None:
        entered: list[int] = []

        async def hang(batch: factstr.Batch) -> None:
            entered.append(batch.position)
            await asyncio.Event().wait()

        async def first() -> None:
            await store.stream_all_durable("model", hang)
            await store.append([fact("a")])
            while not entered:
                await asyncio.sleep(0)

        async def second() -> None:
            await store.stream_all_durable("model", lambda batch: entered.append(batch.position))
            await store.close()

        loop = LoopThread()
        self.addCleanup(loop.close)
        store: Any = None

        async def open_() -> None:
            nonlocal store
            store = await aio.SqliteStore.open(self.place)

        asyncio.run(open_())
        asyncio.run(first())
        until = time.monotonic() + WAIT_S
        while asyncio.run(store.statistics()).streams and time.monotonic() < until:
            time.sleep(0.001)
        asyncio.run(second())
        self.assertEqual(entered, [1, 1])

    def test_a_forked_child_gets_a_fork_error_and_the_parent_goes_on(self) -> None:
        self.prints(
            "Forked Forked\nchild 0\nForked\nForked\nForked\n1",
            """
import asyncio, os, sys, warnings
import factstr
from factstr import aio
# Python 3.12 and newer warn about forks with threads, and are right.
warnings.simplefilter("ignore", DeprecationWarning)
store = asyncio.run(aio.SqliteStore.open(sys.argv[2])._opened())
asyncio.run(store.query())
child = os.fork()
if child == 0:
    def code(use):
        try:
            asyncio.run(use())
        except factstr.ForkError as error:
            return error.code
    print(code(store.query), code(store.statistics), flush=True)
    asyncio.run(store.close())
    os._exit(0)
print("child", os.waitpid(child, 0)[1], flush=True)
async def fork_inside():
    child = os.fork()
    if child == 0:  # in a copy of the loop, which asyncio does not take for a running one
        for use in (store.query, store.statistics, store.explain):
            try:
                await use()
            except factstr.ForkError as error:
                print(error.code, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
asyncio.run(fork_inside())
print(asyncio.run(store.append([factstr.NewEvent("a", 1)])).first_sequence_number)
asyncio.run(store.close())
""",
            self.kind,
            self.place,
        )

    def test_a_call_on_a_thread_of_its_own_leaves_no_thread_in_the_list(self) -> None:
        self.prints(
            "[]",
            """
import asyncio, sys, threading
from factstr import aio
async def main():
    async with aio.SqliteStore.open(sys.argv[2]) as store:
        await asyncio.gather(*[store.statistics() for _ in range(10)])
asyncio.run(main())
print([each for each in threading.enumerate() if isinstance(each, threading._DummyThread)])
""",
            self.kind,
            self.place,
        )

    def test_a_program_that_closes_nothing_ends(self) -> None:
        self.prints(
            "1",
            """
import asyncio, sys
import factstr
from factstr import aio
async def main():
    global store
    store = await aio.SqliteStore.open(sys.argv[2])
    await store.stream_all(lambda batch: None)
    print((await store.append([factstr.NewEvent("a", 1)])).first_sequence_number)
asyncio.run(main())
""",
            self.kind,
            self.place,
        )

    @unittest.skipIf(
        "FACTSTR_TEST_EMULATOR" in os.environ, "uvloop is not installed for other processors"
    )
    def test_it_runs_on_uvloop(self) -> None:
        self.prints(
            "[1, 2, 3] [1, 2, 3]",
            """
import asyncio, sys, uvloop
import factstr
from factstr import aio
async def main():
    async with aio.SqliteStore.open(sys.argv[2]) as store:
        seen = []
        async def handle(batch):
            seen.append(batch.position)
        async with await store.stream_all(handle) as subscription:
            appends = (store.append([factstr.NewEvent("a", n)]) for n in range(3))
            numbers = sorted(each.first_sequence_number for each in await asyncio.gather(*appends))
            await subscription.wait_for(3)
        print(numbers, seen)
loop = uvloop.new_event_loop()
loop.run_until_complete(main())
loop.close()
""",
            self.kind,
            self.place,
        )


if __name__ == "__main__":
    unittest.main()
