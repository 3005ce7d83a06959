"""Tags the wheel for the platform of the library inside it, and refuses to build one that would
not work.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MACHINES = {62: "x86_64", 183: "aarch64"}
VERSIONS_NEEDED = 0x6FFFFFFE  # SHT_GNU_verneed


class NativeLibraryHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        package = Path(self.root, "src", "factstr")
        library = package / "_native" / "libfactstr.so.0"
        if not library.is_file():
            raise FileNotFoundError(f"{library} is missing; tools/build-python.sh puts it there")
        spelled = re.findall(r'__version__ = "(.+)"', (package / "_version.py").read_text())
        if spelled != [self.metadata.version]:
            raise ValueError(f"_version.py says {spelled}, and VERSION is {self.metadata.version}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(library.read_bytes())}"


def platform_tag(elf: bytes) -> str:
    """Returns manylinux_X_Y_MACHINE, where X.Y is the highest version of glibc that the ELF file
    needs.
    """
    if elf[:6] != b"\x7fELF\x02\x01":
        raise ValueError("the library is no 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", elf, 18)
    major, minor = max(_glibc_versions(elf))
    return f"manylinux_{major}_{minor}_{MACHINES[machine]}"


def _glibc_versions(elf: bytes) -> list[tuple[int, int]]:
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    # For each section: type, file offset, linked section, number of entries.
    sections = [
        struct.unpack_from("<4xI16xQ8xII", elf, table + index * size) for index in range(count)
    ]
    versions: list[tuple[int, int]] = []
    for kind, offset, strings, libraries in sections:
        if kind != VERSIONS_NEEDED:
            continue
        names = sections[strings][1]
        need = offset
        for _ in range(libraries):
            entries, first, following = struct.unpack_from("<2xH4xII", elf, need)
            entry = need + first
            for _ in range(entries):
                name, next_entry = struct.unpack_from("<8xII", elf, entry)
                text = elf[names + name : elf.index(b"\0", names + name)].decode()
                if found := re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", text):
                    versions.append((int(found[1]), int(found[2])))
                entry += next_entry
            need += following
    return versions
