"""The exceptions of factstr: one class per error code, all derived from FactstrError.

Act on the class or on `code`, never on the message.
"""

from __future__ import annotations

import json
from typing import Any


class FactstrError(Exception):
    """The base of every exception of this package."""

    code: str = "Internal"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


class EmptyAppend(FactstrError):
    """append or append_if was given no event."""

    code = "EmptyAppend"


class ConditionalAppendConflict(FactstrError):
    """The context of an append_if has changed, or a condition of an append_when does not hold
    (condition_index says which). Nothing was appended: read the context again and decide anew.
    """

    code = "ConditionalAppendConflict"
    expected_context_version: int | None = None
    actual_context_version: int | None = None
    condition_index: int | None = None


class OperationNotImplemented(FactstrError):
    """This store cannot do that (code NotImplemented)."""

    code = "NotImplemented"
    store: str | None = None
    operation: str | None = None


class BackendFailure(FactstrError):
    """The store's backend failed, and certainly nothing was committed.

    `reason` is "missing_path", "permission", "disk_full", "connection", "io" or "other".
    """

    code = "BackendFailure"
    reason: str | None = None


class InvalidArgument(FactstrError, ValueError):
    """Bad input; the message names the field or the limit. Nothing has changed."""

    code = "InvalidArgument"


class InvalidHandle(FactstrError):
    """The library does not know this store or stream (any more)."""

    code = "InvalidHandle"


class InvalidState(FactstrError):
    """Not possible now, for example settings made after the first store was opened."""

    code = "InvalidState"


class ReadOnly(FactstrError):
    """The store cannot be written to."""

    code = "ReadOnly"


class StoreClosed(FactstrError):
    """The store is closed. Open it again."""

    code = "StoreClosed"


class Busy(FactstrError):
    """The queue was full or another process held the lock. Certainly not committed: try again."""

    code = "Busy"


class Timeout(FactstrError):
    """It took too long. Certainly not committed."""

    code = "Timeout"


class Cancelled(FactstrError):
    """Cancelled before it began. Certainly not committed."""

    code = "Cancelled"


class CommitUnknown(FactstrError):
    """It may or may not be committed: query before appending it again."""

    code = "CommitUnknown"


class UnsupportedFormat(FactstrError):
    """Not a database, or one written by a newer version."""

    code = "UnsupportedFormat"


class Corrupt(FactstrError):
    """The stored log contradicts itself."""

    code = "Corrupt"


class LogTruncated(FactstrError):
    """The log has lost facts that a stream had seen, as after restoring an older backup."""

    code = "LogTruncated"


class DurableStreamActive(FactstrError):
    """Another stream of this name is running, here or in another process."""

    code = "DurableStreamActive"


class DurableStreamQueryMismatch(FactstrError):
    """This durable stream was registered with another query."""

    code = "DurableStreamQueryMismatch"


class DurableStreamLost(FactstrError):
    """This process can no longer be sure that it alone runs the durable stream."""

    code = "DurableStreamLost"


class HandlerFailed(FactstrError):
    """A handler of a durable stream raised (see __cause__) or returned False. The batch comes
    again at the next registration.
    """

    code = "HandlerFailed"


class ForkError(FactstrError):
    """This process was forked from one that had opened a store (code Forked)."""

    code = "Forked"


class InternalError(FactstrError):
    """A defect of the library, or a library that cannot be loaded (code Internal)."""

    code = "Internal"


_classes: dict[str, type[FactstrError]] = {
    each.code: each
    for each in (
        EmptyAppend,
        ConditionalAppendConflict,
        OperationNotImplemented,
        BackendFailure,
        InvalidArgument,
        InvalidHandle,
        InvalidState,
        ReadOnly,
        StoreClosed,
        Busy,
        Timeout,
        Cancelled,
        CommitUnknown,
        UnsupportedFormat,
        Corrupt,
        LogTruncated,
        DurableStreamActive,
        DurableStreamQueryMismatch,
        DurableStreamLost,
        HandlerFailed,
        ForkError,
        InternalError,
    )
}

_FORKED = (
    "this process was forked from one that had opened a factstr store, and the library cannot run "
    "in such a child. Start it with multiprocessing's 'spawn' or 'forkserver' method, or open the "
    "first store only after the fork"
)


def forked() -> ForkError:
    return ForkError(_FORKED)


def error_from(code: str, text: bytes) -> FactstrError:
    """Returns the exception for the name of a status and the text beside it, an InteropError as
    JSON, which may be missing.
    """
    if code == ForkError.code:
        return forked()
    return error_of(code, json.loads(text.decode(errors="replace")) if text else {})


def error_of(code: str, fields: dict[str, Any]) -> FactstrError:
    """Returns the exception for an InteropError."""
    error = _classes.get(code, FactstrError)(fields.get("message", ""))
    if isinstance(error, ConditionalAppendConflict):
        conflict = fields.get("conflict") or {}
        error.expected_context_version = conflict.get("expected_context_version")
        error.actual_context_version = conflict.get("actual_context_version")
        error.condition_index = conflict.get("condition_index")
    elif isinstance(error, OperationNotImplemented):
        error.store, error.operation = fields.get("store"), fields.get("operation")
    elif isinstance(error, BackendFailure):
        error.reason = fields.get("reason")
    elif type(error) is FactstrError:
        error.code = code
    return error
