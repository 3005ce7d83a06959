"""Checks a library and a Node addon by what stands in their files, whatever this machine is.

python3 tools/check_platform.py PLATFORM LIBRARY ADDON

The library exports the functions of tools/symbols.txt and nothing else; both need no newer system
than the platform promises, and find each other beside themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from binaries import Elf, MachO, Pe
from platforms import PLATFORMS, ROOT

VERSION = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
GLIBC_MAX = (2, 17)
MACOS_MIN = (12, 0)
ADDON_EXPORTS = {"napi_register_module_v1", "node_api_module_get_api_version_v1"}
FUNCTIONS = set((ROOT / "tools/symbols.txt").read_text(encoding="utf-8").split())

# What Windows 10 has had since its first version, and the C runtime that came with it.
WINDOWS_LIBRARIES = {
    "advapi32.dll",
    "bcryptprimitives.dll",
    "kernel32.dll",
    "ntdll.dll",
    "ws2_32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
}


def require(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"check_platform.py: {what}")


def check_exports(name: str, exports: set[str], wanted: set[str]) -> None:
    require(
        exports == wanted,
        f"{name} lacks {sorted(wanted - exports)} and exports {sorted(exports - wanted)} besides",
    )


def check_elf(library: Path, addon: Path, machine: str) -> None:
    lib, node = Elf(library), Elf(addon)
    for file in (lib, node):
        require(file.machine == machine, f"{file.name} is for {file.machine}")
        newest = max(file.glibc_versions(), default=(0,))
        require(newest <= GLIBC_MAX, f"{file.name} needs glibc {'.'.join(map(str, newest))}")
        require(file.stays_loaded, f"{file.name} could be unloaded, which Go cannot bear")
        require(not file.has_symbol_table, f"{file.name} is not stripped")
    check_exports(lib.name, lib.exports() - {"FACTSTR_1"}, FUNCTIONS)
    check_exports(node.name, node.exports(), ADDON_EXPORTS)
    require(lib.soname == library.name, f"{lib.name} has the soname {lib.soname}")
    require(library.name in node.needed, f"{node.name} needs {node.needed}")
    require(node.run_path == "$ORIGIN", f"{node.name} looks in {node.run_path}")
    require(lib.run_path is None, f"{lib.name} looks in {lib.run_path}")


def check_pe(library: Path, addon: Path, machine: str) -> None:
    lib, node = Pe(library), Pe(addon)
    for file in (lib, node):
        require(file.machine == machine, f"{file.name} is for {file.machine}")
        require(file.is_dll, f"{file.name} is no DLL")
        versions = {VERSION, VERSION.partition("-")[0]}
        require(file.versions() == versions, f"{file.name} has the versions {file.versions()}")
    check_exports(lib.name, lib.exports(), FUNCTIONS)
    check_exports(node.name, node.exports(), ADDON_EXPORTS)
    for file, others in ((lib, set()), (node, {library.name})):
        for name in file.imports() - others:
            known = name.lower() in WINDOWS_LIBRARIES or name.startswith("api-ms-win-crt-")
            require(known, f"{file.name} needs {name}")
    require(library.name in node.imports(), f"{node.name} does not need {library.name}")


def check_macho(library: Path, addon: Path, machine: str) -> None:
    lib, node = MachO(library), MachO(addon)
    for file in (lib, node):
        require(file.machine == machine, f"{file.name} is for {file.machine}")
        require(file.minimum == MACOS_MIN, f"{file.name} is for macOS {file.minimum} or newer")
        # Apple silicon runs nothing that has no signature.
        require(machine != "arm64" or file.signed, f"{file.name} has no signature")
        for needed in file.needed - {f"@rpath/{library.name}"}:
            system = needed.startswith(("/usr/lib/", "/System/Library/Frameworks/"))
            require(system, f"{file.name} needs {needed}")
    # The linker itself puts two names into each library.
    own = {"_mh_dylib_header", "__dso_handle"}
    require(lib.kind == "dylib", f"{lib.name} is a {lib.kind}")
    check_exports(lib.name, lib.exports() - own, FUNCTIONS)
    check_exports(node.name, node.exports() - own, ADDON_EXPORTS)
    require(lib.install_name == f"@rpath/{library.name}", f"{lib.name} is {lib.install_name}")
    require(f"@rpath/{library.name}" in node.needed, f"{node.name} needs {node.needed}")
    require(node.run_paths == ["@loader_path"], f"{node.name} looks in {node.run_paths}")


def main(arguments: list[str]) -> None:
    name, library, addon = arguments
    platform = PLATFORMS[name]
    checks: dict[str, Callable[[Path, Path, str], None]] = {
        "linux": check_elf,
        "win32": check_pe,
        "darwin": check_macho,
    }
    checks[platform.os](Path(library), Path(addon), platform.cpu)
    print(f"{name}: {len(FUNCTIONS)} functions; the files keep what the platform promises")


if __name__ == "__main__":
    main(sys.argv[1:])
