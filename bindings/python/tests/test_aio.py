"""factstr.aio: the calls as coroutines. The scenarios (test_scenarios.py) play them all."""

from __future__ import annotations

import asyncio
import inspect
import threading
import unittest
from typing import Any

import factstr
from aio_case import AioCase, no_handles, started
from factstr import _reading, aio
from locks import locked
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


class Surface(unittest.TestCase):
    def test_it_has_every_method_of_the_other_stores_with_the_same_parameters(self) -> None:
        for theirs, ours in (
            (factstr.Store, aio.Store),
            (factstr.Subscription, aio.Subscription),
            (factstr.Batches, aio.Batches),
            (_reading.Reading, aio.Reading),
        ):
            for method, function in inspect.getmembers(theirs, inspect.isfunction):
                if method.startswith("_"):
                    continue
                mine = getattr(ours, method, None)
                self.assertIsNotNone(mine, f"aio.{ours.__name__} has no {method}")
                self.assertEqual(
                    list(inspect.signature(function).parameters),
                    list(inspect.signature(mine).parameters),  # type: ignore[arg-type]
                    f"{ours.__name__}.{method}",
                )


if __name__ == "__main__":
    unittest.main()
