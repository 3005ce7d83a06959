"""The view: how many places each course has left. It is this feature's own, in memory, and fed by a
stream: first everything that is there, then what any service on any host commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import factstr

Places = dict[str, Any]


class PlacesView:
    """Lives on the event loop; the stream's handler, on a thread of its own, hands batches over."""

    def __init__(self) -> None:
        self._courses: dict[str, Places] = {}
        self._watchers: set[asyncio.Queue[list[Places]]] = set()

    async def follow(self, store: factstr.Store) -> factstr.Subscription:
        """Returns when the view has caught up; it goes on by itself then."""
        loop = asyncio.get_running_loop()

        def handle(batch: Sequence[factstr.EventRecord]) -> None:
            loop.call_soon_threadsafe(self._take, batch)

        query: factstr.EventQueryDict = {
            "filters": [{"event_types": ["CourseOpened", "StudentEnrolled"]}]
        }
        return await asyncio.to_thread(store.stream_from, 0, query, handle)

    def _take(self, batch: Sequence[factstr.EventRecord]) -> None:
        changed = {}
        for fact in batch:
            course = fact.payload["course"]
            if fact.event_type == "CourseOpened":
                self._courses[course] = {**fact.payload, "left": fact.payload["places"]}
            elif course in self._courses:
                self._courses[course]["left"] -= 1
            if course in self._courses:
                changed[course] = self._courses[course]
        for watcher in self._watchers:
            watcher.put_nowait([dict(course) for course in changed.values()])

    def all(self) -> list[Places]:
        return [dict(course) for course in self._courses.values()]

    async def changes(self) -> AsyncIterator[list[Places]]:
        """All courses first, and then each change."""
        queue: asyncio.Queue[list[Places]] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            yield self.all()
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(queue)
