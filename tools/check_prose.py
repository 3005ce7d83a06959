"""Checks how the sources read: widths of lines, and the words of tools/words.txt.

A comment has at most 100 columns. New Go code has at most 120; gofmt does not wrap, and a line with
a long text in quotes may be longer. The other languages have formatters that see to their widths.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORDS = ROOT / "tools" / "words.txt"
PATTERNS = ("*.go", "*.c", "*.h", "*.js", "*.mjs", "*.ts", "*.mts", "*.py", "*.sh", "*.md")
COMMENT_COLUMNS = 100
GO_COLUMNS = 120
TAB = 4
COMMENT = re.compile(r"\s*(//|#(?=[ !]|$)|\*[ /]|/\*)")
MARKS = re.compile(r"^\s*(//+|#+|\*+|/\*+)? ?")
LONG_TEXT = re.compile(r'"[^"]{60,}|`[^`]{60,}')
# Where a line cannot be broken: a directive, an address, a row of a table in a comment.
UNBREAKABLE = re.compile(r"//go:|shellcheck |https?://|\S{60,}|^#!|\S {3,}\S")
# Code of Go that is wider than it should be: not more of it than there was. Lower it when you can.
WIDE_GO_MAX = 740


def sources() -> Iterator[tuple[str, str]]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *PATTERNS]
    found = subprocess.run(listed, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout
    for name in found.splitlines():
        path = ROOT / name
        if path.exists() and "/testdata/" not in name:
            yield name, path.read_text(encoding="utf-8")


def wide_comments(name: str, text: str) -> Iterator[str]:
    if name.endswith(".md"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        columns = len(line.expandtabs(TAB))
        if columns > COMMENT_COLUMNS and COMMENT.match(line) and not UNBREAKABLE.search(line):
            yield f"{name}:{number}: a comment of {columns} columns; {COMMENT_COLUMNS} at most"


def wide_go(name: str, text: str) -> Iterator[str]:
    if not name.endswith(".go"):
        return
    for number, line in enumerate(text.splitlines(), 1):
        columns = len(line.expandtabs(TAB))
        if columns > GO_COLUMNS and not COMMENT.match(line) and not LONG_TEXT.search(line):
            yield f"{name}:{number}: {columns} columns of code; {GO_COLUMNS} at most"


def words() -> list[tuple[re.Pattern[str], str]]:
    rules = []
    for line in WORDS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pattern, better = line.split(" => ")
            spaced = pattern.replace(" ", r"\s+")
            rules.append((re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE), better))
    return rules


def worded(name: str, text: str, rules: list[tuple[re.Pattern[str], str]]) -> Iterator[str]:
    # Comment marks go, so that a phrase is found across lines; the lines stay.
    running = "\n".join(MARKS.sub("", line) for line in text.splitlines())
    for rule, better in rules:
        for found in rule.finditer(running):
            number = running.count("\n", 0, found.start()) + 1
            phrase = " ".join(found[0].split())
            yield f'{name}:{number}: "{phrase}"; better: {better}'


def main() -> int:
    rules = words()
    files = list(sources())
    problems = [
        problem
        for name, text in files
        for problem in (*wide_comments(name, text), *worded(name, text, rules))
    ]
    wide = [problem for name, text in files for problem in wide_go(name, text)]
    if len(wide) > WIDE_GO_MAX:
        problems += wide
        problems.append(f"{len(wide)} lines of Go are too wide; there were {WIDE_GO_MAX} at most")
    print("\n".join(problems) or f"widths and {len(rules)} rules of tools/words.txt hold")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
