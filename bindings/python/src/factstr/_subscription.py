"""What a program holds of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._capi import in_forked_child
from ._closeable import HURRY_S, Closeable
from .errors import forked

if TYPE_CHECKING:
    from ._reports import StreamProgress
    from ._stream import Stream
    from .errors import FactstrError


class Subscription(Closeable):
    """A running stream. It runs until it is unsubscribed or closed, its store is closed, or it
    ends with an error.

    It goes on when the object is dropped. What a handler raises is logged by the logger
    "factstr", with its traceback. A live stream goes on with its next batch, a durable one ends.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def unsubscribe(self) -> None:
        """Ends the stream: no delivery starts after this has returned, and a durable name is free.
        Never waits for a running handler; may be called again.
        """
        if not in_forked_child():  # there nothing of the stream exists
            self._stream.unsubscribe()

    def close(self) -> None:
        """Unsubscribes and waits for the running handler. Inside the handler it does not wait."""
        if in_forked_child():
            return
        self._stream.finish()
        if not self._stream.in_handler():
            self._stream.wait()

    def _close_in_a_hurry(self) -> None:
        if in_forked_child():
            return
        self._stream.finish()
        if not self._stream.in_handler() and not self._stream.wait(HURRY_S):
            self._stream.unsubscribe()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until the subscription has ended; returns False if that took longer than `timeout`
        seconds.
        """
        if in_forked_child():
            raise forked()
        return self._stream.wait(timeout)

    def wait_for(self, number: int, timeout: float | None = None) -> None:
        """Waits until everything up to a sequence number was handled or does not match, such as the
        last number of an append whose effect is to be read.

        Raises Timeout if that takes longer than `timeout` seconds, and the reason if the
        subscription ends before: its error, or Cancelled if it was unsubscribed.
        """
        if in_forked_child():
            raise forked()
        self._stream.wait_for(number, timeout)

    def progress(self) -> StreamProgress:
        """Returns where the stream stands now. After the end: the last numbers, with the state
        "ended".
        """
        if in_forked_child():
            raise forked()
        return self._stream.progress()

    @property
    def closed(self) -> bool:
        """True once the subscription has ended and no handler of it is running."""
        return self._stream.ended

    @property
    def error(self) -> FactstrError | None:
        """Why the subscription has ended: None while it runs, and when it was unsubscribed or
        closed.
        """
        return self._stream.error

    def __repr__(self) -> str:
        return f"<Subscription {self._stream.described()}>"
