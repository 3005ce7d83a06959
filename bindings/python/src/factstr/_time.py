"""The time of a fact as a datetime."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

# datetime.fromisoformat reads neither "Z" before Python 3.11, nor nanoseconds.
_TEXT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))?"
)


def utc(text: str) -> datetime:
    """Returns the time of a text as the stores write it; other programs may have stored another
    precision or offset.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time in the form YYYY-MM-DDTHH:MM:SS.ffffffZ")
    day, clock, fraction, sign, hours, minutes = found.groups()
    at = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    if fraction is not None:
        at += timedelta(microseconds=int(f"{fraction:0<6}"[:6]))
    if sign is not None:
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        at = at - offset if sign == "+" else at + offset
    return at
