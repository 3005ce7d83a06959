"""The stores of FACTSTR for asyncio: the same calls as coroutines, handlers that may be async.

    async with factstr.aio.SqliteStore.open("seats.db") as store:
        await store.append([{"event_type": "SeatTaken", "payload": {"seat": "12A"}}])

No call takes a thread: it is submitted to the library, and appends that are awaited at the same time
are committed together. A store may be used by the loops of several threads.
"""

from ._batches import Batches, OpenBatch
from ._cancelling import went_on
from ._opening import Opening
from ._reading import Reading
from ._store import Store
from ._stores import MemoryStore, PostgresStore, SqliteStore
from ._subscription import AsyncHandler, Subscription

__all__ = [
    "AsyncHandler",
    "Batches",
    "MemoryStore",
    "OpenBatch",
    "Opening",
    "PostgresStore",
    "Reading",
    "SqliteStore",
    "Store",
    "Subscription",
    "went_on",
]
