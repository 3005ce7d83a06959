"""Walks the built site as a reader would who knows event sourcing, but not this project: questions.py
HTML. Each question below is answered at a place that two clicks from the front page lead to, one to
a page and one to a heading of it. The words of the answer must stand under that heading.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

FAQ = "faq"
QUESTIONS = (
    ("May a Node and a Python service share one file?", FAQ, "Yes, on one machine"),
    ("What do I do with CommitUnknown?", FAQ, "Query for the batch before you append it again"),
    ("How do I rebuild a read model without downtime?", FAQ, "second durable stream"),
    ('Which predicate finds {"tags": ["a", "b"]}?', FAQ, '{"tags": ["a"]}'),
    ("Why was my append refused?", FAQ, "somebody appended a fact of your context"),
    ("Where are the aggregates, or the streams per entity?", FAQ, "current_context_version"),
    ("How do I read all facts of one customer?", FAQ, "payload_predicates"),
    ("Do I need snapshots?", FAQ, "Hardly"),
    ("How do I make a command that may be sent twice happen once?", FAQ, "idempotent"),
    ("Can I change or delete a fact?", FAQ, "Append a fact that corrects it"),
    ("How do I change the shape of a payload?", FAQ, "Old facts keep their shape"),
    ("Does each fact come exactly once?", FAQ, "at least once"),
    ("Can two workers share one durable name?", FAQ, "One of them is active"),
    ("What happens to a batch that my handler cannot take?", FAQ, "parked batches"),
    ("How does a user see their own write in a read model?", FAQ, "wait_for"),
    ("How far behind is a read model?", FAQ, "lag_events"),
    ("How do I move from SQLite to PostgreSQL?", FAQ, "Stop the writers"),
    ("How do I back up and restore?", FAQ, "LogTruncated"),
    ("Does it run on Alpine?", FAQ, "glibc"),
    ("How do I test my commands and read models?", FAQ, "memory store"),
    ("How do I keep a view in a database of its own, such as PostgreSQL?", FAQ, "stream_from"),
    ("How do I read more facts than fit into memory?", FAQ, "store.read(query)"),
    ("What does a query for a rare property cost in a long log?", FAQ, "What it finds"),
    ("Can the file be on a Docker volume, or on NFS?", FAQ, "local disk"),
    ("How do I use it in a Node cluster, or in worker threads?", FAQ, "for itself"),
    ("How do I use it with asyncio?", FAQ, "went_on"),
    ("Does a slow handler slow appends?", FAQ, "no time limit"),
    # Questions that a reader takes to a page of their own.
    ("Errors", "errors", "What to do"),
    ("DurableStreamQueryMismatch", "errors", "orders-v2"),
    ("When they are better", "comparison", "KurrentDB"),
    ("What must not be done", "sqlite", "network file system"),
    ("Limits", "reference", "16 MiB"),
    ("Waiting for a stream", "streams", "wait_for_cursor"),
    ("What a query costs", "reference", "Busy"),
    ("Personal data", "security", "delete the key"),
    ("Can I open a store only to read?", FAQ, "read_only"),
    ("What a new version may change", "c-api", "never"),
)


class Sections(HTMLParser):
    """The text below each heading of a page, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.sections: dict[str, tuple[str, str]] = {}  # by place: heading, text
        self.links: set[str] = set()
        self._open: list[tuple[int, str]] = []  # levels and places of the headings above
        self._heading = False
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "a":
            self.links.add(named.get("href") or "")
        place = named.get("id")
        if re.fullmatch("h[1-4]", tag) and place:
            self._open = [each for each in self._open if each[0] < int(tag[1])]
            self._open.append((int(tag[1]), place))
            self.sections[place] = ("", "")
            self._heading = True

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-4]", tag):
            self._heading = False

    def handle_data(self, data: str) -> None:
        for _, place in self._open:
            heading, text = self.sections[place]
            if self._heading and place == self._open[-1][1]:
                heading += data
            self.sections[place] = (heading, text + data)


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("¶", "")).strip().lower()


def answered(site: Path) -> list[str]:
    """Reports the questions without an answer in two clicks."""
    front = Sections(site / "index.html")
    pages = {link.strip("./").split("/")[0] for link in front.links}
    missing = []
    for question, page, words in QUESTIONS:
        if page not in pages:
            missing.append(f"{question}: the front page does not lead to {page}")
            continue
        there = Sections(site / page / "index.html")
        places = [
            place
            for place, (heading, text) in there.sections.items()
            if plain(heading) == plain(question) and plain(words) in plain(text)
        ]
        listed = {link.rsplit("#", 1)[-1] for link in there.links}
        if not places:
            missing.append(f"{question}: {page} does not answer it")
        elif places[0] not in listed and places[0] != next(iter(there.sections)):
            missing.append(f"{question}: {page} does not list it")
    return missing


def main() -> int:
    missing = answered(Path(sys.argv[1]))
    print("\n".join(missing), end="\n" if missing else "")
    print(f"{len(QUESTIONS)} questions, {len(missing)} without an answer within two clicks")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
