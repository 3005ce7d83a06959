"""What a deposit has to know: what was paid into the account so far. Withdrawals do not matter to
it, so they are not in its context and never make it start over.
"""

from factstr import EventFilter

from ..facts import Facts


def context(account: str) -> list[EventFilter]:
    return [EventFilter(["Deposited"], [{"account": account}])]


def paid_in(facts: Facts) -> int:
    return sum(fact.payload["amount"] for fact in facts)
