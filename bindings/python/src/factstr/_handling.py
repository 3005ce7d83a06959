"""How the handler of a stream is called, and how its failures are logged."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._log import emit

if TYPE_CHECKING:
    from ._inputs import Handler
    from ._results import Batch

ASYNC = "the handler is async, and nothing would await it: give a plain function"
RETURNED_FALSE = "the handler returned False"


class Handling:
    """Calls one handler. `log_fields` returns the attributes of a record of its stream."""

    def __init__(self, handler: Handler, log_fields: Callable[..., dict[str, Any]]) -> None:
        self.failure: BaseException | None = None
        """What the handler raised for the last batch."""
        self._handler = handler
        self._log_fields = log_fields
        self._first = 0
        self._attempt = 0

    def batch(self, batch: Batch) -> str | None:
        """Hands one batch to the handler; returns None if it was handled, else why not."""
        self._begin(batch)
        try:
            result = self._handler(batch)
        except BaseException as error:
            return self._failed(batch, error)
        if inspect.iscoroutine(result):
            result.close()
            return self._failed(batch, None, ASYNC)
        return None if result is not False else self._failed(batch, None, RETURNED_FALSE)

    async def batch_async(self, batch: Batch) -> str | None:
        """As batch(), for a handler that may be async."""
        self._begin(batch)
        try:
            result = self._handler(batch)
            if inspect.isawaitable(result):
                result = await result
        except GeneratorExit:  # the handler has not failed: its loop is gone
            raise
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            return self._failed(batch, error)
        except BaseException as error:
            return self._failed(batch, error)
        return None if result is not False else self._failed(batch, None, RETURNED_FALSE)

    def _begin(self, batch: Batch) -> None:
        first = batch[0].sequence_number
        self._attempt = self._attempt + 1 if first == self._first else 1
        self._first = first
        self.failure = None

    def _failed(self, batch: Batch, error: BaseException | None, why: str = "") -> str:
        self.failure = error
        if error is not None:
            why = "".join(traceback.format_exception_only(type(error), error)).strip()
        last = batch[-1].sequence_number
        fields = self._log_fields(
            "handler_failed", error=why, first=self._first, last=last, attempt=self._attempt
        )
        emit(logging.WARNING, f"a handler of a stream failed: {why}", fields, error=error)
        return why


def _is_cancelled() -> bool:
    """Reports whether somebody cancelled this task, rather than something that it awaited. Before
    Python 3.11 a task does not know.
    """
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is None or cancelling() > 0
