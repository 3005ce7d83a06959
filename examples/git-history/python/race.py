"""One of two programs that want the same thing: to take the review of a commit, which only one of
them may have.

    python3 race.py STORE COMMIT

It reads the context, prints "ready", waits for a line on standard input, and then decides on what
it has read. The Node program beside it does the same at the same time.
"""

from __future__ import annotations

import sys

import factstr
from stores import open_store


def shown(version: int | None) -> str:
    return "no such fact" if version is None else f"version {version}"


def main(store_name: str, commit: str) -> None:
    with open_store(store_name) as store:
        reviews_of_commit: factstr.EventQueryDict = {
            "filters": [
                {"event_types": ["ReviewTaken"], "payload_predicates": [{"commit": commit}]}
            ]
        }
        seen = store.query(reviews_of_commit).current_context_version
        print("ready", flush=True)
        sys.stdin.readline()

        fact: factstr.NewEventDict = {
            "event_type": "ReviewTaken",
            "payload": {"commit": commit, "by": "Python"},
        }
        try:
            appended = store.append_if([fact], reviews_of_commit, seen)
            number = appended.first_sequence_number
            print(f"Python won: it expected {shown(seen)} and appended fact {number}")
        except factstr.ConditionalAppendConflict as conflict:
            expected, actual = conflict.expected_context_version, conflict.actual_context_version
            print(
                f"Python got the conflict: it expected {shown(expected)}, "
                f"the context is at {shown(actual)}"
            )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: race.py STORE COMMIT")
    main(sys.argv[1], sys.argv[2])
