"""Makes the bytes of libraries that zig has linked depend on their sources alone, in place:
python3 tools/settle_library.py LIBRARY...

For Windows the linker derives a time and an identity from a hash that is another one at each run,
although it writes the same code. For macOS it leaves the end of the table of indirect symbols
unwritten if the table of offsets has places for the library's own symbols, so that identity and
signature differ with what was in memory. The loader of macOS reads neither that table nor the
identity; debuggers do. ELF files are as they should be.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import binaries

OFFSETS, LAZY, STUBS = 6, 7, 8  # the kinds of sections that the table of indirect symbols is for
LOCAL = 0x80000000  # its entry for a symbol of the library itself


class MachO(binaries.MachO):
    def __init__(self, path: Path) -> None:
        self.at: dict[int, int] = {}  # where the commands are; of several of a kind the last
        self.sections: dict[int, tuple[int, int]] = {}  # by kind: first entry, count
        super().__init__(path)

    def read(self, command: int, at: int) -> None:
        super().read(command, at)
        self.at[command] = at
        if command == 0x19:  # LC_SEGMENT_64
            (count,) = self.numbers("I", at + 64)
            for section in range(at + 72, at + 72 + 80 * count, 80):
                (size,) = self.numbers("Q", section + 40)
                flags, first, entry_size = self.numbers("III", section + 64)
                if flags & 0xFF in (OFFSETS, LAZY, STUBS):
                    self.sections[flags & 0xFF] = first, size // (entry_size or 8)

    def settle(self) -> None:
        self.settle_indirect_symbols()
        uuid = self.at[0x1B] + 8
        self.data[uuid : uuid + 16] = bytes(16)
        identity = bytearray(hashlib.sha256(self.data[: self.signature]).digest()[:16])
        identity[6] = identity[6] & 0x0F | 0x80  # a UUID of version 8, made in a way of one's own
        identity[8] = identity[8] & 0x3F | 0x80
        self.data[uuid : uuid + 16] = identity
        if self.signature is not None:
            for at, digest in self.page_hashes():
                self.data[at : at + 32] = digest

    def settle_indirect_symbols(self) -> None:
        table, count = self.numbers("II", self.at[0x0B] + 56)
        entries = list(self.numbers(f"{count}I", table))
        offsets, _ = self.sections[OFFSETS]
        lazy, length = self.sections[LAZY]
        stubs, _ = self.sections[STUBS]
        # Each stub has a pointer, in the same order. They were written behind the offsets of
        # other libraries' symbols, which are fewer than the section of offsets has.
        pointers = entries[stubs : stubs + length]
        places = range(offsets, lazy + 1)
        written = next((at for at in places if entries[at : at + length] == pointers), None)
        if written is None or count != lazy + length:
            raise SystemExit(f"{self.name}: the table of indirect symbols is not as zig writes it")
        entries[written:] = [LOCAL] * (lazy - written) + pointers
        struct.pack_into(f"<{count}I", self.data, table, *entries)
        (strings,) = self.numbers("I", self.at[0x02] + 16)
        end = table + 4 * count
        if not 0 <= strings - end < 8:
            raise SystemExit(f"{self.name}: the strings do not follow the indirect symbols")
        self.data[end:strings] = bytes(strings - end)


class Pe(binaries.Pe):
    def settle(self) -> None:
        if self.numbers("I", self.header + 88) != (0,):
            raise SystemExit(f"{self.name} has a checksum")
        places = [(at, 4) for at in self.times()] + [(at, 16) for at in self.identities()]
        for at, size in places:
            self.data[at : at + size] = bytes(size)
        identity = hashlib.sha256(self.data).digest()
        for at, size in places:
            self.data[at : at + size] = identity[:size]

    def times(self) -> Iterator[int]:
        yield self.header + 8
        if exports := self.directory(0):
            yield self.offset(exports) + 4
        yield from (at + 4 for at in self.debug_entries())

    def identities(self) -> Iterator[int]:
        for at in self.debug_entries():
            kind, _, _, view = self.numbers("IIII", at + 12)
            if kind == 2 and self.data[view : view + 4] == b"RSDS":
                yield view + 4

    def debug_entries(self) -> Iterator[int]:
        address, size = self.numbers("II", self.header + 24 + 112 + 8 * 6)
        if address:
            begin = self.offset(address)
            yield from range(begin, begin + size, 28)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        begin = path.read_bytes()[:2]
        kinds: dict[bytes, type[Pe] | type[MachO]] = {b"MZ": Pe, b"\xcf\xfa": MachO}
        if begin in kinds:
            library = kinds[begin](path)
            library.settle()
            path.write_bytes(library.data)
