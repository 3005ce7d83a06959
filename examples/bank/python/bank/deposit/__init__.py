from factstr import NewEvent, Store

from ..facts import Facts
from ..once import checked, once
from .query_model import context, paid_in
from .rule import may_deposit


def deposit(store: Store, command: str, account: str, cents: str) -> str:
    amount = checked(cents, command, account)
    fact = NewEvent("Deposited", {"command": command, "account": account, "amount": amount})

    def rule(facts: Facts) -> None:
        may_deposit(paid_in(facts), amount)

    return once(store, fact, context(account), rule)
