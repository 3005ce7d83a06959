"""Reads what the checks of platforms ask of libraries: of ELF, PE and Mach-O, all of 64 bits."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path


class Binary:
    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.data = bytearray(path.read_bytes())

    def numbers(self, layout: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from("<" + layout, self.data, at)

    def text(self, at: int) -> str:
        return self.data[at : self.data.index(b"\0", at)].decode()


class Elf(Binary):
    """Reads an ELF file by its dynamic section, as the loader does."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise SystemExit(f"{path} is no ELF file of 64 bits")
        (machine,) = self.numbers("H", 18)
        self.machine = {62: "x64", 183: "arm64"}.get(machine, str(machine))

    @cached_property
    def segments(self) -> list[tuple[int, int, int, int]]:
        """(kind, offset, address, size in the file) of each."""
        at, size, count = *self.numbers("Q", 32), *self.numbers("HH", 54)
        found = []
        for place in range(at, at + size * count, size):
            kind, _, offset, address, _, length = self.numbers("IIQQQQ", place)
            found.append((kind, offset, address, length))
        return found

    def offset(self, address: int) -> int:
        for kind, offset, start, length in self.segments:
            if kind == 1 and start <= address < start + length:
                return offset + address - start
        raise SystemExit(f"{self.name}: nothing at {address:#x}")

    @cached_property
    def dynamic(self) -> list[tuple[int, int]]:
        at = next(offset for kind, offset, _, _ in self.segments if kind == 2)
        entries = []
        while (entry := self.numbers("QQ", at))[0] != 0:
            entries.append((entry[0], entry[1]))
            at += 16
        return entries

    def values(self, tag: int) -> list[int]:
        return [value for other, value in self.dynamic if other == tag]

    def texts(self, tag: int) -> list[str]:
        strings = self.offset(self.values(5)[0])
        return [self.text(strings + value) for value in self.values(tag)]

    @property
    def needed(self) -> list[str]:
        return self.texts(1)

    @property
    def soname(self) -> str:
        return self.texts(14)[0]

    @property
    def run_path(self) -> str | None:
        return next(iter(self.texts(29) + self.texts(15)), None)

    @property
    def stays_loaded(self) -> bool:
        return any(flags & 8 for flags in self.values(0x6FFFFFFB))

    @property
    def has_symbol_table(self) -> bool:
        at, size, count = *self.numbers("Q", 40), *self.numbers("HH", 58)
        return any(
            self.numbers("I", place + 4) == (2,) for place in range(at, at + size * count, size)
        )

    def glibc_versions(self) -> set[tuple[int, ...]]:
        """Returns the versions of glibc whose functions the file needs."""
        strings = self.offset(self.values(5)[0])
        versions = set()
        file = self.offset(self.values(0x6FFFFFFE)[0])
        while True:
            _, count, _, first, following = self.numbers("HHIII", file)
            entry = file + first
            for _ in range(count):
                _, _, _, name, step = self.numbers("IHHII", entry)
                found = re.fullmatch(r"GLIBC_([0-9.]+)", self.text(strings + name))
                if found:
                    versions.add(tuple(map(int, found[1].split("."))))
                entry += step
            if following == 0:
                return versions
            file += following

    def exports(self) -> set[str]:
        strings, symbols = self.offset(self.values(5)[0]), self.offset(self.values(6)[0])
        names = set()
        # The table of strings follows that of symbols in no certain way; the hash tells the count.
        for number in range(1, self.symbol_count()):
            name, _, _, section = self.numbers("IBBH", symbols + 24 * number)
            if section != 0:
                names.add(self.text(strings + name))
        return names

    def symbol_count(self) -> int:
        if hashes := self.values(4):
            return self.numbers("II", self.offset(hashes[0]))[1]
        table = self.offset(self.values(0x6FFFFEF5)[0])
        buckets, first, bloom, _ = self.numbers("IIII", table)
        at = table + 16 + 8 * bloom
        last = max(self.numbers(f"{buckets}I", at))
        if last == 0:
            return first
        chains = at + 4 * buckets
        while self.numbers("I", chains + 4 * (last - first))[0] & 1 == 0:
            last += 1
        return last + 1


class Pe(Binary):
    """Reads a DLL of Windows."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        (self.header,) = self.numbers("I", 0x3C)
        if self.data[:2] != b"MZ" or self.data[self.header : self.header + 4] != b"PE\0\0":
            raise SystemExit(f"{path} is no program of Windows")
        machine, self.section_count = self.numbers("HH", self.header + 4)
        self.machine = {0x8664: "x64", 0xAA64: "arm64"}.get(machine, str(machine))
        (self.optional_size, flags) = self.numbers("HH", self.header + 20)
        self.is_dll = flags & 0x2000 != 0

    def offset(self, address: int) -> int:
        first = self.header + 24 + self.optional_size
        for at in range(first, first + 40 * self.section_count, 40):
            size, start, raw_size, raw = self.numbers("IIII", at + 8)
            if start <= address < start + max(size, raw_size):
                return raw + address - start
        raise SystemExit(f"{self.name}: nothing at {address:#x}")

    def directory(self, number: int) -> int:
        return self.numbers("I", self.header + 24 + 112 + 8 * number)[0]

    def exports(self) -> set[str]:
        if self.directory(0) == 0:
            return set()
        table = self.offset(self.directory(0))
        (count,) = self.numbers("I", table + 24)
        (names,) = self.numbers("I", table + 32)
        return {
            self.text(self.offset(name)) for name in self.numbers(f"{count}I", self.offset(names))
        }

    def imports(self) -> set[str]:
        names = set()
        for directory, size, at_name in ((1, 20, 12), (13, 32, 4)):  # at once, and when called
            if self.directory(directory) == 0:
                continue
            entry = self.offset(self.directory(directory))
            while name := self.numbers("I", entry + at_name)[0]:
                names.add(self.text(self.offset(name)))
                entry += size
        return names

    def versions(self) -> set[str]:
        """Returns the versions that its resource names, in numbers and in words."""
        begin = self.offset(self.directory(2)) if self.directory(2) else len(self.data)
        fixed = self.data.find(struct.pack("<I", 0xFEEF04BD), begin)
        if fixed < 0:
            return set()
        found = set()
        for at in (8, 16):  # of the file, of the product
            high, low = self.numbers("II", fixed + at)
            found.add(f"{high >> 16}.{high & 0xFFFF}.{low >> 16}")
        for word in ("FileVersion", "ProductVersion"):
            key = self.data.find(f"{word}\0".encode("utf-16-le"), fixed)
            value = (key + 2 * len(word) + 2 + 3) & ~3  # begins at a multiple of four
            found.add(self.data[value : value + 128].decode("utf-16-le", "replace").split("\0")[0])
        return found


class MachO(Binary):
    """Reads a library of macOS for one processor."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        magic, cpu, _, kind, count, _, _, _ = self.numbers("IIIIIIII", 0)
        if magic != 0xFEEDFACF:
            raise SystemExit(f"{path} is no Mach-O file of 64 bits")
        self.machine = {0x01000007: "x64", 0x0100000C: "arm64"}.get(cpu, str(cpu))
        self.kind = {6: "dylib", 8: "bundle"}.get(kind, str(kind))
        self.install_name: str | None = None
        self.needed: set[str] = set()
        self.run_paths: list[str] = []
        self.minimum: tuple[int, int] | None = None
        self.signature: int | None = None  # where it begins
        self.trie = (0, 0)
        at = 32
        for _ in range(count):
            command, size = self.numbers("II", at)
            self.read(command & 0x7FFFFFFF, at)
            at += size

    def read(self, command: int, at: int) -> None:
        if command == 0x0D:
            self.install_name = self.argument(at)
        elif command in (0x0C, 0x18, 0x1F):
            self.needed.add(self.argument(at))
        elif command == 0x1C:
            self.run_paths.append(self.argument(at))
        elif command == 0x32:  # LC_BUILD_VERSION
            system, version = self.numbers("II", at + 8)
            if system == 1:
                self.minimum = (version >> 16, version >> 8 & 0xFF)
        elif command == 0x1D:
            (self.signature,) = self.numbers("I", at + 8)
        elif command == 0x22:  # LC_DYLD_INFO
            place, size = self.numbers("II", at + 40)
            self.trie = (place, size)
        elif command == 0x33:  # LC_DYLD_EXPORTS_TRIE
            place, size = self.numbers("II", at + 8)
            self.trie = (place, size)

    @property
    def signed(self) -> bool:
        """Reports whether it has a signature that holds; macOS on arm64 ends whoever loads another."""
        if self.signature is None:
            return False
        return all(self.data[at : at + 32] == digest for at, digest in self.page_hashes())

    def page_hashes(self) -> Iterator[tuple[int, bytes]]:
        """Where the signature has the hash of each page, and what it is to be."""
        assert self.signature is not None
        magic, _, parts = struct.unpack_from(">III", self.data, self.signature)
        places = struct.unpack_from(f">{2 * parts}I", self.data, self.signature + 12)[1::2]
        for at in (self.signature + place for place in places):
            if self.data[at : at + 4] == b"\xfa\xde\x0c\x02":  # the code directory
                hashes, _, _, pages, limit = struct.unpack_from(">IIIII", self.data, at + 16)
                size, kind, _, bits = struct.unpack_from(">BBBB", self.data, at + 36)
                break
        else:
            raise SystemExit(f"{self.name}: its signature has no code directory")
        if (magic, size, kind, limit) != (0xFADE0CC0, 32, 2, self.signature):
            raise SystemExit(
                f"{self.name}: its signature is not by SHA-256 of all that is before it"
            )
        for page in range(pages):
            begin = page << bits
            content = self.data[begin : min(begin + (1 << bits), limit)]
            yield at + hashes + size * page, hashlib.sha256(content).digest()

    def argument(self, at: int) -> str:
        return self.text(at + self.numbers("I", at + 8)[0])

    def exports(self) -> set[str]:
        """Returns what other files can find: the names in the trie of exports."""
        names: set[str] = set()
        place, size = self.trie
        if size > 0:
            self.walk(place, place, "", names)
        return names

    def walk(self, trie: int, at: int, prefix: str, names: set[str]) -> None:
        size, at = self.uleb(at)
        if size > 0:
            names.add(prefix.removeprefix("_"))
        at += size
        children = self.data[at]
        at += 1
        for _ in range(children):
            part = self.text(at)
            child, at = self.uleb(at + len(part) + 1)
            self.walk(trie, trie + child, prefix + part, names)

    def uleb(self, at: int) -> tuple[int, int]:
        """Returns a number in base 128, the lowest digit first, and where it ends."""
        value = shift = 0
        while True:
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, at
