"""Prints the file AGENTS.md of a package, what a coding assistant has to know of this version:
agents.py node|python|go|c. It is the page of that language, docs/agents-LANGUAGE.md, without the
marks of what is made there, and its links lead to the repository.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = "https://github.com/factstr/factstr-go/blob/main/docs/"


def main() -> None:
    text = (ROOT / "docs" / f"agents-{sys.argv[1]}.md").read_text(encoding="utf-8")
    text = re.sub(r"^<!-- .*? -->\n\n?", "", text, flags=re.MULTILINE)
    sys.stdout.write(re.sub(r"\]\((?=[\w-]+\.md)", f"]({DOCS}", text))


if __name__ == "__main__":
    main()
