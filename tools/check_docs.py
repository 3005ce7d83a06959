"""Checks README.md and docs/: every code block that names its source is that file, and every
link to a file of the repository leads somewhere.

A block names its source by a comment on the line before: <!-- from: examples/hello/hello.py -->.
With --write the blocks are brought up to date.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- from: (\S+) -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def checked(page: pathlib.Path, write: bool) -> list[str]:
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT)
    problems = []
    for _, source, block, _ in BLOCK.findall(text):
        if block != (ROOT / source).read_text(encoding="utf-8") and not write:
            problems.append(
                f"{name}: the block from {source} differs from it; run python3 tools/check_docs.py --write"
            )
    if write:
        page.write_text(
            BLOCK.sub(lambda m: m[1] + (ROOT / m[2]).read_text(encoding="utf-8") + m[4], text),
            encoding="utf-8",
        )
    for link in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if "://" not in link and not (page.parent / link).exists():
            problems.append(f"{name}: the link to {link} leads nowhere")
    return problems


def main() -> int:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    problems = [problem for page in pages for problem in checked(page, "--write" in sys.argv)]
    print("\n".join(problems) or f"{len(pages)} pages: blocks and links are right")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
