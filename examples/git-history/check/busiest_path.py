"""Prints the path that most commits of a history touch: busiest_path.py REPOSITORY REVISION.
Only paths that are UTF-8 are looked at.
"""

from __future__ import annotations

import sys
from collections import Counter

import git_log

commits: Counter[str] = Counter()
for (path, _), lines in git_log.figures(sys.argv[1], sys.argv[2]).by_file_and_author.items():
    if "\ufffd" not in path:
        commits[path] += lines.commits
# Among equals the first in alphabetical order, so that every run shows the same one.
print(min(commits, key=lambda path: (-commits[path], path), default="README.md"), end="")
