"""What every store can do, awaited."""

from __future__ import annotations

import asyncio
import inspect
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from .. import _appending, _cursors
from .._arguments import durable_name, path_bytes, position
from .._capi import in_forked_child
from .._deciding import check_attempts, pauses_between_attempts
from .._encoding import encode_query, encode_wait
from .._inputs import ConditionInput, CursorEveryInput, EventInput, QueryInput, RetryInput
from .._reports import (
    Backup,
    DurableCursor,
    Explanation,
    ParkedBatch,
    Statistics,
    StreamProgress,
    Verification,
)
from .._results import AppendResult, QueryResult
from .._store import Store as SyncStore
from ..errors import ConditionalAppendConflict
from ._answers import Answers
from ._batches import Batches
from ._closeable import AsyncCloseable
from ._off_loop import off_loop
from ._reading import Reading
from ._subscription import AsyncHandler, Subscription, subscribe

T = TypeVar("T")
Decided = Iterable[EventInput] | None


class Store(AsyncCloseable):
    """What every store can do. Open one of its subclasses. All methods may be called from the event
    loops of any threads, also inside handlers.
    """

    def __init__(self, store: SyncStore) -> None:
        self._store = store
        self._owner = store._owner
        self._decoder = store._decoder
        self._dumps = store._dumps
        self._answers = Answers(self._owner.handle, store._queue_timeout_ms)
        store._requests.before_close = self._answers.end

    async def append(self, events: Iterable[EventInput]) -> AppendResult:
        """Appends one batch. Returns after it is as durable as the store promises.

        If the await is cancelled before a group has taken the batch, nothing is written; went_on()
        tells, of the CancelledError, whether it was committed all the same.
        """
        arguments = _appending.plain(events, self._dumps)
        return await self._answer_append("factstr_append_submit", *arguments)

    async def append_if(
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
        return await self._answer_append("factstr_append_if_submit", *arguments)

    async def append_when(
        self, events: Iterable[EventInput], conditions: Iterable[ConditionInput]
    ) -> AppendResult:
        """Appends only if every condition holds. Without conditions it appends as append().

        Raises ConditionalAppendConflict otherwise, with the index of the first condition that does
        not hold: then nothing happened.
        """
        arguments = _appending.under_conditions(events, conditions, self._dumps)
        return await self._answer_append("factstr_append_when_submit", *arguments)

    async def _answer_append(self, name: str, *arguments: Any) -> AppendResult:
        return await self._answers.append(name, self._decoder.append_result, *arguments)

    async def query(self, query: QueryInput | None = None) -> QueryResult:
        """Returns the matching records in ascending order, and the version of their context.
        None or {} asks for all.
        """
        text = encode_query(query, self._dumps)
        return await self._answers.ask(
            "factstr_query_submit", self._decoder.query_result, text, len(text or b"")
        )

    def read(self, query: QueryInput | None = None) -> Reading:
        """Iterates over the matching records in the order of the query, in bounded memory however
        many they are, up to the head that the log has when the first one is read:
        `async for record in store.read(query)`.

        The iteration raises LogTruncated when the log was replaced meanwhile.
        """
        return Reading(self._owner, self._answers, encode_query(query, self._dumps))

    async def decide(
        self,
        query: QueryInput | None,
        decide: Callable[[QueryResult], Decided | Awaitable[Decided]],
        *,
        attempts: int = 20,
    ) -> AppendResult | None:
        """Runs a command: queries the context, calls `decide` with the result, which may be async,
        and appends what it returns on the condition that the context has not changed. After a
        conflict it starts over, after a pause. `decide` may be called several times, so it only
        decides.

        Returns None if there is nothing to append. Raises ConditionalAppendConflict when all
        attempts are spent, and what `decide` raises as it is.
        """
        check_attempts(attempts)
        for pause_max in pauses_between_attempts():
            seen = await self.query(query)
            decided = decide(seen)
            if inspect.isawaitable(decided):
                decided = await decided
            events = decided if decided is None or isinstance(decided, list) else list(decided)
            if not events:
                return None
            try:
                return await self.append_if(events, query, seen.current_context_version)
            except ConditionalAppendConflict:
                attempts -= 1
                if attempts == 0:
                    raise
            await asyncio.sleep(random.uniform(0, pause_max))
        raise AssertionError("the pauses do not end")

    async def stream_all(self, handle: AsyncHandler) -> Subscription:
        """Delivers every batch that is committed from now on, on this event loop."""
        return await subscribe(self, None, handle)

    async def stream_to(self, query: QueryInput | None, handle: AsyncHandler) -> Subscription:
        """As stream_all, with the matching records of each batch that has any."""
        return await subscribe(self, query, handle)

    async def stream_all_durable(
        self,
        name: str,
        handle: AsyncHandler,
        *,
        retry: RetryInput | None = None,
        cursor_every: CursorEveryInput | None = None,
        on_progress: Callable[[StreamProgress], object] | None = None,
    ) -> Subscription:
        """As stream_to_durable, with all records."""
        return await self.stream_to_durable(
            name, None, handle, retry=retry, cursor_every=cursor_every, on_progress=on_progress
        )

    async def stream_to_durable(
        self,
        name: str,
        query: QueryInput | None,
        handle: AsyncHandler,
        *,
        retry: RetryInput | None = None,
        cursor_every: CursorEveryInput | None = None,
        on_progress: Callable[[StreamProgress], object] | None = None,
    ) -> Subscription:
        """Replays what the named stream has not handled yet, returns, and goes on with what is
        committed. A name stays with its query.

        The store remembers under the name how far the handler came. A handler that raises or
        returns False ends the stream, and the registration if it is still replaying, with
        HandlerFailed; that batch comes again at the next registration.

        `on_progress` is called about once a second during the replay, on the event loop. What it
        raises ends the registration and is raised by this call.
        """
        return await subscribe(
            self,
            query,
            handle,
            durable_name=durable_name(name),
            retry=retry,
            cursor_every=cursor_every,
            on_progress=on_progress,
        )

    async def stream_from(
        self,
        after: int,
        query: QueryInput | None,
        handle: AsyncHandler,
        *,
        retry: RetryInput | None = None,
        on_progress: Callable[[StreamProgress], object] | None = None,
    ) -> Subscription:
        """Replays the matching batches above a number that the program keeps, returns, and goes on
        with what is committed: after 0 all, after the `position` of the last batch that it handled
        the rest. The store keeps no cursor.

        A program that stores the position in the transaction in which it handles the batch handles
        each one exactly once. Failures, `retry` and `on_progress` are those of stream_to_durable;
        raises LogTruncated if the log does not reach the number.
        """
        return await subscribe(
            self, query, handle, after=position(after), retry=retry, on_progress=on_progress
        )

    def stream(
        self,
        query: QueryInput | None = None,
        *,
        after: int | None = None,
        durable: str | None = None,
    ) -> Batches:
        """Returns the batches of a stream, to iterate over:
        `async for batch in store.stream(): ...`

        It begins behind the number `after`, as stream_from, or at the cursor of the name `durable`,
        as stream_to_durable; without both it delivers what is committed after the loop has begun, or
        the block of `async with store.stream() as batches`.

        Asking for the next batch acknowledges the one before, and so does `batch.ack()`. Leaving the
        loop ends the stream, and does not acknowledge the batch in hand: of a durable name it comes
        again. The loop ends with the reason if the stream does.
        """
        return Batches(
            self._owner,
            query,
            None if after is None else position(after),
            None if durable is None else durable_name(durable),
        )

    async def wait_for_cursor(self, name: str, number: int, timeout: float | None = None) -> None:
        """Waits until the durable stream of this name has come to a sequence number, in whatever
        process it runs: everything up to there was handled or does not match. So what a projection
        made of an append can be read after it. The name need not be active, or known.

        Raises Timeout if that takes longer than `timeout` seconds.
        """
        await self._wait_for({"durable": {"name": durable_name(name)}}, number, timeout)

    async def _wait_for(self, stream: dict[str, Any], number: int, timeout: float | None) -> None:
        text = encode_wait(stream, number, timeout)
        await self._answers.ask("factstr_wait_for_submit", bytes, text, len(text))

    async def cursors(self) -> tuple[DurableCursor, ...]:
        """Returns the state of every durable name, wherever it is active, in the order of the
        names. The cursors of this store's own subscriptions are stored first.
        """
        return await self._answers.ask(
            "factstr_cursors_submit", self._decoder.cursors, _cursors.LIST, len(_cursors.LIST)
        )

    async def cursor_reset(self, name: str, to: int) -> None:
        """Sets the cursor of a durable name: the next registration delivers what matches above
        `to`, which is 0 for all and the head at most.

        Raises DurableStreamActive while somebody holds the name, InvalidArgument if it is not known.
        """
        await self._change_cursor(_cursors.reset(name, to))

    async def cursor_copy(self, from_name: str, to_name: str) -> None:
        """Gives the new name `to_name` the query and the cursor of `from_name`.

        Raises DurableStreamActive while somebody holds either, InvalidArgument if `from_name` is not
        known, or `to_name` is.
        """
        await self._change_cursor(_cursors.copy(from_name, to_name))

    async def parked(self, name: str) -> tuple[ParkedBatch, ...]:
        """Returns the batches that the durable stream of a name has put aside (`give_up="park"`), in
        the order of the log.
        """
        return await self._ask_cursors(self._decoder.parked, _cursors.parked(name))

    async def redeliver_parked(self, name: str, positions: Iterable[int] | None = None) -> int:
        """Lets parked batches be delivered again, those at `positions` or all: by whoever holds the
        name, within a second or so, else by its next registration, before its replay. Returns how
        many there are. One that fails again stays parked.
        """
        return await self._ask_cursors(
            self._decoder.parked_found, _cursors.redeliver(name, positions)
        )

    async def discard_parked(self, name: str, positions: Iterable[int] | None = None) -> int:
        """Removes parked batches, which nobody will handle then. Returns how many there were."""
        return await self._ask_cursors(
            self._decoder.parked_found, _cursors.discard(name, positions)
        )

    async def cursor_delete(self, name: str) -> None:
        """Forgets a durable name, which may then be registered anew with any query.

        Raises DurableStreamActive while somebody holds it, InvalidArgument if it is not known,
        InvalidState while it has parked batches.
        """
        await self._change_cursor(_cursors.delete(name))

    async def _ask_cursors(self, decode: Callable[[bytes], T], call: bytes) -> T:
        return await self._answers.ask("factstr_cursors_submit", decode, call, len(call))

    async def _change_cursor(self, call: bytes) -> None:
        await self._answers.ask("factstr_cursors_submit", bytes, call, len(call))

    async def explain(self, query: QueryInput | None = None) -> Explanation:
        """Runs a query, and returns how it was answered instead of what it found."""
        return await off_loop(lambda: self._store.explain(query))

    async def backup(self, path: str | os.PathLike[str]) -> Backup:
        """Copies the log of a SQLite store into a new file while appends, queries and streams go
        on: a database that can be opened as a store.

        It has its name when it is whole and synced: a backup that is cancelled, fails or is killed
        leaves no file under that name. A file that exists is refused. Other stores raise
        OperationNotImplemented, which says what to do.
        """
        return await self._answers.ask(
            "factstr_backup_submit", self._decoder.backup, path_bytes(path)
        )

    async def verify(self) -> Verification:
        """Reads the whole log, and returns what is wrong with it: missing numbers, damaged facts,
        batches that are not whole, cursors that cannot be right, an index that does not agree with
        the facts, and what SQLite's own check of the file finds.

        It changes nothing and runs beside everything else. A damaged log gives findings and no
        error.
        """
        return await self._answers.ask("factstr_verify_submit", self._decoder.verification)

    async def statistics(self) -> Statistics:
        """Returns what the store counts since it was opened. A log that cannot be read at the
        moment is no error but the `failure` in the result.
        """
        return await off_loop(self._store.statistics)

    @property
    def closed(self) -> bool:
        return self._store.closed

    async def close(self) -> None:
        """Answers the calls in flight, delivers to the live streams what was committed before, ends
        all streams, and closes the store. May be called again.

        Calls that wait in the queue get StoreClosed. Waits for handlers, close_timeout_ms at most;
        then raises Timeout though the store is closed. Never waits for the handler that calls it.
        """
        if not in_forked_child():  # there nothing of the store exists
            await asyncio.shield(off_loop(self._store.close))

    async def _close_in_a_hurry(self) -> None:
        await asyncio.shield(off_loop(self._store._close_in_a_hurry))

    def __repr__(self) -> str:
        return f"aio.{self._store!r}"
