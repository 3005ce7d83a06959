"""Iterating over the batches of a stream.

The thread that iterates pulls the batches itself, several at once, and decodes them one by one. The
next one is asked for when the one before is done, so asking for it acknowledges that one; several
that came along count one by one, as for a handler (_stream.py).

Whoever leaves the loop closes the stream. The batch in hand stays unacknowledged then, unless ack()
was called: nobody can tell a `break` behind the work from an exception in the middle of it. The
stream is closed at the latest when the iterator is collected, or with its store.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_uint64
from typing import TYPE_CHECKING, NamedTuple

from . import _threads
from ._capi import ENDED, OK, TIMEOUT, Buffer, in_forked_child, take
from ._closeable import Closeable
from ._encoding import encode_registration
from ._results import Batch
from ._waiting import WAIT_MS
from .errors import InvalidArgument, forked

if TYPE_CHECKING:
    from ._inputs import QueryInput
    from ._owner import Owner

_BATCHES_MAX = 512  # taken at once; the library bounds their bytes


class OpenBatch(Batch):
    """A batch of an iteration. The next one is asked for when this one is handled, or call ack()."""

    _of: Batches
    _delivery: int

    def ack(self) -> None:
        """Acknowledges the batch now. Further calls do nothing."""
        self._of._acknowledge(self)


class Pulled(NamedTuple):
    """What the library answered when it was asked for batches."""

    status: int
    first: int
    batches: int
    text: bytes


def pull(library: ctypes.CDLL, stream: int, wait_ms: int) -> Pulled | None:
    """Asks the library for the next batches; returns None if none came in time."""
    first, count, buffer = c_uint64(), c_size_t(), Buffer()
    status = library.factstr_stream_next_many(
        stream, _BATCHES_MAX, wait_ms, byref(first), byref(count), byref(buffer)
    )
    text = take(library, buffer)
    if status == TIMEOUT and not text:
        return None
    return Pulled(status, first.value, count.value, text)


class Batches(Closeable):
    """The batches of a stream, for one loop in one thread. Leaving the loop ends the stream."""

    def __init__(
        self, owner: Owner, query: QueryInput | None, after: int | None, durable: str | None
    ) -> None:
        self._stream = c_uint64()
        self._store = owner.store()  # kept alive
        if after is not None and durable is not None:
            raise InvalidArgument("give either after or durable: a cursor says where to begin")
        self._owner = owner
        self._library = library = owner.library
        self._rest: Iterator[Batch] = iter(())
        self._last = 0  # the number of the last delivery that was taken
        self._next = 1
        self._open: OpenBatch | None = None  # in hand, and not acknowledged
        self._gives_back = False  # the library has taken back the rest
        registration = encode_registration(query, durable, after, None, None, owner.dumps)
        buffer = Buffer()
        status = library.factstr_stream_open(
            owner.handle.use(),
            registration,
            len(registration),
            None,
            None,
            byref(self._stream),
            byref(buffer),
        )
        owner.handle.check(status, take(library, buffer))

    def __iter__(self) -> Iterator[OpenBatch]:
        # A generator is closed when the loop is left. This object is not: each batch refers to it.
        try:
            while (batch := self._following()) is not None:
                yield batch
                self._acknowledge(batch)
        finally:
            self.close()

    def _following(self) -> OpenBatch | None:
        """Returns the next batch; None at the end of the stream."""
        if not self._goes_on() or (self._needs_more() and not self._take()):
            return None
        return self._opened()

    def _goes_on(self) -> bool:
        if in_forked_child():
            raise forked()
        return bool(self._stream.value)

    def _needs_more(self) -> bool:
        return self._next > self._last or self._gives_back

    def _opened(self) -> OpenBatch:
        """Returns the next of the batches that were taken, which is in hand now."""
        batch = OpenBatch(rest := next(self._rest))
        batch.position, batch._of, batch._delivery = rest.position, self, self._next
        self._next += 1
        self._open = batch
        return batch

    def _acknowledge(self, batch: OpenBatch) -> None:
        if self._open is not batch:
            return
        self._open = None
        stream, delivery = self._stream.value, batch._delivery
        if delivery == self._last:
            self._library.factstr_stream_acknowledge(stream, delivery)
        elif self._library.factstr_stream_advance(stream, delivery) != OK:
            self._gives_back = True

    def _take(self) -> bool:
        """Takes the next batches, and waits for them. Returns False at the end of the stream, or
        raises why it ended.
        """
        pause = _threads.pauses() if _threads.greenlets() else None
        while (pulled := pull(self._library, self._stream.value, 0 if pause else WAIT_MS)) is None:
            if pause is not None:
                pause()
        return self._taken(pulled)

    def _taken(self, pulled: Pulled) -> bool:
        # Whoever closes the stream during the wait may do so between two calls, the later of which
        # finds no stream any more.
        if self.closed or pulled.status == ENDED:
            return False
        if pulled.status == OK:
            self._rest = self._owner.decoder.batches(pulled.text)
            self._next, self._last = pulled.first, pulled.first + pulled.batches - 1
            self._gives_back = False
            return True
        self._owner.handle.check(pulled.status, pulled.text)
        raise AssertionError(f"status {pulled.status}")

    @property
    def number(self) -> int:
        """The handle of the stream; 0 after its end."""
        return self._stream.value

    @property
    def closed(self) -> bool:
        """True once the loop was left or the stream has ended."""
        return not self._stream.value

    def close(self) -> None:
        """Ends the stream. The batch in hand stays unacknowledged. May be called again."""
        stream, self._stream.value = self._stream.value, 0
        self._open = None
        if stream and not in_forked_child():
            self._library.factstr_stream_close(stream)

    def __repr__(self) -> str:
        return f"<Batches of {self._store!r}, {'closed' if self.closed else 'open'}>"

    def __del__(self) -> None:
        self.close()
