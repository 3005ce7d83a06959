"""What every store can do, whatever holds its facts."""

from __future__ import annotations

import ctypes
import os
import random
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from . import _appending, _capi, _cursors, _process, _threads
from ._arguments import durable_name, path_bytes, position
from ._batches import Batches
from ._capi import in_forked_child
from ._closeable import HURRY_S, Closeable
from ._closing import Closing
from ._deciding import check_attempts, pauses_between_attempts
from ._decoding import Decoder, ParseFloat
from ._encoding import encode_query
from ._inputs import (
    ConditionInput,
    CursorEveryInput,
    EventInput,
    Handler,
    JsonDumps,
    JsonLoads,
    ProgressHandler,
    QueryInput,
    RetryInput,
)
from ._opening import open_store
from ._owner import Owner
from ._reading import Reading
from ._registration import register
from ._reports import Backup, DurableCursor, Explanation, ParkedBatch, Statistics, Verification
from ._requests import Call
from ._results import AppendResult, QueryResult
from ._subscription import Subscription
from ._waiting import interruptible
from .errors import ConditionalAppendConflict, InvalidArgument


class Store(Closeable):
    """What every store can do. Open one of its subclasses. All methods may be called from any
    thread, also inside handlers.
    """

    _append_waits = True
    _at_once = True  # whether a call may be answered without waiting for anybody but the disk

    def __init__(
        self,
        open_: Callable[..., int],
        before: tuple[Any, ...],
        options: dict[str, Any],
        parse_float: ParseFloat,
        json_dumps: JsonDumps | None = None,
        json_loads: JsonLoads | None = None,
    ) -> None:
        library = _capi.load()
        if "sequence_numbers" in options:
            raise InvalidArgument(
                "sequence_numbers: leave it out; integers of Python hold every sequence number"
            )
        self._append = self._call(library, "factstr_append")
        self._append_if = self._call(library, "factstr_append_if")
        self._append_when = self._call(library, "factstr_append_when")
        self._query = self._call(library, "factstr_query")
        self._backup = Call(library.factstr_backup, library.factstr_backup_submit)
        self._verify = Call(library.factstr_verify, library.factstr_verify_submit)
        for name, hook in (("json_dumps", json_dumps), ("json_loads", json_loads)):
            if hook is not None and not callable(hook):
                raise InvalidArgument(f"{name} must be a function, not {type(hook).__name__}")
        self._dumps = json_dumps
        self._decoder = Decoder(parse_float, json_loads)
        owner = Owner(self, library, self._decoder, json_dumps)
        self._requests = owner.requests
        self._queue_timeout_ms = options.get("queue_timeout_ms")
        self._closing = Closing(owner, self._requests, options.get("close_timeout_ms"))
        self._owner = owner
        open_store(owner.handle, open_, before, options)
        _process.register(owner)

    def _call(self, library: ctypes.CDLL, name: str) -> Call:
        at_once = getattr(library, f"{name}_at_once") if self._at_once else None
        return Call(getattr(library, name), getattr(library, f"{name}_submit"), at_once)

    def append(self, events: Iterable[EventInput]) -> AppendResult:
        """Appends one batch. Returns after it is as durable as the store promises."""
        arguments = _appending.plain(events, self._dumps)
        return self._answer_append(self._append, *arguments)

    def append_if(
        self,
        events: Iterable[EventInput],
        context_query: QueryInput | None,
        expected_context_version: int | None,
    ) -> AppendResult:
        """Appends only if the context version of the query is the expected one; None expects
        that no fact matches.

        Raises ConditionalAppendConflict with both versions otherwise: then nothing happened.
        """
        arguments = _appending.conditional(
            events, context_query, expected_context_version, self._dumps
        )
        return self._answer_append(self._append_if, *arguments)

    def append_when(
        self, events: Iterable[EventInput], conditions: Iterable[ConditionInput]
    ) -> AppendResult:
        """Appends only if every condition holds. Without conditions it appends as append().

        Raises ConditionalAppendConflict otherwise, with the index of the first condition that does
        not hold: then nothing happened.
        """
        arguments = _appending.under_conditions(events, conditions, self._dumps)
        return self._answer_append(self._append_when, *arguments)

    def _answer_append(self, call: Call, *arguments: Any) -> AppendResult:
        return self._decoder.append_result(
            self._requests.answer(call, self._append_waits, *arguments)
        )

    def query(self, query: QueryInput | None = None) -> QueryResult:
        """Returns the matching records in ascending order, and the version of their context.
        None or {} asks for all.
        """
        text = encode_query(query, self._dumps)
        return self._decoder.query_result(
            self._requests.answer(self._query, True, text, len(text or b""))
        )

    def read(self, query: QueryInput | None = None) -> Reading:
        """Iterates over the matching records in the order of the query, in bounded memory however
        many they are, up to the head that the log has when the first one is read.

        The iteration raises LogTruncated when the log was replaced meanwhile.
        """
        return Reading(self._owner, self._requests, encode_query(query, self._dumps))

    def decide(
        self,
        query: QueryInput | None,
        decide: Callable[[QueryResult], Iterable[EventInput] | None],
        *,
        attempts: int = 20,
    ) -> AppendResult | None:
        """Runs a command: queries the context, calls `decide` with the result, and appends what it
        returns on the condition that the context has not changed. After a conflict it starts over,
        after a pause. `decide` may be called several times, so it only decides.

        Returns None if there is nothing to append. Raises ConditionalAppendConflict when all
        attempts are spent, and what `decide` raises as it is.
        """
        check_attempts(attempts)
        for pause_max in pauses_between_attempts():
            seen = self.query(query)
            decided = decide(seen)
            events = decided if decided is None or isinstance(decided, list) else list(decided)
            if not events:
                return None
            try:
                return self.append_if(events, query, seen.current_context_version)
            except ConditionalAppendConflict:
                attempts -= 1
                if attempts == 0:
                    raise
            _threads.sleep(random.uniform(0, pause_max))
        raise AssertionError("the pauses do not end")

    def stream_all(self, handle: Handler) -> Subscription:
        """Delivers every batch that is committed from now on, on a thread of the subscription."""
        return Subscription(register(self._owner, None, handle))

    def stream_to(self, query: QueryInput | None, handle: Handler) -> Subscription:
        """As stream_all, with the matching records of each batch that has any."""
        return Subscription(register(self._owner, query, handle))

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
        returns False ends the stream, and the registration if it is still replaying, with
        HandlerFailed; that batch comes again at the next registration.

        `on_progress` is called about once a second during the replay, on the thread that waits
        for it. What it raises ends the registration and is raised by this call.
        """
        return self.stream_to_durable(
            name, None, handle, retry=retry, cursor_every=cursor_every, on_progress=on_progress
        )

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
        return Subscription(
            register(
                self._owner,
                query,
                handle,
                durable_name=durable_name(name),
                retry=retry,
                cursor_every=cursor_every,
                on_progress=on_progress,
            )
        )

    def stream_from(
        self,
        after: int,
        query: QueryInput | None,
        handle: Handler,
        *,
        retry: RetryInput | None = None,
        on_progress: ProgressHandler | None = None,
    ) -> Subscription:
        """Replays the matching batches above a number that the program keeps, returns, and goes on
        with what is committed: after 0 all, after the `position` of the last batch that it handled
        the rest. The store keeps no cursor.

        A program that stores the position in the transaction in which it handles the batch handles
        each one exactly once. Failures, `retry` and `on_progress` are those of stream_all_durable;
        raises LogTruncated if the log does not reach the number.
        """
        return Subscription(
            register(
                self._owner,
                query,
                handle,
                after=position(after),
                retry=retry,
                on_progress=on_progress,
            )
        )

    def stream(
        self,
        query: QueryInput | None = None,
        *,
        after: int | None = None,
        durable: str | None = None,
    ) -> Batches:
        """Returns the batches of a stream, to iterate over: `for batch in store.stream(): ...`

        It begins behind the number `after`, as stream_from, or at the cursor of the name `durable`,
        as stream_to_durable; without both it delivers what is committed from now on. The loop waits
        for the next batch. Asking for it acknowledges the one before, and so does `batch.ack()`.
        Leaving the loop ends the stream, and does not acknowledge the batch in hand: of a durable
        name it comes again. The loop ends with the reason if the stream does.
        """
        return Batches(
            self._owner,
            query,
            None if after is None else position(after),
            None if durable is None else durable_name(durable),
        )

    def wait_for_cursor(self, name: str, number: int, timeout: float | None = None) -> None:
        """Waits until the durable stream of this name has come to a sequence number, in whatever
        process it runs: everything up to there was handled or does not match. So what a projection
        made of an append can be read after it. The name need not be active, or known.

        Raises Timeout if that takes longer than `timeout` seconds.
        """
        self._owner.wait_for({"durable": {"name": durable_name(name)}}, number, timeout)

    def cursors(self) -> tuple[DurableCursor, ...]:
        """Returns the state of every durable name, wherever it is active, in the order of the
        names. The cursors of this store's own subscriptions are stored first.
        """
        return self._decoder.cursors(self._owner.cursors(_cursors.LIST))

    def cursor_reset(self, name: str, to: int) -> None:
        """Sets the cursor of a durable name: the next registration delivers what matches above
        `to`, which is 0 for all and the head at most.

        Raises DurableStreamActive while somebody holds the name, InvalidArgument if it is not known.
        """
        self._owner.cursors(_cursors.reset(name, to))

    def cursor_copy(self, from_name: str, to_name: str) -> None:
        """Gives the new name `to_name` the query and the cursor of `from_name`.

        Raises DurableStreamActive while somebody holds either, InvalidArgument if `from_name` is not
        known, or `to_name` is.
        """
        self._owner.cursors(_cursors.copy(from_name, to_name))

    def parked(self, name: str) -> tuple[ParkedBatch, ...]:
        """Returns the batches that the durable stream of a name has put aside (`give_up="park"`), in
        the order of the log.
        """
        return self._decoder.parked(self._owner.cursors(_cursors.parked(name)))

    def redeliver_parked(self, name: str, positions: Iterable[int] | None = None) -> int:
        """Lets parked batches be delivered again, those at `positions` or all: by whoever holds the
        name, within a second or so, else by its next registration, before its replay. Returns how
        many there are. One that fails again stays parked.
        """
        return self._decoder.parked_found(self._owner.cursors(_cursors.redeliver(name, positions)))

    def discard_parked(self, name: str, positions: Iterable[int] | None = None) -> int:
        """Removes parked batches, which nobody will handle then. Returns how many there were."""
        return self._decoder.parked_found(self._owner.cursors(_cursors.discard(name, positions)))

    def cursor_delete(self, name: str) -> None:
        """Forgets a durable name, which may then be registered anew with any query.

        Raises DurableStreamActive while somebody holds it, InvalidArgument if it is not known,
        InvalidState while it has parked batches.
        """
        self._owner.cursors(_cursors.delete(name))

    def explain(self, query: QueryInput | None = None) -> Explanation:
        """Runs a query, and returns how it was answered instead of what it found."""
        owner, text = self._owner, encode_query(query, self._dumps)
        handle = owner.handle.use()
        status, answer = interruptible(lambda: owner.explain(handle, text), lambda _: None)
        owner.handle.check(status, answer)
        return self._decoder.explanation(answer)

    def backup(self, path: str | os.PathLike[str]) -> Backup:
        """Copies the log of a SQLite store into a new file while appends, queries and streams go
        on: a database that can be opened as a store.

        It has its name when it is whole and synced: a backup that is interrupted, fails or is
        killed leaves no file under that name. A file that exists is refused. Other stores raise
        OperationNotImplemented, which says what to do.
        """
        return self._decoder.backup(self._requests.answer(self._backup, True, path_bytes(path)))

    def verify(self) -> Verification:
        """Reads the whole log, and returns what is wrong with it: missing numbers, damaged facts,
        batches that are not whole, cursors that cannot be right, an index that does not agree with
        the facts, and what SQLite's own check of the file finds.

        It changes nothing and runs beside everything else. A damaged log gives findings and no
        error.
        """
        return self._decoder.verification(self._requests.answer(self._verify, True))

    def statistics(self) -> Statistics:
        """Returns what the store counts since it was opened. A log that cannot be read at the
        moment is no error but the `failure` in the result.
        """
        owner = self._owner
        handle = owner.handle.use()
        status, text = interruptible(lambda: owner.statistics(handle), lambda _: None)
        owner.handle.check(status, text)
        return self._decoder.statistics(text)

    @property
    def closed(self) -> bool:
        """True once close() was called."""
        return not self._owner.handle.number

    def close(self) -> None:
        """Delivers to the live streams what was committed before, ends all streams, and closes
        the store. May be called again.

        Waits for handlers, close_timeout_ms at most; then raises Timeout though the store is
        closed. Never waits for the handler that calls it.
        """
        if not in_forked_child():  # there nothing of the store exists
            self._closing.close()

    def _close_in_a_hurry(self) -> None:
        if not in_forked_child():
            self._closing.close(HURRY_S)

    def __del__(self) -> None:
        # An __init__ that raised may have come before there was an owner.
        owner = getattr(self, "_owner", None)
        if owner is not None and owner.handle.number and not in_forked_child():
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:  # warnings may be errors
                self._closing.abandon()
