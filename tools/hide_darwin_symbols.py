"""Marks the symbols of object files for macOS as private to the library that they are linked into,
save those of a list: python3 tools/hide_darwin_symbols.py LIST OBJECT...

It does what the linker's -exported_symbols_list would do, which zig's does not know. Go's objects
export names of the runtime, and two Go libraries in one process must not share them.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

LC_SYMTAB = 2
EXTERNAL, TYPE, PRIVATE, DEBUGGER = 0x01, 0x0E, 0x10, 0xE0


def hide(path: Path, kept: set[bytes]) -> None:
    data = bytearray(path.read_bytes())
    magic, _, _, _, commands = struct.unpack_from("<IIIII", data)
    if magic != 0xFEEDFACF:
        raise SystemExit(f"{path} is no Mach-O object of 64 bits")
    at = 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == LC_SYMTAB:
            table, count, strings, _ = struct.unpack_from("<IIII", data, at + 8)
            for place in range(table, table + 16 * count, 16):
                name, kind = struct.unpack_from("<IB", data, place)
                text = bytes(data[strings + name : data.index(0, strings + name)])
                defined = kind & EXTERNAL and kind & TYPE and not kind & DEBUGGER
                if defined and text not in kept:
                    data[place + 4] = kind | PRIVATE
        at += size
    path.write_bytes(data)


if __name__ == "__main__":
    names = set(Path(sys.argv[1]).read_bytes().split())
    for argument in sys.argv[2:]:
        hide(Path(argument), names)
