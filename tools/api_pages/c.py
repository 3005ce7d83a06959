"""The API page of C: include/factstr.h, section by section."""

from __future__ import annotations

import re
from pathlib import Path

from .markdown import Entry, Section, assembled, prose

_HEADER = Path(__file__).resolve().parents[2] / "include" / "factstr.h"
_SECTION = re.compile(r"^/\* ---- (.*) ---- \*/$", re.MULTILINE)
_COMMENT = re.compile(r"/\*\n(.*?)\n? \*/\n|/\* (.*?) \*/\n", re.DOTALL)
_FUNCTION = re.compile(r"\b(factstr_\w+)\(")
_STATUS = re.compile(r"\bFACTSTR_[A-Z_]+\b")


def _declarations(text: str) -> list[tuple[str, str]]:
    """Comment and code of each declaration. Those that follow without a comment share the one
    before them."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        rest = text[position:]
        if rest[0] == "\n":
            position += 1
            continue
        comment = _COMMENT.match(rest)
        words = ""
        if comment:
            words = comment[1] if comment[1] is not None else comment[2]
            words = re.sub(r"^ \* ?", "", words, flags=re.MULTILINE)
            position += comment.end()
            rest = text[position:]
            if rest.startswith("\n"):  # a comment of a whole section
                found.append((words, ""))
                continue
        end = _end(rest)
        code = rest[:end].strip("\n")
        position += end
        if not words and found and found[-1][1] and _belongs(found[-1], code):
            found[-1] = (found[-1][0], found[-1][1] + "\n" + code)
        else:
            found.append((words, code))
    return found


def _belongs(previous: tuple[str, str], code: str) -> bool:
    """Whether a declaration without a comment is shown with the one before it."""
    return code.startswith("typedef uint64_t") and previous[1].startswith("typedef uint64_t")


def _end(text: str) -> int:
    """Where the declaration at the beginning ends: behind the semicolon outside of braces."""
    if text.startswith("#"):
        return text.index("\n") + 1
    depth, position = 0, 0
    while position < len(text):
        if text.startswith("/*", position):
            position = text.index("*/", position) + 2
            continue
        depth += (text[position] == "{") - (text[position] == "}")
        if text[position] == ";" and depth == 0:
            return text.find("\n", position) + 1 or len(text)
        position += 1
    return len(text)


def _status_table(lines: list[str]) -> str:
    rows: list[tuple[str, str]] = []
    names_open = False
    for line in lines:
        text = line.strip()
        if text.startswith("FACTSTR_") and len(line) - len(line.lstrip()) < 8:
            cells = re.split(r" {2,}", text, maxsplit=1)
            name, meaning = cells[0], cells[1] if len(cells) > 1 else ""
            if names_open:
                rows[-1] = (f"{rows[-1][0]} {name}", meaning)
            else:
                rows.append((name, meaning))
            names_open = name.endswith(",")
        elif rows:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {text}".strip())
            names_open = False
    marked = ((_STATUS.sub(r"`\g<0>`", name), _marked(meaning)) for name, meaning in rows)
    body = "".join(f"| {name} | {meaning} |\n" for name, meaning in marked)
    return f"| status | |\n| --- | --- |\n{body}".rstrip("\n").replace("|  |", "| |")


def _marked(text: str) -> str:
    text = re.sub(r"docs/([\w-]+\.md)", r"[docs/\1](\1)", text)
    text = re.sub(r"(?<![\w`])(\*+\w+)", r"`\1`", text)
    name = r"(?<![`/\w])(factstr_\w+|FACTSTR_[A-Z_]+|[a-z]+(?:_[a-z]+)+)\b(?:\(\))?(?![`\w])"
    text = re.sub(name, r"`\1`", text)
    return re.sub(r'"(`\w+`)"', r"\1", text).replace("|", "\\|")


def _described(comment: str) -> str:
    """Prose of a comment, with its statuses as a table and what is laid out in columns as it is."""
    blocks: list[str] = []
    lines = comment.split("\n")
    while lines:
        if not lines[0].strip():
            lines.pop(0)
            continue
        laid_out = lines[0].startswith("  ")
        taken = []
        while lines and lines[0].strip() and lines[0].startswith("  ") == laid_out:
            taken.append(lines.pop(0))
        if laid_out and taken[0].strip().startswith("FACTSTR_"):
            blocks.append(_status_table(taken))
        elif laid_out:
            blocks.append("```text\n" + "\n".join(taken) + "\n```")
        elif taken == ["Statuses"]:
            continue
        else:
            blocks.append(prose(_marked("\n".join(taken)).replace("\\|", "|")))
    return "\n\n".join(blocks)


def _name(code: str) -> str:
    if (found := _FUNCTION.search(code)) and not code.startswith("typedef"):
        return found[1]
    if found := re.search(r"\(\*(factstr_\w+)\)", code):
        return found[1]
    if found := re.search(r"\btypedef struct (factstr_\w+)", code):
        return found[1]
    if code.startswith("typedef uint64_t") and "\n" in code:
        return "Handles"
    if found := re.search(r"\btypedef \w+ (factstr_\w+);", code):
        return found[1]
    if found := re.search(r"#define (FACTSTR_\w+)", code):
        return found[1]
    return "Statuses" if "FACTSTR_EMPTY_APPEND" in code else ""


def page() -> str:
    text = _HEADER.read_text(encoding="utf-8")
    head, *parts = _SECTION.split(text)
    conventions = re.sub(r"^ \* ?", "", head[: head.index("*/")].removeprefix("/*\n"), flags=re.M)
    types = head.split("#endif\n\n", 1)[-1]
    types = types[types.index("#define FACTSTR_VERSION") :]
    sections = []
    for title, part in [("Types and statuses", types), *zip(parts[::2], parts[1::2], strict=True)]:
        part = part.split("\n#ifdef __cplusplus")[0]
        section = Section(title)
        for comment, code in _declarations(part.lstrip("\n")):
            if code.startswith("FACTSTR_API "):
                narrower = rf"^ {{1,{len('FACTSTR_API ')}}}(?=  )"
                code = re.sub(narrower, "", code.removeprefix("FACTSTR_API "), flags=re.MULTILINE)
            name = _name(code)
            if not comment and code.startswith("factstr_status "):
                comment = f"As {section.entries[-1].name}."
            if not code:
                section.prose = _described(comment)
            elif name:
                described = _described(comment)
                section.entries.append(Entry(name, code, described))
            elif section.entries:
                section.entries[-1].code += "\n" + code
        sections.append(section)
    return assembled(sections, "c", before=_conventions(conventions))


def _conventions(text: str) -> str:
    """The head of the header: its conventions as prose, the JSON shapes as they are."""
    start = text.index("Conventions\n") + len("Conventions\n")
    rules, rest = text[start:].split("\nStatuses\n", 1)
    shapes = rest.split("JSON shapes", 1)[1]
    said, shapes = shapes.split(")\n", 1)
    table, last = shapes.rsplit("\n`code` is", 1)
    return (
        "## Conventions\n\n"
        + prose(_marked(rules))
        + "\n\n## JSON shapes\n\n"
        + prose("Field names" + said.split("(field names", 1)[1] + ".")
        + "\n\n```text\n"
        + table.rstrip()
        + "\n```\n\n"
        + prose(_marked("`code` is" + last))
    )
