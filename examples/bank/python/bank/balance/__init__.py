"""A slice that only reads: what an account has, and what happened to it."""

from factstr import EventQuery, Store

from ..facts import change, moves_of


def balance(store: Store, account: str) -> str:
    total = 0
    lines = []
    for fact in store.read(EventQuery(moves_of(account))):
        total += change(account, fact)
        lines.append(f"{fact.sequence_number} {fact.event_type} {change(account, fact)}")
    return "\n".join([*lines, f"{account} has {total}"])
