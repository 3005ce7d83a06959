"""Plays the statuses that factstr.h lists for each function: statuses HEADER LIBRARY

The lists are read from the header's text. A status that is listed but was not returned fails the
test, and so does one that was returned but is not listed. Every call also checks that its buffer
holds what the header says. DATABASE_URL names a PostgreSQL database whose server asks for no
password.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import every_call
import memory
import postgres
import sqlite
from header import parse
from library import Library

# Statuses that need a broken disk, a standby or another system, each with the Go test that makes a
# store return that code. How a code becomes a status is the same for all (capi/status.go).
UNKNOWN = "TestAnErrorOfTheFileSystemDuringACommitIsAnsweredAsUnknown"
ELSEWHERE = {
    ("sqlite_open", "NOT_IMPLEMENTED"): "",  # on a system whose file locks are not known
    ("sqlite_open", "READ_ONLY"): "TestAReadOnlyFileSystemIsNamed",
    ("query", "READ_ONLY"): "TestAStandbyIsReadUntilItIsPromoted",
    ("query", "BUSY"): "",  # another process recovers SQLite's log after a crash
    ("explain", "READ_ONLY"): "TestAStandbyIsReadUntilItIsPromoted",
    ("explain", "BUSY"): "",  # as for query
    ("backup", "BUSY"): "TestABackupReplacesNothingAndLeavesNothingBehind",
    ("backup", "CORRUPT"): "",  # the database is damaged while the store is open
    ("verify", "READ_ONLY"): "TestAStandbyIsReadUntilItIsPromoted",
    ("verify", "BUSY"): "",  # as for query
    ("verify", "CORRUPT"): "",  # the page of the newest fact is damaged while the store is open
    ("cursors", "COMMIT_UNKNOWN"): "TestAChangeOfACursorWhoseAnswerIsLostIsUnknown",
    ("read_next", "READ_ONLY"): "TestAStandbyIsReadUntilItIsPromoted",
    ("read_next", "BUSY"): "",  # as for query
    ("read_next", "INVALID_STATE"): "",  # two calls at once: capi/internal/objects
    ("request_wait", "INVALID_STATE"): UNKNOWN,
    ("stream_next", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
    ("stream_next_many", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
    ("wait_for", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
    ("stream_wait_ready", "DURABLE_STREAM_LOST"): "TestADurableStreamThatWasTakenOverEnds",
}

SCENARIOS: list[Callable[[Library, Path], None]] = [
    every_call.settings_come_first,  # they need a process in which no store was opened
    every_call.unknown_handles_are_refused,
    every_call.a_forked_child_is_refused,
    every_call.bad_arguments_are_refused,
    memory.calls_of_a_store,
    memory.streams_that_are_pulled,
    memory.callbacks_that_close,
    memory.a_closing_store,
    memory.a_request_in_the_queue_of_a_closing_store,
    memory.more_requests_than_are_kept,
    sqlite.files_that_cannot_be_opened,
    sqlite.openings_that_are_submitted,
    sqlite.a_locked_log,
    sqlite.a_store_that_only_reads,
    sqlite.a_commit_that_fails_midway,
    sqlite.a_full_disk,
    sqlite.damaged_facts,
    sqlite.damaged_batches,
    sqlite.dropped_tables,
    sqlite.a_file_that_was_replaced,
    postgres.servers,
]


def main() -> int:
    functions = parse(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lib = Library(functions, sys.argv[2])
    failures = [
        f"factstr_{name} lists no statuses" for name, f in functions.items() if not f.statuses
    ]
    with tempfile.TemporaryDirectory() as folder:
        for scenario in SCENARIOS:
            own = Path(folder) / scenario.__name__
            own.mkdir()
            try:
                scenario(lib, own)
            except Exception as error:
                failures.append(f"{scenario.__name__}: {type(error).__name__}: {error}")
    listing = {(name, status) for name, f in functions.items() for status in f.statuses}
    played = {pair for pair in lib.returned if pair[1] != "FORKED"} | set(ELSEWHERE)
    failures += [
        f"factstr_{n} lists {s}, which no call returned" for n, s in sorted(listing - played)
    ]
    failures += [
        f"factstr_{n} returned {s}, which it does not list" for n, s in sorted(played - listing)
    ]
    failures += [
        f"factstr_{n} returned {s}: it is played here, not elsewhere"
        for n, s in sorted(lib.returned & set(ELSEWHERE))
    ]
    tests = "".join(each.read_text() for each in Path("core").rglob("*_test.go"))
    failures += [f"{t} is no test" for t in ELSEWHERE.values() if t and f"func {t}(" not in tests]
    for failure in failures:
        print("  " + failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
