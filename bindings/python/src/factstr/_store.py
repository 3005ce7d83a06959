"""The stores: append, append_if and query. Their streams are in _subscription.py."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import itertools
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterable
from ctypes import byref, c_uint64
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from . import _capi, _threads
from ._capi import OK, TIMEOUT, Buffer, in_forked_child, take
from ._handle import WAIT_MS, HandleOwner, interruptible, wait_for
from ._json import Decoder, ParseFloat, encode_events, encode_options, encode_query
from ._log import LogBridge
from ._subscription import Subscription, open_subscription
from ._types import (
    AppendResult,
    CursorEveryInput,
    EventInput,
    Handler,
    ProgressHandler,
    QueryInput,
    QueryResult,
    RetryInput,
    Statistics,
)
from .errors import FactstrError, InvalidArgument, StoreClosed, Timeout, error_from

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_tags = itertools.count(1)
_open_stores: weakref.WeakSet[Store] = weakref.WeakSet()
_log_bridge: LogBridge | None = None
_starting_log = _threads.Lock()
_registering = _threads.RLock()
_CLOSE_TIMEOUT_MS = 5000  # the library's own default
_GREENLETS_WAIT_MS = 1  # most answers come within it; a slower one lets other greenlets run


class StoreOptions(TypedDict, total=False):
    """Options of every store; the library checks them and has the defaults.

    close_timeout_ms    how long close() waits for running handlers at most; 5000, negative: without limit
    queue_timeout_ms    how long an append waits for room in a full queue before it raises Busy; 5000
    payload_bytes_max, batch_events_max, batch_bytes_max, result_bytes_max    limits; 16 MiB, 10000, 64 MiB, 256 MiB
    predicate_bytes_max limits all payload predicates of a query together; 16 MiB
    """

    close_timeout_ms: int
    queue_timeout_ms: int
    payload_bytes_max: int
    batch_events_max: int
    batch_bytes_max: int
    predicate_bytes_max: int
    result_bytes_max: int


class SqliteOptions(StoreOptions, total=False):
    """Options of a SqliteStore: those of every store, and

    busy_timeout_ms     how long a write waits for other processes before it raises Busy; 5000
    """

    busy_timeout_ms: int


class PostgresOptions(StoreOptions, total=False):
    """Options of a PostgresStore: those of every store, and

    schema              the schema that holds the tables, created when it does not exist; the connection's current one
    application_name    how the server lists the store's connections; what the URL says, else "factstr"
    direct_url          leads past a pooler in transaction mode to the server itself, for durable names and listening; the URL of all
    connections_max     connections that read; 4
    connect_timeout_ms  how long one attempt to connect may take; 5000
    lock_timeout_ms     how long a write waits for other processes before it raises Busy; 5000
    response_timeout_ms how long the server may take to answer before Timeout; 30000
    poll_interval_ms    how often the log is looked at while streams are open, should a notification get lost; 250
    """

    schema: str
    application_name: str
    direct_url: str
    connections_max: int
    connect_timeout_ms: int
    lock_timeout_ms: int
    response_timeout_ms: int
    poll_interval_ms: int


class Call(NamedTuple):
    """The two forms of a call in the C API."""

    blocking: Callable[..., int]
    submit: Callable[..., int]


class Store(HandleOwner):
    """What every store can do. Open one of its subclasses. All methods may be called from any
    thread, also inside handlers.
    """

    _append_waits = True

    def __init__(
        self,
        open_: Callable[..., int],
        before: tuple[Any, ...],
        options: dict[str, Any],
        parse_float: ParseFloat,
    ) -> None:
        library = _capi.load()
        if "sequence_numbers" in options:
            raise InvalidArgument(
                "sequence_numbers: leave it out; integers of Python hold every sequence number"
            )
        super().__init__(library, 0)
        self._append = Call(library.factstr_append, library.factstr_append_submit)
        self._append_if = Call(library.factstr_append_if, library.factstr_append_if_submit)
        self._query = Call(library.factstr_query, library.factstr_query_submit)
        self._decoder = Decoder(parse_float)
        given = options.get("close_timeout_ms")
        seconds: float = (_CLOSE_TIMEOUT_MS if given is None else given) / 1000
        self._close_timeout = (
            min(seconds, threading.TIMEOUT_MAX) if seconds >= 0 else threading.TIMEOUT_MAX
        )
        self._close_done = _threads.Flag()
        self._subscriptions: set[Subscription] = set()
        self._given_up: list[int] = []
        _open(library, open_, before, options, self._own)
        with _registering:
            _open_stores.add(self)

    def _own(self, handle: int) -> None:
        self._handle = handle

    def append(self, events: Iterable[EventInput]) -> AppendResult:
        """Appends one batch. Returns after it is as durable as the store promises."""
        text = encode_events(events)
        return self._decoder.append_result(
            self._answer(self._append, self._append_waits, text, len(text))
        )

    def append_if(
        self,
        events: Iterable[EventInput],
        context_query: QueryInput | None,
        expected_context_version: int | None,
    ) -> AppendResult:
        """Appends only if the context version of the query is the expected one; None expects
        that no event matches.

        Raises ConditionalAppendConflict with both versions otherwise: then nothing happened.
        """
        text = encode_events(events)
        query, expected = b"{}", None
        if text != b"[]":  # an empty append is told before anything else is looked at
            query, expected = (
                encode_query(context_query) or query,
                _expected(expected_context_version),
            )
        answer = self._answer(
            self._append_if, self._append_waits, text, len(text), query, len(query), expected
        )
        return self._decoder.append_result(answer)

    def query(self, query: QueryInput | None = None) -> QueryResult:
        """The matching records in ascending order, and the version of their context. None or {}
        asks for all.
        """
        text = encode_query(query)
        return self._decoder.query_result(self._answer(self._query, True, text, len(text or b"")))

    def stream_all(self, handle: Handler) -> Subscription:
        """Delivers every batch that is committed from now on, on a thread of the subscription."""
        return open_subscription(self, None, handle)

    def stream_to(self, query: QueryInput | None, handle: Handler) -> Subscription:
        """As stream_all, with the matching records of each batch that has any."""
        return open_subscription(self, query, handle)

    def stream_all_durable(
        self,
        name: str,
        handle: Handler,
        *,
        retry: RetryInput | None = None,
        cursor_every: CursorEveryInput | None = None,
        on_progress: ProgressHandler | None = None,
    ) -> Subscription:
        """Replays what the named stream has not handled yet, returns, and goes on with what is
        committed.

        The store remembers under the name how far the handler came. A handler that raises or
        returns False ends the stream, and the registration when it is still replaying, with
        HandlerFailed; that batch comes again at the next registration.

        `on_progress` is called about once a second during the replay, on the thread that waits
        for it. What it raises ends the registration and comes out of this call.
        """
        return open_subscription(self, None, handle, _name(name), retry, cursor_every, on_progress)

    def stream_to_durable(
        self,
        name: str,
        query: QueryInput | None,
        handle: Handler,
        *,
        retry: RetryInput | None = None,
        cursor_every: CursorEveryInput | None = None,
        on_progress: ProgressHandler | None = None,
    ) -> Subscription:
        """As stream_all_durable, with the matching records of each batch that has any. A name
        stays with its query.
        """
        return open_subscription(self, query, handle, _name(name), retry, cursor_every, on_progress)

    def statistics(self) -> Statistics:
        """What the store counts since it was opened. A log that cannot be read at the moment is
        no error but the `failure` in it.
        """
        handle = self._use()
        status, text = interruptible(lambda: self._counted(handle), lambda _: None)
        self._check(status, text)
        return self._decoder.statistics(text)

    def _counted(self, handle: int) -> tuple[int, bytes]:
        buffer = Buffer()
        status = self._library.factstr_statistics(handle, byref(buffer))
        return status, take(self._library, buffer)

    @property
    def closed(self) -> bool:
        return not self._handle

    def close(self) -> None:
        """Delivers to the live streams what was committed before, ends all streams, and closes
        the store. May be called again.

        Waits for handlers, close_timeout_ms at most; then raises Timeout though the store is
        closed. Never for the handler that it is called in.
        """
        if in_forked_child():
            return  # nothing here is the child's
        deadline = time.monotonic() + self._close_timeout
        handle = self._disown()
        if not handle:
            with self._handle_lock:
                inside_handler = any(each._is_current_thread() for each in self._subscriptions)
            if not inside_handler:
                wait_for(self._close_done, self._close_timeout)
            return
        try:
            self._close(handle, deadline)
        finally:
            self._close_done.set()

    def _close(self, handle: int, deadline: float) -> None:
        with self._handle_lock:
            subscriptions = list(self._subscriptions)
        try:
            self._deliver_the_rest(handle, subscriptions, deadline)
            finished = self._end_streams(subscriptions, deadline)
        except BaseException:  # Ctrl-C ends the wait for handlers, and leaves nothing open
            with contextlib.suppress(RuntimeError):  # the program is ending
                _threads.start_new_thread(lambda: _close_handle(self._library, handle), ())
            raise
        status, text = interruptible(lambda: _close_handle(self._library, handle), lambda _: None)
        self._collect_given_up(WAIT_MS)
        if status == TIMEOUT or not finished:
            raise Timeout("a handler is still running; the store is closed all the same")
        if status >= _capi.EMPTY_APPEND:
            self._check(status, text)

    def _deliver_the_rest(
        self, handle: int, subscriptions: list[Subscription], deadline: float
    ) -> None:
        """A live stream has no cursor: what it does not get now, nobody gets. A durable one goes
        on from its cursor.
        """
        live = [
            each
            for each in subscriptions
            if each._durable is None and not each._is_current_thread()
        ]
        if not live:
            return
        status, text = interruptible(lambda: self._counted(handle), lambda _: None)
        if status != OK:
            return
        head, pause = self._decoder.statistics(text).head, _threads.pauses()
        while time.monotonic() < deadline and not all(each._has_handled(head) for each in live):
            pause()

    def _end_streams(self, subscriptions: list[Subscription], deadline: float) -> bool:
        """Reports whether all handlers have returned."""
        for each in subscriptions:
            each._finish()
        # To the library a pulled delivery is no running callback, so the handlers are waited for
        # here: what they handle moves the cursors.
        running = [each for each in subscriptions if not each._is_current_thread()]
        finished = all(each.wait(max(0.0, deadline - time.monotonic())) for each in running)
        for each in subscriptions:
            # The handles of the streams go with the store.
            each._await_end(deadline)
        return finished

    def _answer(self, call: Call, waits: bool, *arguments: Any) -> bytes:
        """The answer of one call. When Ctrl-C can come in between it waits in steps, which costs
        a change of threads in the library.
        """
        if self._given_up:
            self._collect_given_up(0)
        library, handle, buffer = self._library, self._use(), Buffer()
        if not waits or not _threads.in_main_thread():
            status = call.blocking(handle, *arguments, byref(buffer))
            text = take(library, buffer)
            self._check(status, text)
            return text
        request, tag = c_uint64(), next(_tags)
        try:
            status = call.submit(handle, *arguments, tag, None, None, byref(request), byref(buffer))
            if status == OK:
                wait_ms, pause = (
                    (_GREENLETS_WAIT_MS, _threads.pauses())
                    if _threads.greenlets()
                    else (WAIT_MS, None)
                )
                status = library.factstr_request_wait(request, wait_ms, byref(buffer))
                while status == TIMEOUT and not buffer.data:
                    if pause is not None:
                        pause()
                        wait_ms = 0
                    status = library.factstr_request_wait(request, wait_ms, byref(buffer))
            text = take(library, buffer)
        except BaseException:
            # Ctrl-C: nothing is written if no group has taken the request yet. Its answer is
            # fetched by a later call.
            library.factstr_cancel(handle, tag)
            if request.value:
                self._given_up.append(request.value)
            library.factstr_buffer_free(byref(buffer))
            raise
        self._check(status, text)
        return text

    def _collect_given_up(self, timeout_ms: int) -> None:
        """Releases the requests that nobody waits for any more, once they are answered."""
        with self._handle_lock:
            requests, self._given_up = self._given_up, []
        for request in requests:
            buffer = Buffer()
            status = self._library.factstr_request_wait(request, timeout_ms, byref(buffer))
            if not take(self._library, buffer) and status == TIMEOUT:
                self._given_up.append(request)

    def _remember(self, subscription: Subscription) -> None:
        """From now on close() ends and awaits the subscription."""
        with self._handle_lock:
            self._use()
            self._subscriptions.add(subscription)

    def _forget(self, subscription: Subscription) -> None:
        with self._handle_lock:
            self._subscriptions.discard(subscription)

    def _error_after_close(self) -> FactstrError:
        return StoreClosed("this store is closed; open it again")

    def __del__(self) -> None:
        # A running subscription keeps its store alive, so there is no handler to wait for here.
        handle = getattr(self, "_handle", 0)
        if handle and not in_forked_child():
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:  # warnings may be errors
                _close_handle(self._library, self._disown())
                self._close_done.set()


class MemoryStore(Store):
    """A store in memory; it and its durable cursors live as long as the instance."""

    _append_waits = False  # no disk and no other process

    def __init__(self, *, parse_float: ParseFloat = float, **options: Unpack[StoreOptions]) -> None:
        """`parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.
        """
        library = _capi.load()
        super().__init__(library.factstr_memory_open, (), dict(options), parse_float)

    def __repr__(self) -> str:
        return "MemoryStore()"


class SqliteStore(Store):
    """A store in a SQLite database, which is created when it does not exist. Several processes
    may have it open.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        parse_float: ParseFloat = float,
        **options: Unpack[SqliteOptions],
    ) -> None:
        """`parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.
        """
        library = _capi.load()
        self._path = path
        super().__init__(
            library.factstr_sqlite_open, (_path_bytes(path),), dict(options), parse_float
        )

    @property
    def path(self) -> str | os.PathLike[str]:
        return self._path

    def __repr__(self) -> str:
        return f"SqliteStore({os.fspath(self._path)!r})"


class PostgresStore(Store):
    """A store in a PostgreSQL database, which many processes on many hosts may have open."""

    def __init__(
        self, url: str, *, parse_float: ParseFloat = float, **options: Unpack[PostgresOptions]
    ) -> None:
        """`url` is such as postgres://user:password@host:5432/database, or libpq's keywords.
        Tables are created, a database never is.

        `parse_float` makes the fractions in payloads from their text, as in the json module:
        decimal.Decimal keeps them exact.
        """
        library = _capi.load()
        self._connect(library.factstr_postgres_open, (_text("url", url),), options, parse_float)

    @classmethod
    def bootstrap(
        cls,
        server_url: str,
        database_name: str,
        *,
        parse_float: ParseFloat = float,
        **options: Unpack[PostgresOptions],
    ) -> Self:
        """Creates the database if it is missing, and opens it. `server_url` names the server and
        a database that exists.

        The name is of ASCII letters, digits and underscores, begins with no digit, and has 63
        bytes at most.
        """
        library = _capi.load()
        names = _text("server_url", server_url), _text("database_name", database_name)
        store = cls.__new__(cls)
        store._connect(library.factstr_postgres_bootstrap, names, options, parse_float)
        return store

    def _connect(
        self,
        open_: Callable[..., int],
        before: tuple[bytes, ...],
        options: PostgresOptions,
        parse_float: ParseFloat,
    ) -> None:
        self._schema = options.get("schema")
        super().__init__(open_, before, dict(options), parse_float)

    def __repr__(self) -> str:
        # No part of the URL, which may hold a password.
        return (
            "PostgresStore()" if self._schema is None else f"PostgresStore(schema={self._schema!r})"
        )


def _open(
    library: ctypes.CDLL,
    open_: Callable[..., int],
    before: tuple[Any, ...],
    options: dict[str, Any],
    own: Callable[[int], None],
) -> None:
    """Opens a store. `own` gets its handle at once: from then on Ctrl-C finds an owner that
    releases it.
    """
    text = encode_options(options)
    _start_log(library)

    def call() -> tuple[int, int, bytes]:
        handle, buffer = c_uint64(), Buffer()
        status = open_(*before, text, len(text or b""), byref(handle), byref(buffer))
        if handle.value:
            own(handle.value)
        return status, handle.value, take(library, buffer)

    def undo(opened: tuple[int, int, bytes]) -> None:
        if opened[1]:
            own(0)
            _close_handle(library, opened[1])

    status, _, error = interruptible(call, undo)
    if status != OK:
        raise error_from(_capi.status_name(library, status), error)


def _start_log(library: ctypes.CDLL) -> None:
    """At the first opening, like the library itself."""
    global _log_bridge
    if in_forked_child():
        return
    with _starting_log:
        if _log_bridge is None:
            _log_bridge = LogBridge(library, _name_of)
            _log_bridge.start()


def _stores() -> list[Store]:
    with _registering:
        return list(_open_stores)


def _name_of(handle: int) -> str | None:
    return next((repr(store) for store in _stores() if store._handle == handle), None)


def _close_handle(library: ctypes.CDLL, handle: int) -> tuple[int, bytes]:
    buffer = Buffer()
    status = library.factstr_store_close(handle, byref(buffer))
    return status, take(library, buffer)


def _path_bytes(path: Any) -> bytes:
    """A path in UTF-8. Bytes that os.listdir could not decode go as they were; the library
    judges them.
    """
    try:
        text = os.fspath(path)
        encoded = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidArgument(f"path: {error}") from None
    if b"\0" in encoded:
        raise InvalidArgument("path: it contains U+0000, which ends a path")
    return encoded


def _text(name: str, value: Any) -> bytes:
    """NUL-terminated text for the C API. What it says of a bad value does not repeat it: it may
    hold a password.
    """
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be a str, not {type(value).__name__}")
    if "\0" in value:
        raise InvalidArgument(f"{name}: it contains U+0000, which ends a text")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{name}: it contains a lone surrogate, which UTF-8 does not have"
        ) from None


def _name(name: Any) -> str:
    # None would mean a live stream to the library.
    if not isinstance(name, str):
        raise InvalidArgument(f"name must be a str, not {type(name).__name__}")
    return name


def _expected(version: Any) -> Any:
    """A pointer for the C API. ctypes would cut numbers off silently."""
    if version is None:
        return None
    if not isinstance(version, int) or isinstance(version, bool):
        raise InvalidArgument(
            f"expected_context_version must be an int or None, not {type(version).__name__}"
        )
    if not 0 <= version < 1 << 64:
        raise InvalidArgument(
            f"expected_context_version is {version}, and a sequence number has 63 bits"
        )
    return byref(c_uint64(version))


@atexit.register
def _close_all() -> None:
    # Before the interpreter goes: afterwards the threads of subscriptions could not finish what
    # they handle.
    for store in _stores():
        with contextlib.suppress(FactstrError):
            store.close()
    if _log_bridge is not None and not in_forked_child():
        _log_bridge.stop()
