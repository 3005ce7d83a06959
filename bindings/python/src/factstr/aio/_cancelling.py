"""What a cancelled await says of its append.

A cancelled append that no group has taken is removed from the queue: nothing is written. One that is
being committed goes on, and the caller wants to know. A subclass of CancelledError could carry the
outcome, but asyncio.timeout() of Python 3.11 and 3.12 knows CancelledError itself only, and anyio
knows its own cancellations by their arguments. So the same exception goes on, and the outcome is an
attribute of it, which went_on() finds.
"""

from __future__ import annotations

from .._results import AppendResult
from ..errors import CommitUnknown

_OUTCOME = "_factstr_outcome"


def note(cancelled: BaseException, outcome: AppendResult | CommitUnknown) -> None:
    """Notes how the append of a cancelled await went on."""
    setattr(cancelled, _OUTCOME, outcome)
    if (add_note := getattr(cancelled, "add_note", None)) is not None:  # Python 3.11
        said = (
            f"the append was committed all the same, as {outcome}"
            if isinstance(outcome, AppendResult)
            else f"{outcome}"
        )
        add_note(said)


def went_on(error: BaseException) -> AppendResult | CommitUnknown | None:
    """Returns the outcome of an append whose await was cancelled or timed out.

    None: nothing was written. An AppendResult: a group had taken it, and it is committed. A
    CommitUnknown: it may or may not be committed. `error` is what the await raised, CancelledError
    or the TimeoutError that was made of it.
    """
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        outcome: AppendResult | CommitUnknown | None = getattr(following, _OUTCOME, None)
        if outcome is not None:
            return outcome
        following = following.__cause__ or following.__context__
    return None
