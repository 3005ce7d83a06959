"""What is closed at the end of an `async with` block."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import NoReturn, TypeVar

from .._closeable import refuse_pickling
from ..errors import FactstrError

Self = TypeVar("Self", bound="AsyncCloseable")


class AsyncCloseable(ABC):
    @property
    @abstractmethod
    def closed(self) -> bool: ...

    @abstractmethod
    async def close(self) -> None: ...

    async def _close_in_a_hurry(self) -> None:
        """Closes after Ctrl-C, which waits for handlers no longer than HURRY_S."""
        await self.close()

    def __reduce__(self) -> NoReturn:
        refuse_pickling(self)

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await close_after(self, error)


async def close_after(closeable: AsyncCloseable, error: BaseException | None) -> None:
    """Closes at the end of a block. The error inside the block says more than a close that took too
    long. After Ctrl-C, which asyncio.run() makes a cancellation of, there is no time for slow handlers.
    """
    try:
        if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)):
            await closeable._close_in_a_hurry()
        else:
            await closeable.close()
    except FactstrError:
        if error is None:
            raise
