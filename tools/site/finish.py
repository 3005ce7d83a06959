"""Finishes the site: finish.py PAGES HTML VERSION.

Writes what lies beside the pages: the list of versions, the page that leads to the newest one, and
all pages as plain text (llms.txt lists them, llms-full.txt holds them) for assistants that write
code, so that they need not guess. Fails if a link of a page leads nowhere, to a page or to a place
in it, and if a page would fetch something from another host.
"""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, and parts of the theme that its script fetches something for.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
FETCHING = {("data-md-component", "source"), ("class", "mermaid")}


class Page(HTMLParser):
    """The places of a page, where its links lead, and what it fetches from other hosts."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.places.add(value)
            if name in ("href", "src") and value:
                self.links.add(value)
            if FETCHED.get(tag) == name and value and urlsplit(value).netloc:
                self.fetched.add(value)
            if (name, value) in FETCHING:
                self.fetched.add(f'what {name}="{value}" stands for')
        if ("rel", "canonical") in attrs:  # names the page and is not fetched
            self.fetched.discard(dict(attrs)["href"] or "")


def faults(site: Path) -> list[str]:
    pages = {file: Page(file) for file in site.rglob("*.html") if file.name != "404.html"}
    broken = []
    for file, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                broken.append(f"{file.relative_to(site)}: {link} leads nowhere")
            elif target in pages and unquote(parts.fragment) not in {"", *pages[target].places}:
                broken.append(f"{file.relative_to(site)}: {link} has no such place")
        broken += [f"{file.relative_to(site)}: fetches {each}" for each in sorted(page.fetched)]
    return broken


def as_text(pages: Path) -> tuple[str, dict[str, str]]:
    """The list of the pages by the sections of the navigation, in the form of llmstxt.org, and each
    page as plain Markdown. What is listed first is what an assistant needs first.
    """
    navigation = (pages.parent / "zensical.toml").read_text(encoding="utf-8")
    sections: dict[str, list[str]] = {}
    for title, page in re.findall(r'\{ "([^"]+)" = (?:\[|"([\w-]+)\.md")', navigation):
        if page:
            sections[list(sections)[-1]].append(page)
        else:
            sections[title] = []
    texts = {
        name: (pages / f"{name}.md").read_text(encoding="utf-8")
        for listed in sections.values()
        for name in listed
    }
    first = sections.pop("Assistants")
    parts = [
        "# FACTSTR",
        "> An embeddable event store of immutable facts, for Node, Python, Go and C.",
        "Do not guess calls: read the page for assistants of your language first. "
        "llms-full.txt has all pages in one file.",
    ]
    for title, listed in {"Assistants": first, **sections}.items():
        entries = [
            f"- [{texts[name].splitlines()[0].lstrip('# ')}]({name}.md): {texts[name].splitlines()[2]}"
            for name in listed
        ]
        parts.append(f"## {title}\n\n" + "\n".join(entries))
    return "\n\n".join(parts) + "\n", texts


def newest_first(version: str) -> list[int]:
    return [-int(part) for part in version.split("-")[0].split(".")]


def main() -> int:
    pages, html, version = Path(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3]
    listed_text, texts = as_text(pages)
    (html / version / "llms.txt").write_text(listed_text, encoding="utf-8")
    (html / version / "llms-full.txt").write_text("\n\n".join(texts.values()), encoding="utf-8")
    for name, text in texts.items():
        (html / version / f"{name}.md").write_text(text, encoding="utf-8")
    broken = faults(html / version)
    unlisted = {page.stem for page in pages.glob("*.md")} - set(texts)
    broken += [f"llms.txt lacks {name}" for name in sorted(unlisted)]
    print("\n".join(broken), end="\n" if broken else "")
    built = sorted((page.parent.name for page in html.glob("*/index.html")), key=newest_first)
    listed = [{"version": each, "title": each, "aliases": []} for each in built]
    (html / "versions.json").write_text(json.dumps(listed), encoding="utf-8")
    there = f'<!doctype html><meta http-equiv="refresh" content="0; url={built[0]}/">'
    (html / "index.html").write_text(f"{there}<title>FACTSTR</title>\n", encoding="utf-8")
    count = len(list((html / version).rglob("*.html")))
    print(
        f"{html / version}: {count} pages, {len(broken)} broken links or fetches from other hosts"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
