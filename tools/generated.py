"""The parts of the documentation that are written from data: tables of options and errors from
interop/catalog, the pages of the API from the sources, tables of benchmarks from their figures; and
what the picture of the packages shows.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api_pages import api, signatures
from benchmark_goals import goals
from benchmark_tables import benchmarks, compared, speed, workloads

ROOT = Path(__file__).resolve().parent.parent
CATALOG = ROOT / "interop" / "catalog"
MODULE = "github.com/factstr/factstr-go/"
REPOSITORY = "https://github.com/factstr/factstr-go"


def catalog(name: str) -> Any:
    return json.loads((CATALOG / name).read_text(encoding="utf-8"))


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(
        "".join(f"| {cell} " if cell else "| " for cell in cells) + "|\n" for cells in lines
    )


def spelled(option: dict[str, Any]) -> str:
    """The default as a reader says it: 5 s, 16 MiB, 10,000."""
    value: Any = option.get("default")
    match option["type"]:
        case "milliseconds" if value % 1000 == 0:
            return f"{value // 1000} s"
        case "milliseconds":
            return f"{value} ms"
        case "bytes" if value:
            return f"{value >> 20} MiB"
        case "count" if value:
            return f"{value:,}"
        case "boolean":
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`" if value else ""


def options(store: str, surface: str = "all") -> str:
    """The options of a store: all names of each, or those of one surface."""
    rows = []
    for option in catalog("options.json"):
        names = [option.get(key) for key in ("c", "python", "go", "node")]
        if option["store"] != store or any((name or "").startswith("testing_") for name in names):
            continue
        if surface != "all":
            if surface in option:
                means = re.sub(r" \(\[\w+\]\([^)]*\)\)", "", option["means"])
                rows.append([f"`{option[surface]}`", spelled(option), means])
            continue
        cells = [f"`{name}`" if name else "" for name in names]
        if names[0] and names[0] == names[1]:
            cells[1] = "the same"
        rows.append([*cells, spelled(option), option["means"]])
    if surface != "all":
        return table(["option", "default", ""], rows)
    return table(["C, as JSON", "Python", "Go", "Node", "default", ""], rows)


def errors() -> str:
    rows = [[f"`{row['code']}`", row["when"], row["do"]] for row in catalog("errors.json")["codes"]]
    return table(["code", "when", "what to do"], rows)


def error(code: str) -> str:
    """What is said of one code."""
    (row,) = (row for row in catalog("errors.json")["codes"] if row["code"] == code)
    committed = {
        "CommitUnknown": "nobody can know at this moment",
        "LogTruncated": "nothing by the call; facts that were committed before may be missing",
        "Internal": "nothing: a panic after the commit is `CommitUnknown`",
    }.get(code, "nothing by the call; what was committed before stays")
    if code.startswith("DurableStream") or code == "HandlerFailed":
        committed = "it is about a stream, not about an append; all facts stay"
    items = [("What happened", row["when"]), ("Committed", committed), ("What to do", row["do"])]
    return "".join(f"- **{name}:** {text}\n" for name, text in items if text)


def reasons() -> str:
    rows = [[f"`{row['reason']}`", row["means"]] for row in catalog("errors.json")["reasons"]]
    return table(["`reason`", "means"], rows)


def imports() -> dict[str, set[str]]:
    """What each package of the library imports of the others; those of tests are left out."""
    packages = subprocess.run(
        [
            "go",
            "list",
            "-f",
            "{{.ImportPath}} {{join .Imports ` `}}",
            "./core/...",
            "./interop/...",
            "./capi/...",
        ],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    found = {}
    for line in packages.splitlines():
        package, *imported = (name.removeprefix(MODULE) for name in line.split(" "))
        found[package] = {name for name in imported if name.startswith(("core", "interop", "capi"))}
    used = {"capi"}
    while more := {name for package in used for name in found[package]} - used:
        used |= more
    return {package: found[package] for package in sorted(used)}


def bindings() -> dict[str, set[str]]:
    """The bindings know the header and nothing of Go. What breaks that ends this program."""
    found = {}
    for binding, pattern in (("bindings/node", "src/*.[ch]"), ("bindings/python", "src/**/*.py")):
        paths = sorted((ROOT / binding).glob(pattern))
        sources = {path: path.read_text(encoding="utf-8") for path in paths}
        for path, text in sources.items():
            for included in re.findall(r'^#include "([^"]+)"', text, re.MULTILINE):
                if included != "factstr.h" and not (path.parent / included).exists():
                    raise SystemExit(f"{path} includes {included}: a binding knows factstr.h alone")
        if any(re.search(r'"factstr\.h"|libfactstr\.so', text) for text in sources.values()):
            found[binding] = {"include/factstr.h"}
    return found


def part(name: str) -> str:
    """A part of the README, for the pages of the packages: their links lead to the repository."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- part: {name} -->\n(.*?)<!-- end part -->", text, re.DOTALL)
    if found is None:
        raise SystemExit(f"README.md has no part {name}")
    return re.sub(r"\]\((?!\w+:)", f"]({REPOSITORY}/blob/main/", found[1])


def version() -> str:
    return f"Version {(ROOT / 'VERSION').read_text(encoding='utf-8').strip()}.\n"


def rules() -> str:
    """What a coding assistant must not get wrong, in every language."""
    return (ROOT / "tools" / "site" / "agents-rules.md").read_text(encoding="utf-8")


def arrows() -> dict[str, set[str]]:
    """What each part imports: the bindings the header, the header the library, a package others."""
    return {**bindings(), "include/factstr.h": {"capi"}, **imports()}


MAKERS: dict[str, Callable[..., str]] = {
    "options": options,
    "compared": compared,
    "error": error,
    "errors": errors,
    "reasons": reasons,
    "api": api,
    "benchmarks": benchmarks,
    "goals": goals,
    "part": part,
    "rules": rules,
    "signatures": signatures,
    "speed": speed,
    "version": version,
    "workloads": workloads,
}


def generated(words: str) -> str:
    """What stands below <!-- made: WORDS -->, such as "options sqlite node"."""
    name, *arguments = words.split()
    return MAKERS[name](*arguments)
