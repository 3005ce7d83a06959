"""python3 -m bank DATABASE deposit|withdraw ID ACCOUNT CENTS
                   DATABASE transfer ID FROM TO CENTS
                   DATABASE balance ACCOUNT

ID is any text that names the command: sent again with the same one, it changes nothing.
Ends with 0 when it is done (or was before), with 1 when a rule refuses, and with 2 when it is to be
sent again.
"""

from __future__ import annotations

import sys

import factstr

from .balance import balance
from .deposit import deposit
from .facts import Refused
from .transfer import transfer
from .withdraw import withdraw

# Nothing was written, or nobody can know: with its id, the command may be sent again in any case.
AGAIN = (
    factstr.Busy,
    factstr.Timeout,
    factstr.ConditionalAppendConflict,
    factstr.CommitUnknown,
)


def carry_out(store: factstr.Store, words: list[str]) -> str:
    match words:
        case ["deposit", command, account, cents]:
            return deposit(store, command, account, cents)
        case ["withdraw", command, account, cents]:
            return withdraw(store, command, account, cents)
        case ["transfer", command, source, target, cents]:
            return transfer(store, command, source, target, cents)
        case ["balance", account]:
            return balance(store, account)
    raise Refused("usage: DATABASE deposit|withdraw|transfer|balance ...")


def main(path: str = "", *words: str) -> int:
    try:
        with factstr.SqliteStore(path) as store:
            print(carry_out(store, list(words)))
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    except AGAIN as error:
        print(f"send it again: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
