"""What a store and its streams share.

The store has one Owner, and each of its streams gets it. So a stream needs to know nothing else of
its store, and closing needs to know nothing of a stream but the methods of OpenStream.

The lock of the store's handle also guards the set of open streams. It is held for a few bytecodes
only, never while a call of the library or a handler runs, and no other lock is taken inside it.
"""

from __future__ import annotations

import ctypes
import weakref
from abc import ABC, abstractmethod
from ctypes import byref
from typing import Any

from ._capi import Buffer, take
from ._decoding import Decoder
from ._encoding import encode_wait
from ._handle import Handle
from ._inputs import JsonDumps
from ._requests import Call, Requests
from .errors import FactstrError, StoreClosed


class OpenStream(ABC):
    """What closing a store asks of each stream."""

    durable_name: str | None
    is_live: bool  # it has no place to go on from

    @abstractmethod
    def finish(self) -> None:
        """Ends the stream after the delivery that its handler is handling, if any."""

    @abstractmethod
    def await_end(self, deadline: float) -> None:
        """Waits, until `deadline` at most, for the library to have ended the stream."""

    @abstractmethod
    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the end of the thread; returns whether it has ended."""

    @abstractmethod
    def has_handled(self, number: int) -> bool:
        """Reports whether the handler is done with every fact up to `number`, or never will be."""

    @abstractmethod
    def in_handler(self) -> bool:
        """Reports whether the caller is the stream's handler."""


class Owner:
    """The handle of one store, the decoder of its answers, and its open streams."""

    def __init__(
        self, store: object, library: ctypes.CDLL, decoder: Decoder, dumps: JsonDumps | None = None
    ) -> None:
        self.library = library
        self.decoder = decoder
        self.dumps = dumps
        self.handle = Handle(library, _store_closed)
        self.requests = Requests(self.handle)
        # Weak, so that a store that the program drops is finalized at once.
        self._store = weakref.ref(store)
        self._streams: set[OpenStream] = set()

    def wait_for(self, stream: dict[str, Any], number: int, timeout: float | None) -> None:
        """Waits until a stream, named as in factstr_wait_for, has come to a number."""
        text = encode_wait(stream, number, timeout)
        library = self.library
        call = Call(library.factstr_wait_for, library.factstr_wait_for_submit)
        self.requests.answer(call, True, text, len(text))

    def cursors(self, call: bytes) -> bytes:
        """Makes a call of factstr_cursors, and returns its answer."""
        library = self.library
        forms = Call(library.factstr_cursors, library.factstr_cursors_submit)
        return self.requests.answer(forms, True, call, len(call))

    def store(self) -> object:
        """Returns the store; None once it is being finalized."""
        return self._store()

    def remember(self, stream: OpenStream) -> None:
        """From now on close() ends and awaits the stream."""
        with self.handle.lock:
            self.handle.use()
            self._streams.add(stream)

    def forget(self, stream: OpenStream) -> None:
        with self.handle.lock:
            self._streams.discard(stream)

    def streams(self) -> list[OpenStream]:
        with self.handle.lock:
            return list(self._streams)

    def statistics(self, handle: int) -> tuple[int, bytes]:
        """Returns the status and the text of the library's statistics. Blocks while the log's head
        is read.
        """
        buffer = Buffer()
        status = self.library.factstr_statistics(handle, byref(buffer))
        return status, take(self.library, buffer)

    def explain(self, handle: int, query: bytes | None) -> tuple[int, bytes]:
        """Returns the status and the text of the explanation of a query, which runs meanwhile."""
        buffer = Buffer()
        status = self.library.factstr_explain(handle, query, len(query or b""), byref(buffer))
        return status, take(self.library, buffer)


def _store_closed() -> FactstrError:
    return StoreClosed("this store is closed; open it again")
