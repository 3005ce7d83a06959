"""The API page of Go, from what `go doc -all` says of the packages that a program imports."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from .markdown import Entry, Section, anchor, assembled, prose

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = {
    "core": "factstr",
    "core/memory": "memory",
    "core/sqlite": "sqlite",
    "core/postgres": "postgres",
}
# Declared for other layers of this library or for its tests, not for programs.
_NOT_FOR_PROGRAMS = re.compile(
    r"^(OnLockHolder|OnSocket|Prepare\w*|ProvenEvent|OpenStore|NearCommitter|ErrWouldWait"
    r"|TermCounter|Trace.*|Options\.\w+|.*\.(String|Error|Is|Unwrap))$"
)
_OTHERS = (
    "Not for programs, but for another store beneath the same contract; `go doc` describes them:"
)
_STARTS = re.compile(r"^(?:func|type|const|var)\b")


def _doc(package: str) -> str:
    command = ["go", "doc", "-all", f"./{package}"]
    return subprocess.run(command, cwd=_ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def _plain(text: str) -> str:
    """Prose of Go, which has no marks: what Markdown would take for one is escaped."""
    return re.sub(r"([*<>_])", r"\\\1", re.sub(r"^ *# .*$", "", text, flags=re.MULTILINE))


def _name(code: str) -> str:
    if method := re.match(r"func \(\w+ \*?(\w+)(?:\[\w+\])?\) (\w+)", code):
        return f"{method[1]}.{method[2]}"
    found = re.match(r"(?:func|type|var|const) (\w+)", code)
    return found[1] if found else ""


def _units(text: str) -> list[tuple[str, str]]:
    """Code and comment of each declaration. Code begins in the first column; a comment behind it is
    indented by four blanks, where code has tabs."""
    units: list[tuple[list[str], list[str]]] = []
    for line in text.split("\n"):
        if _STARTS.match(line):
            units.append(([line], []))
        elif re.match(r"^[A-Z]+$", line) or not units:
            continue
        else:
            code, comment = units[-1]
            if comment or line.startswith("    ") or (not line and _closed(code)):
                comment.append(line[4:])
            else:
                code.append(line)
    return [("\n".join(code).strip("\n"), "\n".join(comment)) for code, comment in units]


def _closed(code: list[str]) -> bool:
    text = re.sub(r"//.*", "", "\n".join(code))
    return all(text.count(a) == text.count(b) for a, b in ("()", "{}"))


def _for_backends(doc: str) -> set[str]:
    section = doc.split("# For backends", 1)[1].split("CONSTANTS", 1)[0]
    return set(re.findall(r"\b[A-Z]\w+", section)) - {"Applications", "Core", "The", "Options"}


def _group(name: str, code: str) -> str:
    receiver = name.split(".")[0]
    if receiver in ("Store", "EventStream", "Batch"):
        return "Calls of a store" if receiver == "Store" else "Streams"
    return "Functions" if code.startswith("func ") and not code.startswith("func (") else "Types"


def page() -> str:
    sections = [
        Section(title) for title in ("Open", "Calls of a store", "Streams", "Functions", "Types")
    ]
    by_title = {section.title: section for section in sections}
    others: list[str] = []
    for package, name in _PACKAGES.items():
        doc = _doc(package)
        hidden = _for_backends(doc) if package == "core" else set()
        constants = 0
        for code, comment in _units(doc.split("\n\n", 1)[1]):
            own = _name(code)
            if own.split(".")[0] in hidden or _NOT_FOR_PROGRAMS.match(own):
                others += [own] if "." not in own and own in hidden else []
                continue
            if package != "core":
                own = f"{name}.{own}"
                by_title["Open"].entries.append(Entry(own, code, prose(_plain(comment))))
                continue
            if not own:  # the constants of a type stand behind it
                previous = by_title["Types"].entries
                if previous and constants:
                    previous[-1].code += "\n\n" + code
                else:
                    previous.append(Entry("Limits of the contract", code, prose(_plain(comment))))
                continue
            constants += 1
            entry = Entry(own, code, prose(_plain(comment)))
            by_title[_group(own, code)].entries.append(entry)
    text = assembled(sections, "go", named=lambda each: each)
    known = {entry.name for section in sections for entry in section.entries}
    text = _linked(text, known)
    listed = ", ".join(f"`{each}`" for each in sorted(set(others)))
    return f"{text}\n## For backends\n\n{_OTHERS} {listed}.\n"


def _linked(text: str, known: set[str]) -> str:
    """In prose, Store.Append leads to its place."""
    parts = re.split(r"(^```.*?^```$|^#+ .*$|^- \[.*$)", text, flags=re.DOTALL | re.MULTILINE)
    for number in range(0, len(parts), 2):
        parts[number] = re.sub(
            r"(?<![\w`\[.])([A-Z]\w+\.[A-Z]\w+)(?![\w`\]])",
            lambda m: f"[`{m[1]}`](#{anchor(m[1])})" if m[1] in known else m[0],
            parts[number],
        )
    return "".join(parts)
