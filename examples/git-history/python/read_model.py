"""A query model: how many lines each author changed in each file. It has a SQLite file of its own
and is fed by a durable stream.

    python3 read_model.py STORE MODEL [--follow]

It counts the commits that are recorded, and ends. With --follow it then prints "ready", goes on
counting live, and after the end of its standard input ends once it has counted everything that was
recorded until then.

The stream delivers a batch at least once: after a crash some batches come again. The model
therefore stores the number of the last fact it has counted in the transaction that counts it, and
skips facts up to that number. So each fact counts exactly once.
"""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import factstr
from stores import open_store

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    path TEXT NOT NULL,
    author TEXT NOT NULL,
    commits INTEGER NOT NULL,
    added INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    binary_changes INTEGER NOT NULL,
    PRIMARY KEY (path, author)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    stream TEXT NOT NULL,
    position INTEGER NOT NULL,
    commits INTEGER NOT NULL,
    merges INTEGER NOT NULL
);
"""

COUNT_FILE = """
INSERT INTO lines VALUES (?, ?, 1, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    commits = commits + 1,
    added = added + excluded.added,
    deleted = deleted + excluded.deleted,
    binary_changes = binary_changes + excluded.binary_changes
"""


class LinesByAuthor:
    """The query model. `handle` is called with one committed batch of facts at a time."""

    def __init__(self, path: Path) -> None:
        # The stream calls from a thread of its own, one call at a time.
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode = WAL")
        # The stream's cursor moves on once a batch is handled. By then the model's own writes must
        # survive a power failure.
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.executescript(SCHEMA)
        if self.database.execute("SELECT count(*) FROM totals").fetchone() == (0,):
            # The name of the stream belongs to this file. A new file gets a new name, and with it
            # every fact from the first one on.
            self.database.execute(
                "INSERT INTO totals VALUES (?, 0, 0, 0)",
                (f"lines-by-author-{secrets.token_hex(4)}",),
            )
        self.stream, self.position = self.database.execute(
            "SELECT stream, position FROM totals"
        ).fetchone()
        self.batches = 0
        self.repeated = 0
        self.facts = 0

    def handle(self, records: Sequence[factstr.EventRecord]) -> None:
        self.batches += 1
        new = [record for record in records if record.sequence_number > self.position]
        if not new:
            self.repeated += 1
            return
        self.database.execute("BEGIN IMMEDIATE")
        try:
            for record in new:
                self._count(record.payload)
            self.database.execute("UPDATE totals SET position = ?", (new[-1].sequence_number,))
            kill_point("before-commit", self.batches)
            self.database.execute("COMMIT")
        except BaseException:
            self.database.execute("ROLLBACK")
            raise  # a handler that raises has failed: its batch is not acknowledged
        kill_point("after-commit", self.batches)
        self.position = new[-1].sequence_number
        self.facts += len(new)

    def _count(self, commit: Any) -> None:
        author = f"{commit['author']['name']} <{commit['author']['email']}>"
        merge = len(commit["parents"]) > 1
        self.database.execute(
            "UPDATE totals SET commits = commits + 1, merges = merges + ?", (merge,)
        )
        for file in commit["files"]:
            binary = file["added"] is None  # binary files have no lines
            self.database.execute(
                COUNT_FILE, (file["path"], author, file["added"] or 0, file["deleted"] or 0, binary)
            )


def kill_point(place: str, batch: int) -> None:
    """For tests and for the demo: dies by SIGKILL at this place of that batch if MODEL_KILL_AT is,
    for example, "after-commit:10".
    """
    if os.environ.get("MODEL_KILL_AT") == f"{place}:{batch}":
        os.kill(os.getpid(), signal.SIGKILL)


def main(store_name: str, model_path: str, follow: bool) -> None:
    model = LinesByAuthor(Path(model_path))
    began_after = model.position
    live = ""
    with open_store(store_name) as store:
        if follow:
            with catch_up(store, model):
                before = model.batches
                print("ready", flush=True)
                sys.stdin.read()
            # Some of what is recorded by now may not have been delivered yet: the replay below
            # resumes there.
            live = f"{model.batches - before} of them live, "
        catch_up(store, model).close()
    print(
        f"began after fact {began_after}, got {model.batches} batches, "
        f"{live}{model.repeated} of them a second time, "
        f"counted {model.facts} commits, stands at fact {model.position}"
    )


def catch_up(store: factstr.Store, model: LinesByAuthor) -> factstr.Subscription:
    """Returns when everything that was recorded before has been handled. What is recorded later is
    handled while the subscription is open.
    """
    return store.stream_to_durable(
        model.stream, {"filters": [{"event_types": ["CommitRecorded"]}]}, model.handle
    )


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--follow"]):
        sys.exit("usage: read_model.py STORE MODEL [--follow]")
    main(sys.argv[1], sys.argv[2], follow=len(sys.argv) == 4)
