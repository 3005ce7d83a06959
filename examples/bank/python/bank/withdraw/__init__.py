from factstr import NewEvent, Store

from ..facts import Facts
from ..once import checked, once
from .query_model import balance, context
from .rule import may_withdraw


def withdraw(store: Store, command: str, account: str, cents: str) -> str:
    amount = checked(cents, command, account)
    fact = NewEvent("Withdrawn", {"command": command, "account": account, "amount": amount})

    def rule(facts: Facts) -> None:
        may_withdraw(account, balance(account, facts), amount)

    return once(store, fact, context(account), rule)
