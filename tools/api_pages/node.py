"""The API page of Node: the exports of bindings/node/lib/index.d.ts and lib/types/.

The files are laid out by prettier, so a declaration begins in the first column and a member in the
third one, and each ends where its brackets are closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .markdown import Entry, Section, assembled, prose

_LIB = Path(__file__).resolve().parents[2] / "bindings" / "node" / "lib"
_DECLARATION = re.compile(
    r"(?:export )?(?:declare )?(?:abstract )?(interface|class|type|function|const|enum) (\w+)"
)
_MEMBER = re.compile(r"(?:(?:static|readonly|private|abstract) )*(\[[\w.]+\]|\w+)")
# Types of lib/types, by file; a file that is not named here comes last, under its own name.
_TITLES = {
    "facts": "Facts and queries",
    "streams": "Types of streams",
    "options": "Options",
    "schema": "Validators",
    "errors": "Errors",
    "operating": "Operating",
}


@dataclass
class Declared:
    kind: str
    name: str
    code: str
    comment: str
    exported: bool


def _units(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Comment and code of each unit of a text: from its first line to the closed brackets."""
    comment: list[str] = []
    code: list[str] = []
    within_comment, depth = False, 0
    for line in lines:
        text = line.strip()
        if not code and (within_comment or text.startswith("/**")):
            comment = [line] if not within_comment else [*comment, line]
            within_comment = not text.endswith("*/")
            continue
        if not code and (not text or text.startswith("//")):
            comment = [] if not text else comment
            continue
        code.append(line)
        if not re.match(r"/?\*|//", text):
            depth += sum(map(text.count, "([{")) - sum(map(text.count, ")]}"))
            if depth == 0 and text.endswith((";", "}")):
                yield _comment("\n".join(comment)), "\n".join(code)
                comment, code = [], []


def _comment(text: str) -> str:
    lines = re.sub(r"^\s*/\*\*|\*/\s*$", "", text).split("\n")
    plain = "\n".join(re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines).strip()
    return re.sub(r"@param (\w+) ", r"- `\1`: ", plain)


def _declarations(file: Path) -> Iterator[Declared]:
    for comment, code in _units(file.read_text(encoding="utf-8").split("\n")):
        found = _DECLARATION.match(code)
        if found and not code.endswith("{}"):
            yield Declared(found[1], found[2], code, comment, code.startswith("export"))


def _members(declared: Declared, prefix: str) -> list[Entry]:
    entries: list[Entry] = []
    for comment, code in _units(declared.code.split("\n")[1:-1]):
        found = _MEMBER.match(code.strip())
        if found is None or "private constructor" in code:
            continue
        code = re.sub(r"^  ", "", code, flags=re.MULTILINE)
        name = prefix + found[1]
        # Overloads, and the symbols that stand behind the method whose twins they are.
        if entries and (entries[-1].name == name or found[1].startswith("[")):
            entries[-1].code += "\n" + code
            entries[-1].prose = "\n\n".join(filter(None, [entries[-1].prose, prose(comment)]))
        else:
            entries.append(Entry(name, code, prose(comment)))
    return entries


def page() -> str:
    opening = Section("Open")
    calls = Section(
        "Calls of a store",
        "All three classes have them.\n"
        "Synchronous calls throw a `FactstrError`, the others reject with one.",
    )
    for declared in _declarations(_LIB / "index.d.ts"):
        if declared.name == "Store":
            calls.entries = _members(declared, "store.")
        elif declared.exported:
            code = declared.code.removeprefix("export declare ")
            opening.entries.append(Entry(declared.name, code, prose(declared.comment)))
    sections = {name: Section(title) for name, title in _TITLES.items()}
    subscription = Section("A subscription")
    for file in sorted((_LIB / "types").glob("*.d.ts")):
        name = file.name.removesuffix(".d.ts")
        section = sections.setdefault(name, Section(name.replace("_", " ").capitalize()))
        for declared in _declarations(file):
            if declared.name == "EventStreamSubscription":
                subscription.prose = prose(declared.comment)
                subscription.entries = _members(declared, "subscription.")
            elif declared.exported:
                code = re.sub(r"^export (?:declare )?", "", declared.code)
                section.entries.append(Entry(declared.name, code, prose(declared.comment)))
    return assembled([opening, calls, subscription, *sections.values()], "ts")
