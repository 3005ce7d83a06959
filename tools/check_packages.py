"""Checks what is in each package of dist/: the files that must be there, nothing that must not, the
version and the size. With --all the packages of every platform must be there.
"""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from pathlib import Path

from check_version import python_version
from platforms import PLATFORMS, npm_manifest

ROOT = Path(__file__).resolve().parent.parent
VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
ALWAYS = {"LICENSE-MIT", "LICENSE-APACHE"}
WITH_THE_LIBRARY = ALWAYS | {"THIRD_PARTY_LICENSES", "factstr.spdx.json"}
BYTES_MAX = 7 << 20  # a package that holds the library: more is a new dependency, or a mistake
MAIN_BYTES_MAX = 100 << 10


def contents(package: Path) -> dict[str, bytes]:
    """Returns each file of a package by its path, without the folder that all are in."""
    if package.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(package) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
    else:
        with tarfile.open(package) as packed:
            files = {}
            for member in packed:
                # A link out of the package would be a key error here.
                if file := packed.extractfile(member):
                    files[member.name] = file.read()
    if package.suffix == ".whl":
        return files
    return {name.split("/", 1)[1]: content for name, content in files.items()}


def expected() -> dict[str, tuple[set[str], int]]:
    """Returns for each package that may be in dist/, by its name (a wheel's by its platform), the
    files that it must hold and how large it may be.
    """
    main = f"npm/factstr-factstr-node-{VERSION}.tgz"
    lib = {p.name for p in (ROOT / "bindings/node/lib").glob("*.*")}
    known: dict[str, tuple[set[str], int]] = {
        main: (ALWAYS | lib | {"package.json", "README.md", "AGENTS.md"}, MAIN_BYTES_MAX)
    }
    for name, platform in PLATFORMS.items():
        known[f"npm/factstr-factstr-node-{name}-{VERSION}.tgz"] = (
            WITH_THE_LIBRARY
            | lib
            | {"package.json", "README.md", "index.js", "factstr_node.node", platform.library},
            BYTES_MAX,
        )
        ending = "zip" if platform.os == "win32" else "tar.gz"
        known[f"c/factstr-{VERSION}-{name}.{ending}"] = (
            WITH_THE_LIBRARY
            | {
                "README.md",
                "AGENTS.md",
                "c-api.md",
                "quickstart.c",
                "factstr.h",
                "factstr.hpp",
                "factstr.pc",
            }
            | {"factstr-config.cmake", "factstr-config-version.cmake", platform.library}
            | ({"factstr.lib"} if platform.os == "win32" else set()),
            BYTES_MAX,
        )
        known[f"python/{name}"] = (
            WITH_THE_LIBRARY
            | {"__init__.py", "py.typed", "AGENTS.md", "METADATA", platform.library},
            BYTES_MAX,
        )
    return known


def wheel_platform(name: str) -> str:
    tag = name.removesuffix(".whl").rsplit("-", 1)[1]
    system = {"many": "linux", "maco": "darwin", "win_": "win32"}[tag[:4]]
    cpu = "arm64" if tag.endswith(("arm64", "aarch64")) else "x64"
    return next(p for p, made in PLATFORMS.items() if (made.os, made.cpu) == (system, cpu))


def problems(package: Path, must_hold: set[str], bytes_max: int) -> list[str]:
    files = contents(package)
    names = {Path(name).name for name in files}
    found = [f"{missing} is missing" for missing in sorted(must_hold - names)]
    libraries = {made.library for made in PLATFORMS.values()} & names
    if libraries - must_hold:
        found.append(f"holds the library of another platform: {libraries - must_hold}")
    for name in files:
        if name.endswith((".c", ".go", ".map", ".pyc", ".test.js")) and "quickstart" not in name:
            found.append(f"{name} does not belong into a package")
    if package.stat().st_size > bytes_max:
        found.append(f"has {package.stat().st_size} bytes, and may have {bytes_max}")
    if "package.json" in files:
        manifest = json.loads(files["package.json"])
        platform = manifest["name"].partition("factstr-node-")[2]
        if manifest["version"] != VERSION or (platform and manifest != npm_manifest(platform)):
            found.append("package.json is not what tools/platforms.py says")
    if package.suffix == ".whl":
        metadata = next(content for name, content in files.items() if name.endswith("/METADATA"))
        version = python_version(VERSION)
        if f"\nVersion: {version}\n".encode() not in metadata:
            found.append(f"METADATA does not say version {version}")
    return found


def main() -> int:
    known = expected()
    missing = set(known)
    bad = 0
    packages = sorted(path for path in (ROOT / "dist").rglob("*") if path.is_file())
    for package in packages:
        name = package.relative_to(ROOT / "dist").as_posix()
        key = f"python/{wheel_platform(name)}" if name.endswith(".whl") else name
        found = problems(package, *known[key]) if key in known else ["nobody expects it"]
        missing.discard(key)
        for problem in found:
            print(f"dist/{name}: {problem}", file=sys.stderr)
        bad += bool(found)
    print(f"{len(packages) - bad} of {len(packages)} packages hold what they must")
    if "--all" in sys.argv and missing:
        print("missing: " + ", ".join(sorted(missing)), file=sys.stderr)
        return 1
    return 1 if bad or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
