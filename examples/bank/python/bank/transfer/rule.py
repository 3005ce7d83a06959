from ..facts import Refused
from .query_model import Accounts


def may_transfer(source: str, target: str, accounts: Accounts, amount: int) -> None:
    """Money goes from an account that has it to another one that is in use."""
    if source == target:
        raise Refused(f"{source} cannot transfer to itself")
    if not accounts.known:
        raise Refused(f"nobody has paid into {target}: is the name right?")
    if accounts.balance < amount:
        raise Refused(f"{source} has {accounts.balance}, which is less than {amount}")
