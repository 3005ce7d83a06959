"""The parts of docs/python.md, each run as a test."""

import asyncio
import json
import sqlite3
import tempfile
import unittest
from pathlib import Path
from typing import Any

import factstr
from factstr import aio


# region decide
class TooLittle(Exception):
    """The account does not hold that much."""


def withdraw(store: factstr.Store, account: str, amount: int) -> int | None:
    """Withdraws if the balance allows it, whoever else deposits and withdraws at the same time."""

    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent]:
        balance = sum(
            record.payload["amount"] * (1 if record.event_type == "Deposited" else -1)
            for record in seen.event_records
        )
        if balance < amount:
            raise TooLittle(f"account {account} holds {balance}")
        return [factstr.NewEvent("Withdrawn", {"account": account, "amount": amount})]

    context = factstr.EventQuery(
        filters=[
            factstr.EventFilter(
                event_types=["Deposited", "Withdrawn"], payload_predicates=[{"account": account}]
            )
        ]
    )
    appended = store.decide(context, decide)
    return appended.last_sequence_number if appended else None


# endregion


# region http
def post_withdrawal(store: factstr.Store, account: str, amount: int) -> tuple[int, str]:
    """The status and body of an answer."""
    try:
        return 201, str(withdraw(store, account, amount))
    except TooLittle as refusal:
        return 422, str(refusal)
    except factstr.ConditionalAppendConflict:
        return 409, "others were faster at every attempt"
    except (factstr.Busy, factstr.Timeout):
        return 503, "nothing was written; try again"


# endregion


# region projection
class Balances:
    """A view in a database of its own. It keeps its place beside its rows, in one transaction."""

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.executescript("""
            CREATE TABLE IF NOT EXISTS balances (account TEXT PRIMARY KEY, amount INTEGER NOT NULL);
            CREATE TABLE IF NOT EXISTS place (only INTEGER PRIMARY KEY CHECK (only = 1), handled INTEGER);
            INSERT OR IGNORE INTO place VALUES (1, 0);
        """)

    def handle(self, batch: tuple[factstr.EventRecord, ...]) -> None:
        with self.database:  # commits, or rolls back if anything raises
            self.database.execute("BEGIN IMMEDIATE")
            (handled,) = self.database.execute("SELECT handled FROM place").fetchone()
            if batch[-1].sequence_number <= handled:
                return  # it came before a crash and was counted then
            for record in batch:
                self.database.execute(
                    "INSERT INTO balances VALUES (:account, :amount)"
                    " ON CONFLICT DO UPDATE SET amount = amount + :amount",
                    record.payload,
                )
            self.database.execute("UPDATE place SET handled = ?", [batch[-1].sequence_number])


# endregion


def deposited(account: str, amount: int) -> factstr.NewEvent:
    return factstr.NewEvent("Deposited", {"account": account, "amount": amount})


# region asyncio
async def deposit(store: aio.Store, account: str, amount: int) -> int:
    fact = factstr.NewEvent("Deposited", {"account": account, "amount": amount})
    return (await store.append([fact])).last_sequence_number


async def many_deposits(path: str) -> list[int]:
    async with aio.SqliteStore.open(path) as store:
        return await asyncio.gather(*(deposit(store, "a1", n) for n in range(1000)))


# endregion


# region asyncio-projection
async def deposit_and_read(store: aio.Store, balances: Balances, amount: int) -> int:
    async def project(batch: factstr.Batch) -> None:
        await asyncio.to_thread(balances.handle, batch)

    query = factstr.EventQuery(filters=[factstr.EventFilter(event_types=["Deposited"])])
    async with await store.stream_to_durable("balances", query, project) as view:
        await view.wait_for(await deposit(store, "a1", amount))
        row = balances.database.execute("SELECT amount FROM balances").fetchone()
        return int(row[0])


# endregion


# region asyncio-timeout
async def deposit_within(store: aio.Store, seconds: float) -> int | None:
    try:
        return await asyncio.wait_for(deposit(store, "a1", 7), seconds)
    except asyncio.TimeoutError as timeout:
        outcome = aio.went_on(timeout)
        if isinstance(outcome, factstr.AppendResult):
            return outcome.last_sequence_number  # it was being committed
        if outcome is not None:
            raise outcome from None  # CommitUnknown: look before appending again
        return None  # nothing was written


# endregion


class Guide(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name, "facts.db"))

    def test_decide_and_http(self) -> None:
        with factstr.MemoryStore() as store:
            store.append([deposited("a1", 50)])
            self.assertEqual(post_withdrawal(store, "a1", 30), (201, "2"))
            self.assertEqual(post_withdrawal(store, "a1", 30), (422, "account a1 holds 20"))

    def test_projection(self) -> None:
        with factstr.SqliteStore(self.path) as store:
            store.append([deposited("a1", 50), deposited("a1", 7)])
            balances = Balances(self.path + "-balances")
            self.addCleanup(balances.database.close)
            # region register
            with store.stream_to_durable(
                "balances", {"filters": [{"event_types": ["Deposited"]}]}, balances.handle
            ):
                rows = balances.database.execute("SELECT * FROM balances").fetchall()
            # endregion
            self.assertEqual(rows, [("a1", 57)])
            balances.handle(store.query().event_records)  # the same batch once more
            self.assertEqual(
                balances.database.execute("SELECT amount FROM balances").fetchone(), (57,)
            )

    def test_asyncio(self) -> None:
        self.assertEqual(sorted(asyncio.run(many_deposits(self.path))), list(range(1, 1001)))

    def test_asyncio_projection(self) -> None:
        async def main() -> None:
            balances = Balances(self.path + "-balances")
            self.addCleanup(balances.database.close)
            async with aio.SqliteStore.open(self.path) as store:
                self.assertEqual(await deposit_and_read(store, balances, 50), 50)
                # region asyncio-loop
                async with store.stream(after=0) as batches:
                    async for batch in batches:
                        total = sum(record.payload["amount"] for record in batch)
                        break
                # endregion
                self.assertEqual(total, 50)
                self.assertEqual(await deposit_within(store, 10), 2)

        asyncio.run(main())

    def test_json(self) -> None:
        with factstr.MemoryStore() as store:
            store.append([deposited("a1", 50)])
            # region json
            rows: list[dict[str, Any]] = [
                {"number": record.sequence_number, "at": record.occurred_at, **record.payload}
                for record in store.query().event_records
            ]
            text = json.dumps(rows)
            # endregion
            self.assertEqual(json.loads(text)[0]["amount"], 50)
