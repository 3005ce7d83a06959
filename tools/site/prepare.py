"""Makes the site's pages from docs/: prepare.py DOCS SITE_DOCS.

The pages in docs/ are plain Markdown, so that they read well where the repository is browsed. Three
things become what the generator knows: a group of tabs, a link to a file outside docs/, and the
comments that say where a block comes from, which are left out.

A group of tabs stands between <!-- tabs --> and <!-- end tabs -->; each tab begins with a line that
holds its name in bold, and nothing else: **Node**.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/factstr/factstr-go"

TABS = re.compile(r"^<!-- tabs -->\n(.*?)^<!-- end tabs -->\n", re.DOTALL | re.MULTILINE)
TAB = re.compile(r"^\*\*([^*\n]+)\*\*\n", re.MULTILINE)
COMMENT = re.compile(r"^<!-- (?:from: .*|made: .*|end|run.*) -->\n\n?", re.MULTILINE)
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)]*)?(\))")


def tabs(group: re.Match[str]) -> str:
    _, *rest = TAB.split(group[1])
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return "".join(
        f'=== "{name}"\n\n{textwrap.indent(body.strip(chr(10)), "    ")}\n\n'
        for name, body in pairs
    )


def prepared(page: Path, docs: Path) -> str:
    def link(match: re.Match[str]) -> str:
        target = match[2]
        if "://" in target:
            return match[0]
        there = (page.parent / target).resolve()
        if there.is_relative_to(docs):
            return match[0]
        kind = "tree" if there.is_dir() else "blob"
        place = f"{REPOSITORY}/{kind}/main/{there.relative_to(ROOT)}"
        return f"{match[1]}{place}{match[3] or ''}{match[4]}"

    text = COMMENT.sub("", page.read_text(encoding="utf-8"))
    text = TABS.sub(tabs, LINK.sub(link, text))
    if "<!-- " in text:
        raise SystemExit(f"{page}: a comment stays that means something to nobody")
    return text


def main() -> None:
    docs, site = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(docs, site)
    for page in docs.rglob("*.md"):
        (site / page.relative_to(docs)).write_text(prepared(page, docs), encoding="utf-8")


if __name__ == "__main__":
    main()
