"""The binary interface of include/factstr.h, version by version: abi.py [--write].

tools/abi/MINOR.txt holds, for each minor version, what programs that were compiled against it rely
on: functions with their types, enumerators with their values, structs with the place of each field.
This checks that the file of the present version is what the header says, and that everything which
an older one names still holds. --write brings the present one up to date.

capi/symbols.map is made from the same files: a function carries the version in which it came, so
that a program which needs a newer library is told so when it is loaded, not at its first call.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include/factstr.h"
MAP = ROOT / "capi/symbols.map"
# The node of the first version is named after FACTSTR_ABI_VERSION, later ones after their minor.
FIRST_NODE = "FACTSTR_1"


def declarations() -> str:
    """Returns the header without comments and directives, in one line."""
    text = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"^\s*#.*(?:\\\n.*)*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\s+", " ", text)


def without_names(parameters: str) -> str:
    """Returns the types of a parameter list: their names may change."""
    return ", ".join(
        re.sub(r"(\W)\w+$", r"\1", one.strip()).strip() for one in parameters.split(",")
    )


def functions(text: str) -> list[str]:
    found = re.findall(r"FACTSTR_API ([^;(]*?)(factstr_\w+)\(([^;]*)\);", text)
    return [
        f"function {name}({without_names(parameters)}) returns {result.strip()}"
        for result, name, parameters in found
    ]


def callbacks(text: str) -> list[str]:
    found = re.findall(r"typedef (\w[^;{(]*?) ?\(\*(factstr_\w+)\)\(([^;]*)\);", text)
    return [
        f"callback {name}({without_names(parameters)}) returns {result}"
        for result, name, parameters in found
    ]


def structs(text: str) -> dict[str, list[tuple[str, str]]]:
    """Returns the fields of each struct, as name and type."""
    found: dict[str, list[tuple[str, str]]] = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text):
        found[name] = []
        for field in filter(None, map(str.strip, body.split(";"))):
            if pointer := re.fullmatch(r"(.*?)\(\*(\w+)\)\((.*)\)", field):
                result, field_name, parameters = pointer.groups()
                kind = f"{result.strip()} (*)({without_names(parameters)})"
            else:
                kind, field_name = re.fullmatch(r"(.*\W)(\w+)", field).groups()  # type: ignore[union-attr]
            found[name].append((field_name, kind.strip()))
    return found


def measured(text: str) -> list[str]:
    """Lets a compiler say the values of enumerators and the places of fields."""
    lines = []
    for body in re.findall(r"enum \{(.*?)\}", text):
        for name in re.findall(r"(FACTSTR_\w+)", body):
            lines.append(f'printf("enumerator {name} = %d\\n", (int){name});')
    for name, fields in structs(text).items():
        if fields[0] == ("size", "size_t"):
            # The caller says its size, so a newer version may add fields at the end.
            lines.append(f'puts("struct {name} grows");')
        else:
            lines.append(f'printf("struct {name} has %zu bytes\\n", sizeof({name}));')
        for field, kind in fields:
            place = f"offsetof({name}, {field})"
            lines.append(f'printf("field {name}.{field} at %zu: {kind}\\n", {place});')
    for name in re.findall(r"typedef u?int\d+_t (factstr_\w+);", text):
        lines.append(f'printf("type {name} has %zu bytes\\n", sizeof({name}));')
    source = "\n".join(
        [
            "#include <factstr.h>",
            "#include <stddef.h>",
            "#include <stdio.h>",
            "int main(void) {",
            *lines,
            "}",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "abi")
        compiler = ["gcc", "-x", "c", "-", "-I", str(HEADER.parent), "-o", str(program)]
        subprocess.run(compiler, input=source, text=True, check=True)
        return subprocess.run(
            [program], check=True, text=True, stdout=subprocess.PIPE
        ).stdout.splitlines()


def minor_of(path: Path) -> tuple[int, ...]:
    return tuple(map(int, path.stem.split(".")))


def symbols_map(dumps: dict[str, list[str]]) -> str:
    """Returns the version script for the linker, oldest version first. The newest one takes by a
    pattern what no older one names, for which linkers prefer whole names.
    """
    nodes: list[str] = []
    known: set[str] = set()
    before = ""
    for minor, lines in dumps.items():
        names = {match[1] for line in lines if (match := re.match(r"function (\w+)", line))}
        new = ["factstr_*"] if lines is [*dumps.values()][-1] else sorted(names - known)
        if not names - known:
            continue
        known |= names
        node = f"FACTSTR_{minor}" if before else FIRST_NODE
        rest = "" if before else "  local:\n    *;\n"
        listed = "".join(f"    {name};\n" for name in new)
        nodes.append(f"{node} {{\n  global:\n{listed}{rest}}}{before and ' ' + before};\n")
        before = node
    return "\n".join(nodes)


def main() -> int:
    text = declarations()
    now = sorted(functions(text) + callbacks(text) + measured(text))
    minor = re.sub(r"\.\d+(-.*)?$", "", (ROOT / "VERSION").read_text(encoding="utf-8").strip())
    current = ROOT / f"tools/abi/{minor}.txt"
    if "--write" in sys.argv:
        current.write_text("\n".join(now) + "\n", encoding="utf-8")
    dumps = {
        path.stem: path.read_text(encoding="utf-8").splitlines()
        for path in sorted(current.parent.glob("*.txt"), key=minor_of)
    }
    if "--write" in sys.argv:
        MAP.write_text(symbols_map(dumps), encoding="utf-8")
    problems = [
        f"{older}.txt promises what does not hold any more: {line}"
        for older, lines in dumps.items()
        if older != minor
        for line in lines
        if line not in now
    ]
    if dumps.get(minor) != now:
        problems.append(f"{current.relative_to(ROOT)} is not what the header says")
    if MAP.read_text(encoding="utf-8") != symbols_map(dumps):
        problems.append("capi/symbols.map is not made from tools/abi")
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("python3 tools/abi.py --write brings the present version up to date", file=sys.stderr)
    else:
        print(f"{len(now)} lines of the binary interface hold, in {len(dumps)} versions")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
