"""Compares the results of this example's programs with what git reports about the same history.
Exits with status 1 if they differ.

    python3 compare.py STORE MODEL REPOSITORY REVISION [PATH LISTED]...

PATH is a path whose commits commits_of_path has listed, and LISTED the file with its output.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import factstr
import git_log
from stores import open_store

PAGE = 1_000


def facts(store: factstr.Store, event_type: str) -> Iterator[Any]:
    """Yields the payloads of all facts of a type, read page by page."""
    after = 0
    while True:
        page = store.query(
            {
                "filters": [{"event_types": [event_type]}],
                "min_sequence_number": after,
                "limit": PAGE,
            }
        )
        yield from (record.payload for record in page.event_records)
        if page.last_returned_sequence_number is None:
            return
        after = page.last_returned_sequence_number


def recorded_fields(commit: Any) -> tuple[str, ...]:
    author = commit["author"]
    return (
        commit["hash"],
        " ".join(commit["parents"]),
        author["name"],
        author["email"],
        commit["committed_at"],
        commit["subject"],
    )


class Table:
    """Prints figures beside git's own and remembers whether any differs."""

    def __init__(self) -> None:
        self.differences = 0
        print(f"  {'':<46}{'facts':>12}{'git':>12}")

    def row(self, name: str, ours: int, gits: int) -> None:
        self.differences += ours != gits
        print(f"  {name:<46}{ours:>12,}{gits:>12,}  {'same' if ours == gits else 'DIFFERENT'}")


def main(store_name: str, model_path: str, repository: str, revision: str, *listings: str) -> int:
    table = Table()
    git = git_log.figures(repository, revision)
    theirs = {
        key: (line.commits, line.added, line.deleted, line.binary_changes)
        for key, line in git.by_file_and_author.items()
    }

    model = sqlite3.connect(model_path)
    commits, merges = model.execute("SELECT commits, merges FROM totals").fetchone()
    rows = model.execute("SELECT path, author, commits, added, deleted, binary_changes FROM lines")
    ours = {(row[0], row[1]): row[2:] for row in rows}
    model.close()
    table.row("query model (Python): commits", commits, git.commits)
    table.row("  merges", merges, git.merges)
    for place, name in enumerate(
        ("changes of a file", "lines added", "lines deleted", "changes of a binary file")
    ):
        table.row(
            f"  {name}",
            sum(row[place] for row in ours.values()),
            sum(row[place] for row in theirs.values()),
        )
    table.row("  rows, one per file and author", len(ours), len(theirs))
    table.row(
        "  rows equal in every figure",
        sum(theirs.get(key) == row for key, row in ours.items()),
        len(theirs),
    )

    with open_store(store_name) as store:
        gits_fields = {hash(fields) for fields in git_log.fields(repository, revision)}
        equal = sum(
            hash(recorded_fields(commit)) in gits_fields
            for commit in facts(store, "CommitRecorded")
        )
        table.row("facts (Node): commits equal in every field", equal, git.commits)
        recorded_tags = {(tag["name"], tag["commit"]) for tag in facts(store, "TagCreated")}
    gits_tags = git_log.tags(repository)
    table.row("  tags", len(recorded_tags), len(gits_tags))
    table.row("  tags equal in name and commit", len(recorded_tags & gits_tags), len(gits_tags))

    for path, listed in zip(listings[::2], listings[1::2], strict=True):
        # A line is a hash and a subject; lines of the summary at the end begin with a space.
        hashes = [
            line.split(b" ")[0].decode()
            for line in Path(listed).read_bytes().splitlines()
            if not line.startswith(b" ")
        ]
        gits_hashes = git_log.commits_that_touch(repository, revision, path)
        table.row(
            f"listing (C): commits that touch {printable(path)}", len(hashes), len(gits_hashes)
        )
        table.row(
            "  of them the same commits", len(set(hashes) & set(gits_hashes)), len(gits_hashes)
        )

    if table.differences > 0:
        print(f"{table.differences} figures differ from git's", file=sys.stderr)
        return 1
    return 0


def printable(path: str) -> str:
    shown = path.encode("unicode_escape").decode() if any(ord(sign) < 32 for sign in path) else path
    return shown if len(shown) <= 14 else "..." + shown[-11:]


if __name__ == "__main__":
    if len(sys.argv) < 5 or len(sys.argv) % 2 == 0:
        sys.exit("usage: compare.py STORE MODEL REPOSITORY REVISION [PATH LISTED]...")
    sys.exit(main(*sys.argv[1:]))
