"""What is closed at the end of a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import NoReturn, TypeVar

from .errors import FactstrError

Self = TypeVar("Self", bound="Closeable")


def refuse_pickling(held: object) -> NoReturn:
    """Refuses what belongs to its process: a copy elsewhere would refer to nothing."""
    raise TypeError(
        f"{held!r} cannot be pickled or copied: it belongs to this process. Pass on the path or the "
        "URL, and open a store of its own in each process, after the fork"
    )


class Closeable(ABC):
    @property
    @abstractmethod
    def closed(self) -> bool: ...

    @abstractmethod
    def close(self) -> None: ...

    def __reduce__(self) -> NoReturn:
        refuse_pickling(self)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except FactstrError:
            # The error inside the block says more than a close that took too long.
            if error is None:
                raise
