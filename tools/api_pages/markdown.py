"""What the pages of the API have in common: prose of comments, entries with a place of their own,
and the list of them at the top.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from formatted import formatted

# The pages have one sentence a line, as all of docs/ has.
_SENTENCE_ENDS = re.compile(r"([A-Za-z0-9)`\"'\]}][.!?]) +(?=[A-Z`])")
_CALLS = ("store.", "subscription.", "factstr_")
_LIST_ITEM = re.compile(r"^\s*- ")


@dataclass
class Entry:
    """Something with a name: a call, a type. `name` is as a reader looks for it."""

    name: str
    code: str
    prose: str


@dataclass
class Section:
    title: str
    prose: str = ""
    entries: list[Entry] = field(default_factory=list)


def anchor(heading: str) -> str:
    """The place of a heading, as GitHub and the site's generator name it."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def sentences(paragraph: str) -> str:
    return _SENTENCE_ENDS.sub(r"\1\n", " ".join(paragraph.split()))


def prose(text: str) -> str:
    """Paragraphs and lists of a comment, whatever its width was."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        parts: list[list[str]] = [[]]
        for line in block.split("\n"):
            if _LIST_ITEM.match(line):
                parts.append([])
            parts[-1].append(line.strip())
        first, *items = (" ".join(part) for part in parts)
        if first:
            blocks.append(sentences(first))
        if items:
            blocks.append("\n".join(item.replace("\n", "\n  ") for item in map(sentences, items)))
    return "\n\n".join(blocks)


def linked(text: str, names: dict[str, str]) -> str:
    """Names in backticks lead to their places. Code in fences stays as it is."""

    def link(match: re.Match[str]) -> str:
        place = names.get(match[1])
        return f"[`{match[1]}`](#{place})" if place else match[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    parts[::2] = [re.sub(r"(?<!\[)`([\w.]+)(?:\(\))?`(?!\])", link, part) for part in parts[::2]]
    return "".join(parts)


def assembled(
    sections: Iterable[Section],
    language: str,
    named: Callable[[str], str] = lambda name: name.rsplit(".", 1)[-1],
    before: str = "",
) -> str:
    """The list of all entries, what stands `before` them, then each with its declaration and what
    is said of it. `named` makes the names by which prose speaks of an entry. A call of which
    nothing is said ends this program.
    """
    kept = [section for section in sections if section.entries]
    names: dict[str, str] = {}
    for section in kept:
        for entry in section.entries:
            for name in (entry.name, named(entry.name)):
                names.setdefault(name, anchor(entry.name))
    lines = [
        f"- [{section.title}](#{anchor(section.title)}): "
        + ", ".join(f"[`{entry.name}`](#{anchor(entry.name)})" for entry in section.entries)
        for section in kept
    ]
    parts = ["\n".join(lines)]
    if before:
        parts.append(linked(before, names))
    for section in kept:
        parts.append(f"## {section.title}")
        if section.prose:
            parts.append(linked(section.prose, names))
        for entry in section.entries:
            callable_ = "(" in entry.code and not entry.code.startswith("typedef")
            if callable_ and not entry.prose and entry.name.startswith(_CALLS):
                raise SystemExit(f"{entry.name} has no comment that says what it does")
            own = {name: place for name, place in names.items() if place != anchor(entry.name)}
            code = formatted(entry.code).rstrip("\n") if language == "python" else entry.code
            parts.append(f"### `{entry.name}`\n\n```{language}\n{code}\n```")
            if entry.prose:
                parts.append(linked(entry.prose, own))
    return "\n\n".join(parts) + "\n"
