"""Compares every place that repeats the version with the file VERSION, the one place where it is
set. With --released the changelog must give this version a date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Each file, and the pattern whose group is the version in it.
PLACES = {
    "include/factstr.h": r'^#define FACTSTR_VERSION "(.*)"$',
    "bindings/python/src/factstr/_version.py": r'^__version__ = "(.*)"$',
    "CHANGELOG.md": r"^## \[?(\d[^] ]*)",
}


def python_version(version: str) -> str | None:
    """Returns a version as Python's packages spell it (1.0.0-rc.1 is 1.0.0rc1 there), and None for
    one that they cannot: of pre-releases they know alpha, beta and rc, with a number.
    """
    match = re.fullmatch(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.(0|[1-9]\d*))?", version)
    if not match:
        return None
    release, word, number = match.groups()
    return release + {None: "", "alpha": "a", "beta": "b", "rc": "rc"}[word] + (number or "")


def spelled() -> dict[str, str]:
    found: dict[str, str] = {}
    for path, pattern in PLACES.items():
        match = (
            re.search(pattern, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
            if (ROOT / path).exists()
            else None
        )
        found[path] = match[1] if match else "not there"
    for manifest in [
        ROOT / "bindings/node/package.json",
        *sorted(ROOT.glob("bindings/node/npm/*/package.json")),
    ]:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        name = manifest.relative_to(ROOT).as_posix()
        found[name] = content["version"]
        for package, version in content.get("optionalDependencies", {}).items():
            found[f"{name}: {package}"] = version
    return found


def main() -> int:
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    wrong = {place: other for place, other in spelled().items() if other != version}
    for place, other in wrong.items():
        print(f"{place}: the version is {other}, but VERSION says {version}", file=sys.stderr)
    if "--released" in sys.argv:
        changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changes, re.M):
            print(f"CHANGELOG.md gives {version} no date", file=sys.stderr)
            return 1
    if python_version(version) is None:
        print(f"VERSION is {version}; it may be like 1.2.3 or 1.2.3-rc.1", file=sys.stderr)
        return 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
