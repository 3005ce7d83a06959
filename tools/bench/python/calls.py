"""The Python half of the bench:
python3 calls.py STORE PATH CALL BATCH CALLERS PAYLOAD_BYTES SECONDS EVENTS

tools/bench/c/calls.c says what the arguments mean. STORE may also be sqlite3, psycopg or
eventsourcing, see handmade.py, and PATH is a schema of DATABASE_URL for postgres and psycopg. CALL
is also fill, which fills a log with EVENTS facts, and what awaited.py measures under asyncio.
"""

import asyncio
import os
import random
import statistics
import sys
import threading
import time
from typing import Any

import awaited
from handmade import Fact, account_id, open_handmade

TYPES = 10
FACTS_OF_ACCOUNT = 100
TIMED_MAX = 300
FILL_BATCH = 1000


class Ours:
    """The calls of the bench on a store of FACTSTR."""

    def __init__(self, name: str, path: str) -> None:
        import factstr

        limit = 8_000_000_000
        self.store: factstr.Store
        if name == "memory":
            self.store = factstr.MemoryStore(result_bytes_max=limit)
        elif name == "sqlite":
            self.store = factstr.SqliteStore(path, result_bytes_max=limit)
        else:
            url = os.environ["DATABASE_URL"]
            self.store = factstr.PostgresStore(url, schema=path, result_bytes_max=limit)

    @staticmethod
    def context(account: int, type_: int | None) -> Any:
        context: dict[str, Any] = {"payload_predicates": [{"accountId": account_id(account)}]}
        if type_ is not None:
            context["event_types"] = [f"type-{type_}"]
        return {"filters": [context]}

    def append(self, facts: list[Fact]) -> None:
        self.store.append([{"event_type": kind, "payload": payload} for kind, payload in facts])

    def newest(self, account: int) -> int | None:
        query: Any = {**self.context(account, None), "limit": 1}
        return self.store.query(query).current_context_version

    def read(self, account: int, type_: int) -> tuple[int, int | None]:
        result = self.store.query(self.context(account, type_))
        return len(result.event_records), result.current_context_version

    def append_if(
        self, facts: list[Fact], account: int, type_: int | None, version: int | None
    ) -> int:
        events: Any = [{"event_type": kind, "payload": payload} for kind, payload in facts]
        answer = self.store.append_if(events, self.context(account, type_), version)
        return answer.last_sequence_number

    def read_all(self) -> int:
        return len(self.store.query().event_records)

    def replay(self) -> int:
        count = 0

        def handle(batch: Any) -> None:
            nonlocal count
            count += len(batch)

        self.store.stream_all_durable(f"replay-python-{time.time_ns()}", handle).close()
        return count

    def close(self) -> None:
        self.store.close()


class Bench:
    def __init__(self, arguments: list[str]) -> None:
        self.name, self.path, self.call = arguments[:3]
        self.batch, self.callers, self.payload_bytes = (int(text) for text in arguments[3:6])
        self.seconds, self.events = float(arguments[6]), int(arguments[7])
        self.accounts = max(1, self.events // FACTS_OF_ACCOUNT)
        self.store: Any = None

    def open(self) -> None:
        ours = self.name in ("memory", "sqlite", "postgres")
        self.store = Ours(self.name, self.path) if ours else open_handmade(self.name, self.path)

    def fact(self, type_: int, account: int) -> Fact:
        text = account_id(account)
        around = len('{"accountId":"","filler":""}') + len(text)
        filler = "x" * max(0, self.payload_bytes - around)
        return f"type-{type_ % TYPES}", {"accountId": text, "filler": filler}

    def facts(self, n: int, account: int) -> list[Fact]:
        return [self.fact(n + i, account) for i in range(self.batch)]

    def call_once(self, n: int, caller: int, version: int | None) -> int | None:
        if self.call == "append":
            self.store.append(self.facts(n, n % 1000))
            return None
        account = caller
        if self.call == "decide-fresh":
            account = 1_000_000 + n
        elif self.call == "decide-existing":
            account = n % 100
        if self.call != "conditional":
            version = self.store.newest(account)
        appended: int = self.store.append_if(self.facts(n, account), account, None, version)
        return appended

    def rate_of_callers(self) -> float:
        start = time.perf_counter()
        counts = [0] * self.callers

        def call_until_end(caller: int) -> None:
            version = None
            while time.perf_counter() < start + self.seconds:
                version = self.call_once(counts[caller], caller, version)
                counts[caller] += 1

        if self.callers == 1:
            call_until_end(0)
        else:
            callers = [
                threading.Thread(target=call_until_end, args=(i,)) for i in range(self.callers)
            ]
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
        return sum(counts) * self.batch / (time.perf_counter() - start)

    def timed(self) -> float:
        times: list[float] = []
        # Queries that do not count, while the store reads what its index does not cover yet.
        warm = time.perf_counter() + self.seconds
        while time.perf_counter() < warm:
            self.store.read(random.randrange(self.accounts), random.randrange(TYPES))
        end = time.perf_counter() + self.seconds
        while len(times) < TIMED_MAX and (not times or time.perf_counter() < end):
            account, type_ = random.randrange(self.accounts), random.randrange(TYPES)
            begun = time.perf_counter()
            found, version = self.store.read(account, type_)
            if found < FACTS_OF_ACCOUNT // TYPES:
                raise RuntimeError(f"a query found {found} facts")
            if self.call == "select-append":
                begun = time.perf_counter()
                self.store.append_if([self.fact(type_, account)], account, type_, version)
            times.append((time.perf_counter() - begun) * 1e6)
        return statistics.median(times)

    def fill(self) -> int:
        for start in range(0, self.events, FILL_BATCH):
            numbers = range(start, min(self.events, start + FILL_BATCH))
            self.store.append([self.fact(n // self.accounts, n % self.accounts) for n in numbers])
        return self.events

    def figure(self) -> float:
        if self.call in awaited.CALLS:
            measure = awaited.CALLS[self.call]
            return asyncio.run(
                measure(
                    awaited.Run(
                        self.name, self.path, self.callers, self.seconds, self.events, self.fact
                    )
                )
            )
        self.open()
        try:
            return self.figure_of_calls()
        finally:
            self.store.close()

    def figure_of_calls(self) -> float:
        if self.call in ("select", "select-append"):
            return self.timed()
        whole = {"query-all": "read_all", "replay": "replay"}
        if self.call != "fill" and self.call not in whole:
            return self.rate_of_callers()
        work = self.fill if self.call == "fill" else getattr(self.store, whole[self.call])
        start = time.perf_counter()
        count: int = work()
        return count / (time.perf_counter() - start)


def main() -> None:
    print(Bench(sys.argv[1:]).figure())


if __name__ == "__main__":
    main()
