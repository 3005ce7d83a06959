"""Writes what the linker has to know of macOS's libraries that Go uses: their names and symbols.

python3 tools/darwin_stubs.py FOLDER

Go's own sources name each symbol and its library, in lines that begin with
//go:cgo_import_dynamic; libSystem comes with zig. Nothing of Apple's is needed or copied.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

IMPORT = re.compile(r'^//go:cgo_import_dynamic \S+ (\S+?)(?:#\S+)? "(/[^"]+)"', re.MULTILINE)
STUB = """--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '{name}'
current-version: 1
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ {symbols} ]
...
"""


def main(folder: Path) -> None:
    root = Path(subprocess.check_output(["go", "env", "GOROOT"], text=True).strip())
    libraries: dict[str, set[str]] = defaultdict(set)
    for package in ("crypto/x509/internal/macos", "internal/syscall/unix", "runtime/cgo"):
        for source in (root / "src" / package).glob("*.go"):
            for symbol, library in IMPORT.findall(source.read_text(encoding="utf-8")):
                libraries[library].add("_" + symbol)
    if not any("Security" in library for library in libraries):
        raise SystemExit("darwin_stubs.py: the sources of this Go do not name what they import")
    for library, symbols in libraries.items():
        if library.startswith("/usr/lib/libSystem"):
            continue
        name = library.rpartition("/")[2]
        if ".framework/" in library:
            stub = folder / f"{name}.framework" / f"{name}.tbd"
        else:
            stub = folder / (name.split(".")[0] + ".tbd")
        stub.parent.mkdir(parents=True, exist_ok=True)
        text = STUB.format(name=library, symbols=", ".join(sorted(symbols)))
        if not stub.exists() or stub.read_text(encoding="utf-8") != text:
            stub.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
