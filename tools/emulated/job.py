"""The job of run.py in Python; job.c says what the commands mean."""

from __future__ import annotations

import sys
import threading

import factstr

COUNTED: factstr.EventQueryDict = {"filters": [{"event_types": ["counted"]}]}


def say(line: str) -> None:
    print(line, flush=True)


def claim(store: factstr.Store, number: int) -> None:
    claimed: factstr.EventQueryDict = {
        "filters": [{"event_types": ["claimed"], "payload_predicates": [{"round": number}]}]
    }
    try:
        store.append_if([{"event_type": "claimed", "payload": {"round": number}}], claimed, None)
    except factstr.ConditionalAppendConflict:
        say("conflict")
    else:
        say("won")


def follow(store: factstr.Store, name: str, last: int) -> None:
    def handle(batch: factstr.Batch) -> None:
        for record in batch:
            say(f"handled {record.payload['n']}")
            if record.payload["n"] >= last:
                reached.set()

    reached = threading.Event()
    with store.stream_to_durable(name, COUNTED, handle):
        reached.wait()
    say("followed")


def main(place: str) -> None:
    options: factstr.SqliteOptions = {"busy_timeout_ms": 60_000}
    store = factstr.MemoryStore() if place == "memory" else factstr.SqliteStore(place, **options)
    with store:
        for line in sys.stdin:
            match line.split():
                case ["append", number]:
                    store.append([{"event_type": "counted", "payload": {"n": int(number)}}])
                    say(f"appended {number}")
                case ["claim", number]:
                    claim(store, int(number))
                case ["facts"]:
                    records = store.query(COUNTED).event_records
                    say(" ".join(["facts", *(str(record.payload["n"]) for record in records)]))
                case ["follow", name, last]:
                    follow(store, name, int(last))
                case _:
                    break
    say("closed")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as failure:
        say(f"failed {failure!r}")
        raise
