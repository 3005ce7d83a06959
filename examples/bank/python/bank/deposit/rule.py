from ..facts import Refused

PAID_IN_MAX = 1_000_000


def may_deposit(paid_in: int, amount: int) -> None:
    """An account takes deposits of 10,000.00 in all; above that, the bank wants to see a person."""
    if paid_in + amount > PAID_IN_MAX:
        raise Refused(f"{paid_in} were paid in already, and {PAID_IN_MAX} are the limit")
