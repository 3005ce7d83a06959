"""How often decide tries, and how long it pauses in between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .errors import InvalidArgument

# Before the next attempt a caller waits for a random time up to a bound that doubles. Callers that
# conflicted together would conflict together again, so their times are spread.
_DECIDE_PAUSE_MIN_S, _DECIDE_PAUSE_MAX_S = 0.004, 0.25


def check_attempts(attempts: Any) -> None:
    if not isinstance(attempts, int) or isinstance(attempts, bool) or attempts < 1:
        raise InvalidArgument(f"attempts must be an int, 1 or more, not {attempts!r}")


def pauses_between_attempts() -> Iterator[float]:
    """Yields the longest pause after each attempt of decide, in seconds."""
    pause = _DECIDE_PAUSE_MIN_S
    while True:
        yield pause
        pause = min(2 * pause, _DECIDE_PAUSE_MAX_S)
