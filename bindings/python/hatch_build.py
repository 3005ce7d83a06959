"""Tags the wheel for the platform of the library inside it, and refuses to build one that would
not work.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
ELF_VERSIONS_NEEDED = 0x6FFFFFFE  # SHT_GNU_verneed
PE_MACHINES = {0x8664: "amd64", 0xAA64: "arm64"}
MACHO_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
MACHO_BUILD_VERSION = 0x32  # LC_BUILD_VERSION
MACHO_VERSION_MIN = 0x24  # LC_VERSION_MIN_MACOSX


class NativeLibraryHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        from packaging.version import Version  # comes with hatchling

        package = Path(self.root, "src", "factstr")
        libraries = list((package / "_native").glob("*factstr*"))
        if len(libraries) != 1:
            raise FileNotFoundError(
                f"{package / '_native'} must hold one library and has {libraries}; "
                "tools/build-python.sh puts it there"
            )
        spelled = re.findall(r'__version__ = "(.+)"', (package / "_version.py").read_text())
        # Python's packages spell 1.0.0-rc.1 as 1.0.0rc1; the package says what the library says.
        if [str(Version(version)) for version in spelled] != [self.metadata.version]:
            raise ValueError(f"_version.py says {spelled}, and VERSION is {self.metadata.version}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(libraries[0].read_bytes())}"
        build_data["sbom_files"] = [p.name for p in Path(self.root).glob("*.spdx.json")]


def platform_tag(library: bytes) -> str:
    """Returns the tag of the systems that can load the library, as its own headers say."""
    if library[:6] == b"\x7fELF\x02\x01":
        return _manylinux(library)
    if library[:2] == b"MZ":
        return _windows(library)
    if library[:4] == b"\xcf\xfa\xed\xfe":
        return _macos(library)
    raise ValueError("the library is no 64-bit little-endian ELF, PE or Mach-O file")


def _manylinux(elf: bytes) -> str:
    """Names the highest version of glibc that the file needs, and at least 2.17: older ones are
    neither tested nor known to every installer. 2.17 has an older name, too.
    """
    (machine,) = struct.unpack_from("<H", elf, 18)
    major, minor = max(*_glibc_versions(elf), (2, 17))
    tag = f"manylinux_{major}_{minor}_{ELF_MACHINES[machine]}"
    return f"manylinux2014_{ELF_MACHINES[machine]}.{tag}" if (major, minor) == (2, 17) else tag


def _glibc_versions(elf: bytes) -> list[tuple[int, int]]:
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    # For each section: type, file offset, linked section, number of entries.
    sections = [
        struct.unpack_from("<4xI16xQ8xII", elf, table + index * size) for index in range(count)
    ]
    versions: list[tuple[int, int]] = []
    for kind, offset, strings, libraries in sections:
        if kind != ELF_VERSIONS_NEEDED:
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


def _windows(pe: bytes) -> str:
    (header,) = struct.unpack_from("<I", pe, 0x3C)
    if pe[header : header + 4] != b"PE\0\0":
        raise ValueError("the library is a DOS program")
    (machine,) = struct.unpack_from("<H", pe, header + 4)
    return f"win_{PE_MACHINES[machine]}"


def _macos(macho: bytes) -> str:
    machine, _, _, commands = struct.unpack_from("<IIII", macho, 4)
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", macho, at)
        if command in (MACHO_BUILD_VERSION, MACHO_VERSION_MIN):
            (minimum,) = struct.unpack_from("<I", macho, at + (12 if command == 0x32 else 8))
            return f"macosx_{minimum >> 16}_{minimum >> 8 & 0xFF}_{MACHO_MACHINES[machine]}"
        at += size
    raise ValueError("the library does not say which macOS it needs")
