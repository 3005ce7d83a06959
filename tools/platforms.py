"""The platforms that FACTSTR is built for, and what each package says of its platform.

python3 tools/platforms.py list             names all of them
python3 tools/platforms.py here             names that of this machine
python3 tools/platforms.py library PLATFORM names the file of its library
python3 tools/platforms.py npm PLATFORM DIR writes the npm package's manifest, page and entry
"""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Platform:
    """The names are those of Node: `os` and `cpu` as process.platform and process.arch, `libc` as
    npm knows it. `library` is the name under which programs load the library, `says` what a page
    for users calls the platform.
    """

    os: str
    cpu: str
    libc: str | None
    library: str
    says: str


PLATFORMS = {
    "linux-x64-gnu": Platform(
        "linux", "x64", "glibc", "libfactstr.so.0", "Linux on x86-64 with glibc 2.17 or newer"
    ),
    "linux-arm64-gnu": Platform(
        "linux", "arm64", "glibc", "libfactstr.so.0", "Linux on arm64 with glibc 2.17 or newer"
    ),
    "win32-x64-msvc": Platform(
        "win32", "x64", None, "factstr.dll", "Windows 10 or newer on x86-64"
    ),
    "darwin-arm64": Platform(
        "darwin", "arm64", None, "libfactstr.0.dylib", "macOS 12 or newer on Apple silicon"
    ),
    "darwin-x64": Platform(
        "darwin", "x64", None, "libfactstr.0.dylib", "macOS 12 or newer on x86-64"
    ),
}


def here() -> str:
    """Returns the platform of this machine."""
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), "")
    for name, other in PLATFORMS.items():
        if sys.platform == other.os and (cpu or platform.machine()) == other.cpu:
            return name
    raise SystemExit(f"no platform of {sys.platform} on {platform.machine()}")


def npm_manifest(name: str) -> dict[str, object]:
    """Returns package.json of a platform package: what the main package says, and the platform."""
    main = json.loads((ROOT / "bindings/node/package.json").read_text(encoding="utf-8"))
    made = PLATFORMS[name]
    manifest: dict[str, object] = {
        "name": f"{main['name']}-{name}",
        "version": (ROOT / "VERSION").read_text(encoding="utf-8").strip(),
        "description": f"The native library of {main['name']} for {made.says}. "
        f"Install {main['name']} instead.",
        "license": main["license"],
        "homepage": main["homepage"],
        "repository": main["repository"],
        "type": "commonjs",
        "main": "./index.js",
        "types": "./lib/index.d.ts",
        # Naming the addon lets the code in lib find it under the name that the main package uses.
        "exports": {
            ".": {"types": "./lib/index.d.ts", "default": "./index.js"},
            "./factstr_node.node": "./factstr_node.node",
            "./package.json": "./package.json",
        },
        "files": [
            "index.js",
            "lib",
            "factstr_node.node",
            made.library,
            "README.md",
            "LICENSE-MIT",
            "LICENSE-APACHE",
            "THIRD_PARTY_LICENSES",
            "factstr.spdx.json",
        ],
        "os": [made.os],
        "cpu": [made.cpu],
        "engines": main["engines"],
    }
    if made.libc:
        manifest["libc"] = [made.libc]
    return manifest


def write_npm(name: str, folder: Path) -> None:
    made = PLATFORMS[name]
    main = npm_manifest(name)
    text = (ROOT / "bindings/node/npm/README.md").read_text(encoding="utf-8")
    for word, meaning in {
        "@PLATFORM@": name,
        "@SAYS@": made.says,
        "@LIBRARY@": made.library,
    }.items():
        text = text.replace(word, meaning)
    (folder / "README.md").write_text(text, encoding="utf-8")
    (folder / "index.js").write_bytes((ROOT / "bindings/node/npm/index.js").read_bytes())
    (folder / "package.json").write_text(json.dumps(main, indent=2) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    match arguments:
        case ["list"]:
            print("\n".join(PLATFORMS))
        case ["here"]:
            print(here())
        case ["library", name]:
            print(PLATFORMS[name].library)
        case ["npm", name, folder]:
            write_npm(name, Path(folder))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
