"""Generates a git repository: first the nasty cases, then the ordinary life of a project, up to the
given number of commits.

    python3 generate.py FOLDER [--commits 400]

The same number of commits gives the same hashes on every machine.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from fast_import import Author, Repository, modify
from nasty import write_nasty_history

TEAM = [
    Author(name.encode(), f"{name.split()[0].lower()}@example.org".encode())
    for name in (
        "Ada Lovelace",
        "Barbara Liskov",
        "Donald Knuth",
        "Edsger Dijkstra",
        "Frances Allen",
        "Grace Hopper",
        "Hedy Lamarr",
        "Ken Thompson",
    )
]
FILES = 400


class Project:
    """Files with lines that change, so that git has real differences to count."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.files: dict[bytes, list[bytes]] = {}

    def change(self) -> bytes:
        changes = []
        for _ in range(self.chance.choice((1, 1, 1, 2, 3, 5))):
            # Some files change far more often than others, as in real projects.
            number = int(FILES * self.chance.random() ** 3)
            path = b"src/module-%02d/file-%03d.txt" % (number % 20, number)
            changes.append(modify(path, self._edit(self.files.setdefault(path, []))))
        return b"".join(changes)

    def _edit(self, lines: list[bytes]) -> bytes:
        place = self.chance.randrange(len(lines) + 1)
        removed = self.chance.randrange(4) + (40 if len(lines) > 120 else 0)
        lines[place : place + removed] = [
            b"line %d\n" % self.chance.getrandbits(40) for _ in range(self.chance.randrange(8))
        ]
        return b"".join(lines)


def write_ordinary_history(repository: Repository, commits: int) -> None:
    project = Project(seed=commits)
    written = 0
    while written < commits:
        main = repository.commit(
            project.chance.choice(TEAM), b"change %d" % written, project.change()
        )
        written += 1
        if written % 25 == 0 and commits - written >= 4:
            # A branch beside main makes the order of `git log` differ from the order of the clock.
            path = b"topics/%d.txt" % written
            topic = b"refs/heads/topic"
            side = repository.commit(
                project.chance.choice(TEAM),
                b"topic begins",
                modify(path, b"1\n"),
                parents=(main,),
                branch=topic,
            )
            main = repository.commit(
                project.chance.choice(TEAM), b"meanwhile on main", project.change()
            )
            side = repository.commit(
                project.chance.choice(TEAM), b"topic ends", modify(path, b"1\n2\n"), branch=topic
            )
            main = repository.commit(
                project.chance.choice(TEAM),
                b"Merge topic",
                modify(path, b"1\n2\n"),
                parents=(main, side),
            )
            written += 4
            repository.tag(b"release-%d" % written, main)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", type=Path, help="where to make the bare repository; must not exist"
    )
    parser.add_argument(
        "--commits",
        type=int,
        default=400,
        help="how many commits, the nasty cases among them (never fewer than those)",
    )
    options = parser.parse_args()
    if options.folder.exists():
        parser.error(f"{options.folder} exists: name a folder that does not")
    with Repository(options.folder) as repository:
        write_nasty_history(repository)
        nasty = repository.commits
        write_ordinary_history(repository, max(0, options.commits - nasty))
        total = repository.commits
    print(f"{options.folder}: {total} commits, {nasty} of them nasty cases")


if __name__ == "__main__":
    main()
