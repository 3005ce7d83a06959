"""Checks which files are in the tree: a run that takes an option for a path leaves a database in the
top folder, and `git add -A` takes it along. So a file of the top folder must be known here, no name
may look like an option, and a database must be a fixture.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TOP = {
    ".clang-format",
    ".clang-tidy",
    ".editorconfig",
    ".gitignore",
    ".prettierrc.json",
    ".shellcheckrc",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "RELEASING.md",
    "SECURITY.md",
    "VERSION",
    "build.sh",
    "eslint.config.mjs",
    "go.mod",
    "go.sum",
    "ruff.toml",
    "staticcheck.conf",
}

# The first bytes of what a database leaves: itself, its log in both byte orders, its journal.
DATABASES = (
    b"SQLite format 3\0",
    b"\x37\x7f\x06\x82",
    b"\x37\x7f\x06\x83",
    b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7",
)
SIDES = ("-wal", "-shm", "-journal", ".factstr-backup")


def wrong(path: str) -> str | None:
    """Returns what is wrong with a file of the tree, by its path from the root."""
    parts = path.split("/")
    if any(part.startswith("-") for part in parts):
        return "its name looks like an option"
    if len(parts) == 1 and path not in TOP:
        return "the top folder has no such file; put it into a folder, or add it to tools/check_tree.py"
    if "testdata" in parts:
        return None
    if path.endswith(SIDES):
        return "a file beside a database"
    with (ROOT / path).open("rb") as file:
        if file.read(16).startswith(DATABASES):
            return "a database outside of a folder testdata"
    return None


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [path for path in listed.stdout.split("\0") if (ROOT / path).is_file()]
    found = {path: problem for path in paths if (problem := wrong(path))}
    for path, problem in found.items():
        print(f"{path}: {problem}", file=sys.stderr)
    if not found:
        print(f"{len(paths)} files: no stray one")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
