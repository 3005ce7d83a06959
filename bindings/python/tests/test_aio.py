"""factstr.aio: the calls as coroutines. The scenarios (test_scenarios.py) play them all."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
import unittest
from typing import Any

import factstr
from aio_case import AioCase, started
from bridged import LoopThread
from factstr import _capi, aio
from locks import locked
from programs import ProgramCase
from support import WAIT_S, fact, on_every_store, on_persistent_stores, opening


@on_persistent_stores
class Grouping(AioCase):
    async def test_a_thousand_awaits_are_committed_in_few_groups(self) -> None:
        with locked(self.kind, self.place) as release:
            first = started(self.store.append([fact("a")]))
            await asyncio.sleep(0)
            await self.taken()
            others = [started(self.store.append([fact("b", n)])) for n in range(1000)]
            await asyncio.sleep(0)
            release()
            appended = await asyncio.gather(first, *others)
        self.assertEqual([each.first_sequence_number for each in appended], list(range(1, 1002)))
        self.assertLess((await self.store.statistics()).groups, 10)


@on_persistent_stores
class Cancelling(AioCase):
    async def test_a_cancelled_append_that_no_group_has_taken_leaves_nothing_behind(self) -> None:
        with locked(self.kind, self.place) as release:
            first = started(self.store.append([fact("first")]))
            await asyncio.sleep(0)
            await self.taken()
            waiting = started(self.store.append([fact("cancelled")]))
            await asyncio.sleep(0)
            waiting.cancel()
            with self.assertRaises(asyncio.CancelledError) as cancelled:
                await waiting
            self.assertIsNone(aio.went_on(cancelled.exception))
            release()
            await first
        await self.store.append([fact("last")])
        self.assertEqual(await self.types(), ["first", "last"])

    async def test_a_cancelled_append_that_a_group_has_taken_says_that_it_is_committed(
        self,
    ) -> None:
        async def append() -> Any:
            try:
                await self.store.append([fact("taken")])
            except asyncio.CancelledError as cancelled:
                return aio.went_on(cancelled)

        with locked(self.kind, self.place) as release, outcome_within(WAIT_S):
            task = started(append())
            await asyncio.sleep(0)
            await self.taken()
            task.cancel()
            await asyncio.sleep(0)
            release()
            self.assertEqual(await task, factstr.AppendResult(1, 1, 1))
        self.assertEqual(await self.types(), ["taken"])

    async def test_a_cancelled_append_whose_end_takes_long_is_commit_unknown(self) -> None:
        with locked(self.kind, self.place) as release, outcome_within(0.001):
            task = started(self.store.append([fact("taken")]))
            await asyncio.sleep(0)
            await self.taken()
            task.cancel()
            with self.assertRaises(asyncio.CancelledError) as cancelled:
                await task
            self.assertIsInstance(aio.went_on(cancelled.exception), factstr.CommitUnknown)
            release()
        await self.store.append([fact("last")])
        self.assertEqual(await self.types(), ["taken", "last"])

    async def test_a_timeout_says_what_became_of_its_append(self) -> None:
        with locked(self.kind, self.place) as release, outcome_within(WAIT_S):
            task = started(asyncio.wait_for(self.store.append([fact("taken")]), 0.001))
            await self.taken()
            await asyncio.sleep(0.002)
            release()
            with self.assertRaises(asyncio.TimeoutError) as timeout:
                await task
        went_on = aio.went_on(timeout.exception)
        self.assertEqual(went_on is not None, await self.types() == ["taken"])


class outcome_within:
    """Sets how long a cancelled append waits for its outcome."""

    def __init__(self, seconds: float) -> None:
        from factstr.aio import _answers

        self.module: Any = _answers
        self.seconds = seconds

    def __enter__(self) -> None:
        self.before = self.module._OUTCOME_S
        self.module._OUTCOME_S = self.seconds

    def __exit__(self, *_: object) -> None:
        self.module._OUTCOME_S = self.before


@on_persistent_stores
class Closing(AioCase):
    async def test_calls_in_flight_are_answered_before_the_store_is_closed(self) -> None:
        with locked(self.kind, self.place) as release:
            first = started(self.store.append([fact("taken")]))
            await asyncio.sleep(0)
            await self.taken()
            queued = [started(self.store.append([fact("queued")])) for _ in range(10)]
            cursor = started(self.store.wait_for_cursor("nobody", 1))
            await asyncio.sleep(0)
            closing = started(self.store.close())
            for each in (*queued, cursor):
                with self.assertRaises(factstr.StoreClosed):
                    await each
            release()
            self.assertEqual((await first).first_sequence_number, 1)
            await closing
        with self.assertRaises(factstr.StoreClosed):
            await self.store.append([fact("late")])
        self.store = await opening(self.kind, self.place)
        self.assertEqual(await self.types(), ["taken"])

    async def test_what_no_answer_comes_for_is_commit_unknown(self) -> None:
        await self.store.close()
        self.store = await opening(self.kind, self.place, lock_ms=3_600_000, close_timeout_ms=20)
        with locked(self.kind, self.place) as release:
            first = started(self.store.append([fact("taken")]))
            await asyncio.sleep(0)
            await self.taken()
            with self.assertRaises(factstr.Timeout):
                await self.store.close()
            with self.assertRaises(factstr.CommitUnknown):
                await first
            release()
        await no_handles()


async def no_handles() -> None:
    """Waits until the library has released its handles, which nothing reports."""
    until = time.monotonic() + WAIT_S
    while _capi.load().factstr_open_handles() and time.monotonic() < until:
        await asyncio.sleep(0.001)


@on_every_store
class Loops(AioCase):
    async def test_loops_of_several_threads_use_one_store(self) -> None:
        numbers: list[int] = []

        async def append_many(caller: int) -> None:
            calls = (self.store.append([fact("a", [caller, n])]) for n in range(50))
            numbers.extend(each.first_sequence_number for each in await asyncio.gather(*calls))

        threads = [
            threading.Thread(target=lambda n=n: asyncio.run(append_many(n))) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        await append_many(4)
        for thread in threads:
            await asyncio.get_running_loop().run_in_executor(None, thread.join)
        self.assertEqual(sorted(numbers), list(range(1, 251)))

    async def test_a_loop_that_was_closed_drops_its_calls_and_the_store_goes_on(self) -> None:
        async def begin() -> None:
            self.left = [started(self.store.append([fact("left", n)])) for n in range(20)]
            await asyncio.sleep(0)

        thread = threading.Thread(target=lambda: asyncio.run(begin()))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        committed = len(await self.types())
        unsaid = [each for each in self.left if not each.cancelled()]
        self.assertEqual(unsaid, [])
        last = await self.store.append([fact("last")])
        self.assertGreater(last.first_sequence_number, committed)

    async def test_what_is_awaited_at_once_is_answered_to_whom_it_belongs(self) -> None:
        async def append_and_read(n: int) -> None:
            appended = await self.store.append([fact("a", {"n": n})])
            query = {"filters": [{"payload_predicates": [{"n": n}]}]}
            seen = await self.store.query(query)
            self.assertEqual(seen.current_context_version, appended.first_sequence_number)
            self.assertEqual([each.payload async for each in self.store.read(query)], [{"n": n}])

        await asyncio.gather(*map(append_and_read, range(100)))


@on_every_store
class Deciding(AioCase):
    async def test_decide_takes_a_plain_and_an_async_function(self) -> None:
        async def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent]:
            await asyncio.sleep(0)
            return [fact("taken", len(seen.event_records))]

        appended = await asyncio.gather(*(self.store.decide(None, decide) for _ in range(5)))
        self.assertEqual(
            sorted(each.first_sequence_number for each in appended if each), [1, 2, 3, 4, 5]
        )
        records = (await self.store.query()).event_records
        self.assertEqual([record.payload for record in records], [0, 1, 2, 3, 4])
        self.assertIsNone(await self.store.decide(None, lambda seen: None))


@on_every_store
class Handlers(AioCase):
    async def test_an_async_handler_runs_on_the_loop_one_batch_at_a_time(self) -> None:  # G17
        await self.store.append([fact("a")])
        running, loops = 0, set()
        seen: list[int] = []

        async def handle(batch: factstr.Batch) -> None:
            nonlocal running
            running += 1
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0)
            self.assertEqual(running, 1)
            seen.extend(record.sequence_number for record in batch)
            running -= 1

        async with await self.store.stream_all_durable("model", handle) as subscription:
            self.assertEqual(seen, [1])
            for _ in range(30):
                appended = await self.store.append([fact("a")])
            await subscription.wait_for(appended.last_sequence_number)
        self.assertEqual(seen, list(range(1, 32)))
        self.assertEqual(loops, {asyncio.get_running_loop()})
        self.assertTrue(subscription.closed)

    async def test_a_handler_that_fails_ends_a_durable_stream_and_gets_its_batch_again(
        self,
    ) -> None:  # G21
        await self.store.append([fact("a")])

        async def refuse(batch: factstr.Batch) -> None:
            raise RuntimeError("no")

        async def return_false(batch: factstr.Batch) -> bool:
            return False

        for handler in (refuse, return_false):
            with self.assertLogs("factstr", "WARNING"), self.assertRaises(factstr.HandlerFailed):
                await self.store.stream_all_durable("model", handler)
        seen: list[int] = []
        subscription = await self.store.stream_all_durable(
            "model", lambda batch: seen.append(batch.position)
        )
        self.assertEqual(seen, [1])
        await subscription.close()

    async def test_a_handler_may_call_the_store_and_close_it(self) -> None:
        closed = asyncio.Event()

        async def handle(batch: factstr.Batch) -> None:
            self.assertEqual(len(await self.types()), 1)
            await asyncio.gather(self.store.close())  # in a task of its own, too
            closed.set()

        subscription = await self.store.stream_all(handle)
        await self.store.append([fact("a")])
        await asyncio.wait_for(closed.wait(), WAIT_S)
        self.assertTrue(await subscription.wait(WAIT_S))

    async def test_close_waits_for_a_running_handler(self) -> None:
        entered, leave, left = asyncio.Event(), asyncio.Event(), False

        async def handle(batch: factstr.Batch) -> None:
            nonlocal left
            entered.set()
            await leave.wait()
            left = True

        subscription = await self.store.stream_all(handle)
        await self.store.append([fact("a")])
        await entered.wait()
        subscription.unsubscribe()
        closing = started(subscription.close())
        await asyncio.sleep(0)
        self.assertFalse(closing.done())
        leave.set()
        await closing
        self.assertTrue(left)

    async def test_a_cancelled_registration_ends_its_stream_and_frees_the_name(self) -> None:
        await self.store.append([fact("a")])
        entered, leave = asyncio.Event(), asyncio.Event()

        async def handle(batch: factstr.Batch) -> None:
            entered.set()
            await leave.wait()

        registering = started(self.store.stream_all_durable("model", handle))
        await entered.wait()
        registering.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await registering
        leave.set()
        seen: list[int] = []
        again = await self.store.stream_all_durable("model", lambda b: seen.append(b.position))
        await again.close()
        self.assertEqual(seen, [1])

    async def test_a_handler_that_awaits_what_is_cancelled_has_failed(self) -> None:
        async def handle(batch: factstr.Batch) -> None:
            gone = started(asyncio.sleep(WAIT_S))
            gone.cancel()
            await gone

        subscription = await self.store.stream_all_durable("model", handle)
        with self.assertLogs("factstr", "WARNING"):
            await self.store.append([fact("a")])
            self.assertTrue(await subscription.wait(WAIT_S))
        self.assertIsInstance(
            subscription.error, (factstr.HandlerFailed, factstr.Cancelled), subscription.error
        )


@on_every_store
class Loop(AioCase):
    async def test_a_loop_takes_batches_and_asking_for_the_next_acknowledges(self) -> None:
        for n in range(3):
            await self.store.append([fact("a", n)])
        seen = []
        batches = self.store.stream(durable="model")  # leaving the loop closes it all the same
        async for batch in batches:
            seen.append(batch.position)
            if batch.position == 2:
                break
        self.assertEqual(seen, [1, 2])
        async for batch in self.store.stream(durable="model"):
            seen.append(batch.position)
            if batch.position == 3:
                batch.ack()
                break
        self.assertEqual(seen, [1, 2, 2, 3])

    async def test_a_step_that_was_cancelled_loses_no_batch(self) -> None:
        async with self.store.stream() as batches:
            for n in range(1, 4):
                step = started(batches.__anext__())
                await asyncio.sleep(0.001)
                step.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await step
                await self.store.append([fact("a", n)])
                batch = await asyncio.wait_for(batches.__anext__(), WAIT_S)
                self.assertEqual(batch.position, n)
        self.assertTrue(batches.closed)
        self.assertEqual([batch async for batch in batches], [])

    async def test_the_end_of_its_store_ends_a_loop_with_the_reason(self) -> None:
        async def take() -> list[int]:
            return [batch.position async for batch in self.store.stream(after=0)]

        await self.store.append([fact("a")])
        taking = started(take())
        while not (await self.store.statistics()).streams:
            await asyncio.sleep(0)
        await self.store.close()
        with self.assertRaises(factstr.StoreClosed):
            await asyncio.wait_for(taking, WAIT_S)

    async def test_bad_arguments_are_refused_as_by_the_other_calls(self) -> None:
        for bad in ({"after": "1"}, {"durable": 1}):
            with self.assertRaises(factstr.InvalidArgument):
                self.store.stream(**bad)
        both = self.store.stream(after=1, durable="model")
        with self.assertRaises(factstr.InvalidArgument):
            await both.__anext__()
        with self.assertRaises(factstr.InvalidArgument):
            await self.store.stream_all(None)


class Surface(unittest.TestCase):
    def test_it_has_every_method_of_the_other_stores_with_the_same_parameters(self) -> None:
        for name in ("Store", "Subscription", "Batches", "Reading"):
            theirs, ours = getattr(factstr, name, None), getattr(aio, name)
            if theirs is None:
                continue
            for method, function in inspect.getmembers(theirs, inspect.isfunction):
                if method.startswith("_"):
                    continue
                mine = getattr(ours, method, None)
                self.assertIsNotNone(mine, f"aio.{name} has no {method}")
                self.assertEqual(
                    list(inspect.signature(function).parameters),
                    list(inspect.signature(mine).parameters),  # type: ignore[arg-type]
                    f"{name}.{method}",
                )


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
            "Forked Forked\nchild 0\n1",
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
print(asyncio.run(store.append([factstr.NewEvent("a", 1)])).first_sequence_number)
asyncio.run(store.close())
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
