"""The records of a query, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import byref, c_uint64

from ._capi import Buffer, in_forked_child, take
from ._closeable import Closeable
from ._owner import Owner
from ._requests import Call, Requests
from ._results import EventRecord
from .errors import InvalidState


class Reading(Closeable, Iterator[EventRecord]):
    """Iterates over the records of a query in bounded memory: a page at a time is read.

    Its end, close(), the end of a `with` block and the collector close it, and it holds nothing
    between two pages but its handle. One thread at a time may use it. After Ctrl-C during a page it
    raises InvalidState: nobody knows whether the library has gone on behind that page.
    """

    def __init__(self, owner: Owner, requests: Requests, query: bytes | None) -> None:
        self._number = 0
        self._owner = owner
        self._requests = requests
        self._records: Iterator[EventRecord] = iter(())
        self._more = True
        self._interrupted = False
        library = owner.library
        number, error = c_uint64(), Buffer()
        store = owner.handle.use()
        status = library.factstr_read_open(
            store, query, len(query or b""), byref(number), byref(error)
        )
        self._number = number.value
        owner.handle.check(status, take(library, error))
        # Requests passes the handle of the store, which the library finds by itself.
        self._next = Call(
            lambda _, *rest: library.factstr_read_next(self._number, *rest),
            lambda _, *rest: library.factstr_read_next_submit(self._number, *rest),
        )

    def __next__(self) -> EventRecord:
        for record in self._records:
            return record
        while self._more and self._number:
            page = self._page()
            records, self._more = self._owner.decoder.page(page)
            self._records = iter(records)
            for record in self._records:
                return record
        self.close()
        raise StopIteration

    def _page(self) -> bytes:
        if self._interrupted:
            raise InvalidState("this reading was interrupted in the middle; begin it again")
        try:
            return self._requests.answer(self._next, True)
        except Exception:
            raise  # the next call reads the same page again
        except BaseException:
            self._interrupted = True
            raise

    @property
    def closed(self) -> bool:
        return not self._number

    def close(self) -> None:
        """Ends the reading. May be called again."""
        number, self._number = self._number, 0
        self._records = iter(())
        if number and not in_forked_child():
            self._owner.library.factstr_read_close(number)

    def __repr__(self) -> str:
        return f"<Reading of {self._owner.store()!r}, {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        self.close()
