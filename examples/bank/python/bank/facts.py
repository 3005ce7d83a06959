"""What happens in this bank, as all slices write and read it. Amounts are whole cents."""

from __future__ import annotations

from collections.abc import Sequence

from factstr import EventFilter, EventRecord

Facts = Sequence[EventRecord]


class Refused(Exception):
    """A refusal by a rule: an answer, not a failure."""


def moves_of(account: str) -> list[EventFilter]:
    """All facts that move money into or out of an account."""
    return [
        EventFilter(["Deposited", "Withdrawn"], [{"account": account}]),
        EventFilter(["Transferred"], [{"from": account}, {"to": account}]),
    ]


def change(account: str, fact: EventRecord) -> int:
    """What a fact changes in the balance of an account."""
    payload = fact.payload
    amount: int = payload["amount"]
    if fact.event_type == "Transferred":
        into = amount if payload["to"] == account else 0
        return into - (amount if payload["from"] == account else 0)
    if payload["account"] != account:
        return 0
    return amount if fact.event_type == "Deposited" else -amount
