"""What a transfer has to know: the balance of one account, and whether the other one is in use. Both
are in one context, so they are true at the same moment.
"""

from typing import NamedTuple

from factstr import EventFilter

from ..facts import Facts, change, moves_of


class Accounts(NamedTuple):
    balance: int
    known: bool


def context(source: str, target: str) -> list[EventFilter]:
    return [
        *moves_of(source),
        EventFilter(["Deposited"], [{"account": target}]),
        EventFilter(["Transferred"], [{"to": target}]),
    ]


def accounts(source: str, target: str, facts: Facts) -> Accounts:
    balance = sum(change(source, fact) for fact in facts)
    return Accounts(balance, any(change(target, fact) > 0 for fact in facts))
