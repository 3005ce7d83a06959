from ..facts import Refused


def may_withdraw(account: str, balance: int, amount: int) -> None:
    """Nobody takes out more than there is."""
    if balance < amount:
        raise Refused(f"{account} has {balance}, which is less than {amount}")
