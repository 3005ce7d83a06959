#!/usr/bin/env python3
"""Checks the types of the Python package by mypy and pyright: pyright finds nothing in it
(mypy --strict is a check of its own), and both in strict mode find each marked mistake in
bindings/python/typing, and no other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "bindings" / "python" / "src"
MISTAKES = ROOT / "bindings" / "python" / "typing"


def pyright(*files: Path, mode: str) -> list[tuple[str, int, str]]:
    """Returns file, line and message of each error."""
    settings = {
        "include": [os.path.relpath(file, ROOT) for file in files],
        "extraPaths": [os.path.relpath(SOURCE, ROOT)],
        "pythonVersion": "3.10",
        "typeCheckingMode": mode,
        "reportUnusedExpression": False,
        "reportUnusedCoroutine": False,
    }
    program = ROOT / "tools" / "node" / "node_modules" / ".bin" / "pyright"
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=ROOT) as file:
        json.dump(settings, file)
        file.flush()
        command = [
            str(program),
            "--project",
            file.name,
            "--outputjson",
            "--pythonpath",
            sys.executable,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    if not found["summary"]["filesAnalyzed"]:
        raise SystemExit(f"pyright looked at no file: {done.stderr}")
    return [
        (each["file"], each["range"]["start"]["line"] + 1, each["message"])
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    ]


def mypy(file: Path) -> list[tuple[str, int, str]]:
    environment = {**os.environ, "MYPYPATH": str(SOURCE)}
    command = ["mypy", "--strict", "--python-version", "3.10", "--no-error-summary", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = re.findall(r"^(.+?):(\d+): error: (.*)$", done.stdout, flags=re.MULTILINE)
    return [(name, int(line), message) for name, line, message in found]


def main() -> int:
    problems = [
        f"{name}:{line}: pyright: {message}"
        for name, line, message in pyright(SOURCE, mode="standard")
    ]
    for file in sorted(MISTAKES.glob("*.py")):
        lines = file.read_text(encoding="utf-8").split("\n")
        marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
        for checker, errors in (("mypy", mypy(file)), ("pyright", pyright(file, mode="strict"))):
            found = {line: message for _, line, message in errors}
            where = os.path.relpath(file, ROOT)
            problems += [
                f"{where}:{line}: {checker} does not find the mistake"
                for line in sorted(marked - found.keys())
            ]
            problems += [
                f"{where}:{line}: {checker}: {found[line]}"
                for line in sorted(found.keys() - marked)
            ]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
