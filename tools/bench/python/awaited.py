"""What the bench measures under asyncio: appends that are awaited at the same time, a stream that
`async for` takes, and decisions at once on one stock.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handmade import Fact, account_id, open_handmade

if TYPE_CHECKING:
    import factstr.aio

PIECES = 50


@dataclass
class Run:
    name: str
    path: str
    callers: int
    seconds: float
    events: int
    fact: Callable[[int, int], Fact]  # of a type and an account

    def open(self) -> factstr.aio.Opening[Any]:
        import factstr.aio

        if self.name == "memory":
            return factstr.aio.MemoryStore.open()
        if self.name == "sqlite":
            return factstr.aio.SqliteStore.open(self.path)
        return factstr.aio.PostgresStore.open(os.environ["DATABASE_URL"], schema=self.path)

    def input(self, type_: int, account: int) -> Any:
        kind, payload = self.fact(type_, account)
        return {"event_type": kind, "payload": payload}


async def awaits(run: Run) -> float:
    """Facts a second of so many callers that each append, await, and append again. What has no
    calls to await gets a thread that makes them one after the other.
    """
    if run.name in ("memory", "sqlite", "postgres"):
        async with run.open() as store:
            return await rate(run, lambda n, caller: store.append([run.input(n, caller)]))
    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        handmade = await loop.run_in_executor(thread, open_handmade, run.name, run.path)
        try:
            return await rate(
                run,
                lambda n, caller: loop.run_in_executor(
                    thread, handmade.append, [run.fact(n, caller)]
                ),
            )
        finally:
            await loop.run_in_executor(thread, handmade.close)


async def rate(run: Run, append: Callable[[int, int], Awaitable[Any]]) -> float:
    start, calls = time.perf_counter(), 0

    async def call_until_end(caller: int) -> None:
        nonlocal calls
        while time.perf_counter() < start + run.seconds:
            await append(calls, caller)
            calls += 1

    await asyncio.gather(*(call_until_end(caller) for caller in range(run.callers)))
    return calls / (time.perf_counter() - start)


async def replay_iterated(run: Run) -> float:
    async with run.open() as store:
        start, count = time.perf_counter(), 0
        async for batch in store.stream(durable=f"replay-python-{time.time_ns()}"):
            count += len(batch)
            if count >= run.events:
                break
        return count / (time.perf_counter() - start)


async def sell_out(run: Run) -> float:
    """Decisions a second of callers at once on a stock of 50, one stock after the other. Each gets a
    piece or learns that all are sold; one that gives up ends the program.
    """
    async with run.open() as store:
        start, stocks = time.perf_counter(), 0
        while not stocks or time.perf_counter() < start + run.seconds:
            context: Any = {
                "filters": [{"payload_predicates": [{"accountId": account_id(stocks)}]}]
            }
            piece = run.input(0, stocks)

            def sell(seen: Any, piece: Any = piece) -> Any:
                return [piece] if len(seen.event_records) < PIECES else []

            bought = await asyncio.gather(
                *(store.decide(context, sell) for _ in range(run.callers))
            )
            sold = sum(result is not None for result in bought)
            if sold != PIECES:
                raise RuntimeError(f"{sold} of {PIECES} pieces were sold")
            stocks += 1
        return stocks * run.callers / (time.perf_counter() - start)


CALLS: dict[str, Callable[[Run], Coroutine[Any, Any, float]]] = {
    "awaits": awaits,
    "replay-iterated": replay_iterated,
    "sell-out": sell_out,
}
