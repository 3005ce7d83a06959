"""A small writer of the stream that `git fast-import` reads. Names and paths are bytes, as in git."""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True)
class Author:
    name: bytes
    email: bytes


def quote(path: bytes) -> bytes:
    """Quotes a path, which may contain any byte but NUL."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    return (
        b'"'
        + b"".join(bytes([byte]) if byte in plain else b"\\%03o" % byte for byte in path)
        + b'"'
    )


def modify(path: bytes, content: bytes, mode: bytes = b"100644") -> bytes:
    return b"M %s inline %s\ndata %d\n%s\n" % (mode, quote(path), len(content), content)


def submodule(path: bytes, commit: bytes) -> bytes:
    return b"M 160000 %s %s\n" % (commit, quote(path))


def delete(path: bytes) -> bytes:
    return b"D %s\n" % quote(path)


class Repository:
    """Makes an empty bare repository and writes commits and tags into it."""

    def __init__(self, folder: Path, start: int = 1_600_000_000) -> None:
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder)], check=True
        )
        self.folder = folder
        self.clock = start
        self.commits = 0
        self._marks = 0

    def __enter__(self) -> Repository:
        self._process = subprocess.Popen(
            ["git", "-C", str(self.folder), "fast-import", "--quiet", "--date-format=raw"],
            stdin=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._out = self._process.stdin
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # The pipe breaks if git ends early. It has printed why, and its status is checked next.
        with contextlib.suppress(BrokenPipeError):
            self._out.close()
        if self._process.wait() != 0:
            raise SystemExit(f"git fast-import ended with status {self._process.returncode}")

    def commit(
        self,
        author: Author,
        message: bytes,
        changes: bytes = b"",
        *,
        parents: tuple[int, ...] = (),
        branch: bytes = b"refs/heads/main",
        zone: bytes = b"+0000",
        clock: int | None = None,
        encoding: bytes | None = None,
    ) -> int:
        """Writes one commit and returns its mark. Without parents it follows the newest commit of
        the branch.
        """
        self.clock += 600
        when = self.clock if clock is None else clock
        person = b"%s <%s> %d %s" % (author.name, author.email, when, zone)
        mark = self._mark()
        lines = [b"commit %s\nmark :%d\nauthor %s\ncommitter %s\n" % (branch, mark, person, person)]
        if encoding is not None:
            lines.append(b"encoding %s\n" % encoding)
        lines.append(b"data %d\n%s\n" % (len(message), message))
        for place, parent in enumerate(parents):
            lines.append(b"%s :%d\n" % (b"from" if place == 0 else b"merge", parent))
        self._out.write(b"".join(lines) + changes + b"\n")
        self.commits += 1
        return mark

    def root(self, branch: bytes) -> None:
        """Makes the next commit of the branch one without parents."""
        self._out.write(b"reset %s\n\n" % branch)

    def blob(self, content: bytes) -> int:
        mark = self._mark()
        self._out.write(b"blob\nmark :%d\ndata %d\n%s\n" % (mark, len(content), content))
        return mark

    def tag(self, name: bytes, target: int) -> None:
        self._out.write(b"reset refs/tags/%s\nfrom :%d\n\n" % (name, target))

    def annotated_tag(self, name: bytes, target: int, tagger: Author) -> int:
        mark = self._mark()
        self._out.write(
            b"tag %s\nmark :%d\nfrom :%d\ntagger %s <%s> %d +0000\ndata 4\ntag\n\n"
            % (name, mark, target, tagger.name, tagger.email, self.clock)
        )
        return mark

    def _mark(self) -> int:
        self._marks += 1
        return self._marks
