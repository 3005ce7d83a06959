"""What a withdrawal has to know: the balance of one account."""

from factstr import EventFilter

from ..facts import Facts, change, moves_of


def context(account: str) -> list[EventFilter]:
    return moves_of(account)


def balance(account: str, facts: Facts) -> int:
    return sum(change(account, fact) for fact in facts)
