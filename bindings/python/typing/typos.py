"""Mistakes that a type checker finds. tools/check_python_types.py demands an error in each line that
is marked, from mypy and from pyright, and in no other.
"""

# ruff: noqa: B018, T201
from __future__ import annotations

import factstr
from factstr import aio


def in_events(store: factstr.Store) -> None:
    store.append([{"event_type": "a", "payload": {"any": "thing"}}])
    store.append([factstr.NewEvent("a", None), {"event_type": "b", "payload": [1]}])
    store.append([{"event_typ": "a", "payload": 1}])  # error
    store.append([{"event_type": "a"}])  # error
    store.append([{"event_type": "a", "payload": 1, "extra": 2}])  # error
    store.append([{"event_type": 1, "payload": 1}])  # error
    store.append({"event_type": "a", "payload": 1})  # error
    store.append([factstr.NewEvent("a")])  # error


def in_queries(store: factstr.Store) -> None:
    store.query()
    store.query({})
    store.query({"filters": [{"event_types": ["a"], "payload_predicates": [{"a": 1}]}], "limit": 1})
    query: factstr.EventQueryDict = {"min_sequence_number": 4, "backwards": True}
    store.query(query)
    store.query({"filter": []})  # error
    store.query({"filters": [{"event_type": ["a"]}]})  # error
    store.query({"filters": [{"event_types": [1]}]})  # error
    store.query({"limit": "1"})  # error
    store.query(factstr.EventQuery(filter=[]))  # error
    for record in store.query().event_records:
        record.occured_at  # error
        record.payload = 1  # error


def in_conditions(store: factstr.Store) -> None:
    store.append_when([], [{"fail_if_events_match": {"limit": 1}, "after": 3}])
    store.append_when([], [{"fail_if_event_match": {}}])  # error
    store.append_when([], [{"fail_if_events_match": {"filter": []}}])  # error
    store.append_if([], {"filters": []}, "1")  # error


def in_streams(store: factstr.Store) -> None:
    store.stream_all_durable("a", print, retry={"max_attempts": 1})
    store.stream_all_durable("a", print, retry={"attempts": 1})  # error
    store.stream_all_durable("a", print, cursor_every={"batch": 1})  # error
    store.stream_all(lambda: None)  # error
    store.stream_to({"filters": [{"event_types": "a"}, {"types": []}]}, print)  # error


def in_options() -> None:
    factstr.SqliteStore("a", busy_timeout_ms=1)
    factstr.SqliteStore("a", busy_timeout=1)  # error
    factstr.PostgresStore("a", conections_max=1)  # error
    factstr.MemoryStore(json_dumps=1)  # error


async def in_asyncio(store: aio.Store) -> None:
    async def handle(batch: factstr.Batch) -> None:
        print(batch.position)

    await store.stream_all(handle)
    await store.append([{"event_type": "a", "payload": 1}])
    await store.append([{"event_typ": "a", "payload": 1}])  # error
    (await store.query()).records  # error
    async for record in store.read({"filters": [{"event_types": ["a"]}]}):
        record.type  # error
    async with aio.SqliteStore.open("a") as opened:
        await opened.query({"filter": []})  # error
    aio.SqliteStore.open("a", busy_timeout=1)  # error
    for _ in store.stream():  # error
        pass
