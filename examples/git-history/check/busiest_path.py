"""Prints the path that most commits of a history touch: busiest_path.py REPOSITORY REVISION.
Paths that are not UTF-8 are ignored.
"""

from __future__ import annotations

import sys
from collections import Counter

import git_log

commits: Counter[str] = Counter()
for (path, _), lines in git_log.figures(sys.argv[1], sys.argv[2]).by_file_and_author.items():
    if "\ufffd" not in path:
        commits[path] += lines.commits
# Of several the first in alphabetical order, so that every run prints the same one.
print(min(commits, key=lambda path: (-commits[path], path), default="README.md"), end="")
