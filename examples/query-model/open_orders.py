"""Open orders, as one feature sees them: a query model of its own in memory, fed live by stream_to.

python3 open_orders.py [DATABASE]
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import factstr
from factstr import EventFilter, EventQuery, EventRecord, NewEvent, QueryResult

ORDERS = EventQuery([EventFilter(["OrderPlaced", "OrderShipped"])])


class OpenOrders:
    """Who waits for which order. Follows what any process commits."""

    def __init__(self, store: factstr.Store) -> None:
        self._lock = threading.Lock()
        self._customers: dict[str, str] = {}
        self._handled = 0
        self._failure: BaseException | None = None
        with self._lock:  # the handler waits for it
            # First the stream, then the past: what is committed in between comes by both, and its
            # number says that it was counted. (stream_from(0, ...) does the same in one call.)
            self.subscription = store.stream_to(ORDERS, self._handle)
            self._apply(store.query(ORDERS).event_records)

    def _handle(self, batch: Sequence[EventRecord]) -> None:
        with self._lock:
            try:
                self._apply(batch)
            except BaseException as failure:
                # A live stream goes on behind a batch that failed; this model lacks it from now on.
                self._failure = failure
                raise

    def _apply(self, records: Sequence[EventRecord]) -> None:
        for fact in records:
            if fact.sequence_number <= self._handled:
                continue
            if fact.event_type == "OrderPlaced":
                self._customers[fact.payload["order"]] = fact.payload["customer"]
            else:
                del self._customers[fact.payload["order"]]
            self._handled = fact.sequence_number

    def of(self, customer: str) -> list[str]:
        with self._lock:
            if failure := self._failure or self.subscription.error:
                raise RuntimeError("the open orders are not known any more") from failure
            return [order for order, each in self._customers.items() if each == customer]


def once(store: factstr.Store, fact: NewEvent) -> int:
    """Appends a fact about an order if there is none of its type, and returns its number."""
    same = EventFilter([fact.event_type], [{"order": fact.payload["order"]}])
    number = 0

    def decide(seen: QueryResult) -> list[NewEvent] | None:
        nonlocal number
        number = seen.current_context_version or 0
        return None if number else [fact]

    appended = store.decide(EventQuery([same]), decide)
    return appended.last_sequence_number if appended else number


def main(path: str = "orders.db") -> None:
    with factstr.SqliteStore(path) as store:
        orders = OpenOrders(store)
        once(store, NewEvent("OrderPlaced", {"order": "o-1", "customer": "Ada"}))
        once(store, NewEvent("OrderPlaced", {"order": "o-2", "customer": "Ada"}))
        last = once(store, NewEvent("OrderShipped", {"order": "o-1"}))
        orders.subscription.wait_for(last)  # so that what was just appended is seen
        print("Ada waits for", *orders.of("Ada"))


if __name__ == "__main__":
    main(*sys.argv[1:])
