"""The records of a query, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from ctypes import byref, c_uint64
from typing import TYPE_CHECKING

from .._capi import Buffer, in_forked_child, take
from .._results import EventRecord
from ..errors import FactstrError
from ._answers import Answers
from ._closeable import AsyncCloseable

if TYPE_CHECKING:
    from .._owner import Owner

_Page = tuple[tuple[EventRecord, ...], bool]
"""The records of a page, and whether more follow."""


class Reading(AsyncCloseable, AsyncIterator[EventRecord]):
    """Iterates over the records of a query in bounded memory: a page at a time is read.

    Its end, close(), the end of an `async with` block and the collector close it, and it holds
    nothing between two pages but its handle. One task at a time may use it. A step that is cancelled
    loses nothing: its page is for the next one.
    """

    def __init__(self, owner: Owner, answers: Answers, query: bytes | None) -> None:
        self._number = 0
        self._owner = owner
        self._answers = answers
        self._records: Iterator[EventRecord] = iter(())
        self._more = True
        self._coming: asyncio.Future[_Page] | None = None
        number, error = c_uint64(), Buffer()
        status = owner.library.factstr_read_open(
            owner.handle.use(), query, len(query or b""), byref(number), byref(error)
        )
        self._number = number.value
        owner.handle.check(status, take(owner.library, error))

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> EventRecord:
        for record in self._records:
            return record
        while self._more and self._number:
            records, self._more = await self._page()
            if self.closed:  # during the wait
                break
            self._records = iter(records)
            for record in self._records:
                return record
        self._close()
        raise StopAsyncIteration

    async def _page(self) -> _Page:
        """Returns the next page. The library goes on behind it when it has read it, whether anybody
        awaits it or not, so it is kept until it is returned.
        """
        coming = self._coming
        if coming is None:
            coming = self._answers.begin(
                "factstr_read_next_submit", self._owner.decoder.page, of=self._number
            )
            coming.add_done_callback(_retrieve)
            self._coming = coming
        try:
            page = await asyncio.shield(coming)
        except FactstrError:
            self._coming = None  # the page is read again
            raise
        self._coming = None
        return page

    @property
    def closed(self) -> bool:
        return not self._number

    async def close(self) -> None:
        """Ends the reading. May be called again."""
        self._close()

    def _close(self) -> None:
        number, self._number = self._number, 0
        self._records = iter(())
        if number and not in_forked_child():
            self._owner.library.factstr_read_close(number)

    def __repr__(self) -> str:
        return f"<aio.Reading of {self._owner.store()!r}, {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        self._close()


def _retrieve(page: asyncio.Future[_Page]) -> None:
    """Looks at the error of a page that nobody may await any more, or asyncio would log it."""
    if not page.cancelled():
        page.exception()
