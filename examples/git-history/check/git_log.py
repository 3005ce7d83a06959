"""What git itself reports about a history. It is read in another way than the importer reads it,
line by line and with git's own quoting of paths, so that both do not share a mistake.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

LOG = [
    "log",
    "--numstat",
    "--no-renames",
    "--reverse",
    "--topo-order",
    "--encoding=UTF-8",
    "--no-show-signature",
    "--no-ext-diff",
]
ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
    b'"': b'"',
    b"\\": b"\\",
}


@dataclass
class Lines:
    commits: int = 0
    added: int = 0
    deleted: int = 0
    binary_changes: int = 0


@dataclass
class Figures:
    commits: int = 0
    merges: int = 0
    by_file_and_author: defaultdict[tuple[str, str], Lines] = field(
        default_factory=lambda: defaultdict(Lines)
    )


def git(repository: str, *words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", repository, *words], check=True, input=stdin, stdout=subprocess.PIPE
    ).stdout


def lines_of(repository: str, *words: str) -> Iterator[bytes]:
    with subprocess.Popen(["git", "-C", repository, *words], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield line.removesuffix(b"\n")
    if process.returncode != 0:
        raise SystemExit(f"git {words[0]} ended with status {process.returncode}")


def text(raw: bytes) -> str:
    """Decodes UTF-8. Other bytes become U+FFFD by the same rule as in the facts, that of the WHATWG
    encoding standard.
    """
    return raw.decode("utf-8", "replace")


def unquote(path: bytes) -> bytes:
    if not path.startswith(b'"'):
        return path
    return re.sub(rb"\\([0-7]{3}|.)", lambda found: _unescape(found[1]), path[1:-1])


def _unescape(code: bytes) -> bytes:
    return bytes([int(code, 8)]) if len(code) == 3 else ESCAPES[code]


def figures(repository: str, revision: str) -> Figures:
    result = Figures()
    author = ""
    # "commit" and "author" cannot be mistaken for a file, whose line begins with a digit or "-".
    for line in lines_of(
        repository,
        "-c",
        "core.quotePath=true",
        *LOG,
        "--format=commit %P%nauthor %an <%ae>",
        revision,
        "--",
    ):
        word, _, rest = line.partition(b" ")
        if word == b"commit":
            result.commits += 1
            result.merges += len(rest.split()) > 1
        elif word == b"author":
            author = text(rest)
        elif line:
            added, deleted, path = line.split(b"\t", 2)
            entry = result.by_file_and_author[text(unquote(path)), author]
            entry.commits += 1
            if added == b"-":
                entry.binary_changes += 1
            else:
                entry.added += int(added)
                entry.deleted += int(deleted)
    return result


def tags(repository: str) -> set[tuple[str, str]]:
    """Returns the names and commits of the tags. Tags of tags are followed to their end; tags of
    anything but a commit are left out.
    """
    ends: dict[bytes, bytes] = {}
    # for-each-ref reports whether there are tags, show-ref follows them: a name that was followed
    # is printed a second time, with ^{} after it.
    if git(repository, "for-each-ref", "--count=1", "refs/tags"):
        for line in git(repository, "show-ref", "--tags", "--dereference").splitlines():
            end, _, name = line.partition(b" refs/tags/")
            ends[name.removesuffix(b"^{}")] = end
    types = git(
        repository,
        "cat-file",
        "--batch-check=%(objecttype)",
        stdin=b"".join(end + b"\n" for end in ends.values()),
    ).split()
    return {
        (text(name), end.decode())
        for (name, end), kind in zip(ends.items(), types, strict=True)
        if kind == b"commit"
    }


def fields(repository: str, revision: str) -> Iterator[tuple[str, ...]]:
    """Yields the hash, parents, author's name and email, time and subject of each commit. None of
    them can contain a newline.
    """
    lines = lines_of(
        repository, "log", *LOG[3:], "--format=%H%n%P%n%an%n%ae%n%cI%n%s", revision, "--"
    )
    for first in lines:
        yield tuple(text(line) for line in (first, *(next(lines) for _ in range(5))))


def commits_that_touch(repository: str, revision: str, path: str) -> list[str]:
    """Leaves merges out, because --numstat shows no files for them."""
    words = ["rev-list", "--full-history", "--no-merges", revision, "--", f":(top,literal){path}"]
    return git(repository, *words).decode().split()
