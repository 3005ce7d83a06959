"""A store that is being opened."""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._closeable import close_after
from ._off_loop import off_loop

if TYPE_CHECKING:
    from .._store import Store as SyncStore
    from ._store import Store

Opened = TypeVar("Opened", bound="Store")


class Opening(Generic[Opened]):
    """What open() returns: `store = await SqliteStore.open(path)`, or
    `async with SqliteStore.open(path) as store`, which closes the store at its end.
    """

    def __init__(
        self, open_: Callable[[], SyncStore], store: Callable[[SyncStore], Opened]
    ) -> None:
        self._open = open_
        self._made = store
        self._store: Opened | None = None

    async def _opened(self) -> Opened:
        return self._made(await off_loop(self._open, lambda opened: opened.close()))

    def __await__(self) -> Generator[Any, None, Opened]:
        return self._opened().__await__()

    async def __aenter__(self) -> Opened:
        self._store = await self._opened()
        return self._store

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._store is not None
        await close_after(self._store, error)
