"""What is measured beside FACTSTR in Python.

sqlite3 and psycopg are what an application may write by hand: one table, and an index of the one
property of the payload that it knows decisions to depend on. FACTSTR is not told which property
that will be. eventsourcing is the recorder of that package over SQLite: an account is an aggregate,
a context is all of its events whatever their type, and its version is that of the aggregate. All of
them commit durably.
"""

import json
import os
import sqlite3
from datetime import datetime, timezone
from typing import Any

Fact = tuple[str, dict[str, Any]]  # type and payload


def account_id(account: int) -> str:
    return f"account-{account:08}"


def now() -> str:
    return datetime.now(timezone.utc).isoformat()


class Sqlite3:
    SCHEMA = """
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE IF NOT EXISTS events (
            sequence_number INTEGER PRIMARY KEY, occurred_at TEXT NOT NULL,
            event_type TEXT NOT NULL, payload TEXT NOT NULL);
        CREATE INDEX IF NOT EXISTS by_account ON events
            (json_extract(payload, '$.accountId'), event_type);"""
    OF_ACCOUNT = "FROM events WHERE json_extract(payload, '$.accountId') = ?"

    def __init__(self, path: str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.executescript(self.SCHEMA)

    def insert(self, facts: list[Fact]) -> int:
        last = 0
        for kind, payload in facts:
            row = self.database.execute(
                "INSERT INTO events (occurred_at, event_type, payload) VALUES (?, ?, ?)",
                (now(), kind, json.dumps(payload)),
            )
            last = row.lastrowid or 0
        return last

    def append(self, facts: list[Fact]) -> None:
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            self.insert(facts)

    def newest(self, account: int, type_: int | None = None) -> int | None:
        query = f"SELECT max(sequence_number) {self.OF_ACCOUNT}"
        parameters = [account_id(account)]
        if type_ is not None:
            query += " AND event_type = ?"
            parameters.append(f"type-{type_}")
        found: int | None = self.database.execute(query, parameters).fetchone()[0]
        return found

    def read(self, account: int, type_: int) -> tuple[int, int | None]:
        rows = self.database.execute(
            f"SELECT * {self.OF_ACCOUNT} AND event_type = ? ORDER BY sequence_number",
            (account_id(account), f"type-{type_}"),
        )
        records = [(*row[:3], json.loads(row[3])) for row in rows]
        return len(records), records[-1][0] if records else None

    def append_if(
        self, facts: list[Fact], account: int, type_: int | None, version: int | None
    ) -> int:
        with self.database:
            self.database.execute("BEGIN IMMEDIATE")
            if self.newest(account, type_) != version:
                raise RuntimeError("conflict")
            return self.insert(facts)

    def read_all(self) -> int:
        rows = self.database.execute("SELECT * FROM events ORDER BY sequence_number")
        return len([(*row[:3], json.loads(row[3])) for row in rows])

    def close(self) -> None:
        self.database.close()


class Psycopg:
    # Numbers are to be committed in their order, so appends hold a lock.
    LOCK = "SELECT pg_advisory_xact_lock(7)"
    OF_ACCOUNT = "FROM events WHERE payload ->> 'accountId' = %s"

    def __init__(self, schema: str) -> None:
        import psycopg

        self.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
        for statement in (
            f"CREATE SCHEMA IF NOT EXISTS {schema}",
            f"SET search_path = {schema}",
            "CREATE TABLE IF NOT EXISTS events (sequence_number bigserial PRIMARY KEY,"
            " occurred_at timestamptz NOT NULL DEFAULT now(),"
            " event_type text NOT NULL, payload jsonb NOT NULL)",
            "CREATE INDEX IF NOT EXISTS by_account ON events ((payload ->> 'accountId'), event_type)",
        ):
            self.connection.execute(statement)

    def insert(self, facts: list[Fact]) -> int:
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO events (event_type, payload) VALUES (%s, %s)",
                [(kind, json.dumps(payload)) for kind, payload in facts],
            )
            row = cursor.execute("SELECT lastval()").fetchone()
        return int(row[0]) if row else 0

    def append(self, facts: list[Fact]) -> None:
        with self.connection.transaction():
            self.connection.execute(self.LOCK)
            self.insert(facts)

    def newest(self, account: int, type_: int | None = None) -> int | None:
        query = f"SELECT max(sequence_number) {self.OF_ACCOUNT}"
        parameters = [account_id(account)]
        if type_ is not None:
            query += " AND event_type = %s"
            parameters.append(f"type-{type_}")
        row = self.connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    def read(self, account: int, type_: int) -> tuple[int, int | None]:
        rows = self.connection.execute(
            f"SELECT * {self.OF_ACCOUNT} AND event_type = %s ORDER BY sequence_number",
            (account_id(account), f"type-{type_}"),
        ).fetchall()
        return len(rows), rows[-1][0] if rows else None

    def append_if(
        self, facts: list[Fact], account: int, type_: int | None, version: int | None
    ) -> int:
        with self.connection.transaction():
            self.connection.execute(self.LOCK)
            if self.newest(account, type_) != version:
                raise RuntimeError("conflict")
            return self.insert(facts)

    def read_all(self) -> int:
        return len(
            self.connection.execute("SELECT * FROM events ORDER BY sequence_number").fetchall()
        )

    def close(self) -> None:
        self.connection.close()


class Eventsourcing:
    def __init__(self, path: str) -> None:
        from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore  # type: ignore[import-not-found, unused-ignore]

        self.recorder = SQLiteApplicationRecorder(
            SQLiteDatastore(db_name=path, originator_id_type="text")
        )
        self.recorder.create_table()
        self.versions: dict[str, int] = {}  # of the aggregates that this process appended to

    def stored(self, fact: Fact, version: int) -> Any:
        from eventsourcing.persistence import StoredEvent  # type: ignore[import-not-found, unused-ignore]

        kind, payload = fact
        return StoredEvent(payload["accountId"], version, kind, json.dumps(payload).encode())

    def append(self, facts: list[Fact]) -> None:
        events = []
        for fact in facts:
            account = fact[1]["accountId"]
            self.versions[account] = self.versions.get(account, 0) + 1
            events.append(self.stored(fact, self.versions[account]))
        self.recorder.insert_events(events)

    def newest(self, account: int) -> int | None:
        found = self.recorder.select_events(account_id(account), desc=True, limit=1)
        return found[0].originator_version if found else None

    def read(self, account: int, type_: int) -> tuple[int, int | None]:
        events = self.recorder.select_events(account_id(account))
        records = [json.loads(event.state) for event in events if event.topic == f"type-{type_}"]
        return len(records), events[-1].originator_version if events else None

    def append_if(
        self, facts: list[Fact], account: int, type_: int | None, version: int | None
    ) -> int:
        del account, type_  # the primary key refuses a version that is there
        first = (version or 0) + 1
        self.recorder.insert_events([self.stored(fact, first + i) for i, fact in enumerate(facts)])
        return first + len(facts) - 1

    def read_all(self) -> int:
        found = self.recorder.select_notifications(start=None, limit=1 << 40)
        return len([json.loads(event.state) for event in found])

    def close(self) -> None:
        self.recorder.datastore.close()


def open_handmade(name: str, path: str) -> Sqlite3 | Psycopg | Eventsourcing:
    kinds: dict[str, Any] = {
        "sqlite3": Sqlite3,
        "psycopg": Psycopg,
        "eventsourcing": Eventsourcing,
    }
    opened: Sqlite3 | Psycopg | Eventsourcing = kinds[name](path)
    return opened
