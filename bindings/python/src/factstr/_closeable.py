"""What is closed at the end of a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import NoReturn, TypeVar

from .errors import FactstrError

Self = TypeVar("Self", bound="Closeable")

# Most handlers end within it. The batch of a slower one counts as not handled.
HURRY_S = 0.5


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

    def _close_in_a_hurry(self) -> None:
        """Closes after Ctrl-C, which waits for handlers no longer than HURRY_S."""
        self.close()

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
            if isinstance(error, KeyboardInterrupt):
                self._close_in_a_hurry()
            else:
                self.close()
        except FactstrError:
            # The error inside the block says more than a close that took too long.
            if error is None:
                raise
