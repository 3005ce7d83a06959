from factstr import NewEvent, Store

from ..facts import Facts
from ..once import checked, once
from .query_model import accounts, context
from .rule import may_transfer


def transfer(store: Store, command: str, source: str, target: str, cents: str) -> str:
    amount = checked(cents, command, source, target)
    fact = NewEvent(
        "Transferred", {"command": command, "from": source, "to": target, "amount": amount}
    )

    def rule(facts: Facts) -> None:
        may_transfer(source, target, accounts(source, target, facts), amount)

    return once(store, fact, context(source, target), rule)
