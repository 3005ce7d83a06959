"""How the handler of a stream is called, and how its failures are logged."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._log import emit

if TYPE_CHECKING:
    from ._types import Batch, Handler

ASYNC = "the handler is async, and nothing would await it: give a plain function"


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
        first, last = batch[0].sequence_number, batch[-1].sequence_number
        self._attempt = self._attempt + 1 if first == self._first else 1
        self._first = first
        failed = self._call(batch)
        if failed is not None:
            fields = self._log_fields(
                "handler_failed", error=failed, first=first, last=last, attempt=self._attempt
            )
            message = f"a handler of a stream failed: {failed}"
            emit(logging.WARNING, message, fields, error=self.failure)
        return failed

    def _call(self, batch: Batch) -> str | None:
        self.failure = None
        try:
            result = self._handler(batch)
        except BaseException as error:
            self.failure = error
            return "".join(traceback.format_exception_only(type(error), error)).strip()
        if inspect.iscoroutine(result):
            result.close()
            return ASYNC
        return "the handler returned False" if result is False else None
