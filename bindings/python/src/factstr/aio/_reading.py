"""The records of a query, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from ctypes import byref, c_uint64
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from .._capi import Buffer, in_forked_child, take
from .._closeable import refuse_pickling
from .._types import EventRecord
from ._answers import Answers

if TYPE_CHECKING:
    from .._owner import Owner


class Reading(AsyncIterator[EventRecord]):
    """Iterates over the records of a query in bounded memory: a page at a time is read.

    Its end, close(), the end of an `async with` block and the collector close it, and it holds
    nothing between two pages but its handle. One task at a time may use it. A cancelled page is read
    again by the next step.
    """

    def __init__(self, owner: Owner, answers: Answers, query: bytes | None) -> None:
        self._number = 0
        self._owner = owner
        self._answers = answers
        self._records: Iterator[EventRecord] = iter(())
        self._more = True
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
            records, self._more = await self._answers.ask(
                "factstr_read_next_submit", self._owner.decoder.page, of=self._number
            )
            self._records = iter(records)
            for record in self._records:
                return record
        self._close()
        raise StopAsyncIteration

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

    def __reduce__(self) -> NoReturn:
        refuse_pickling(self)

    async def __aenter__(self) -> Reading:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __repr__(self) -> str:
        return f"<aio.Reading of {self._owner.store()!r}, {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        self._close()
