"""The tag of the wheel names the platforms that it runs on."""

from __future__ import annotations

import importlib.util
import re
import struct
import unittest
from pathlib import Path

from factstr import _capi


class WheelTag(unittest.TestCase):
    def setUp(self) -> None:
        # The build hook is not part of the package, and its base class exists only where wheels are
        # built.
        source = (Path(__file__).parents[1] / "hatch_build.py").read_text(encoding="utf-8")
        source = source.replace(
            "from hatchling.builders.hooks.plugin.interface import BuildHookInterface",
            "class BuildHookInterface(list): pass",
        )
        spec = importlib.util.spec_from_loader("hatch_build", loader=None)
        assert spec is not None
        self.hook = importlib.util.module_from_spec(spec)
        exec(compile(source, "hatch_build.py", "exec"), vars(self.hook))

    def test_it_names_the_machine_and_the_highest_glibc_that_the_library_needs(self) -> None:
        library = _capi.LIBRARY.read_bytes()
        asked = [
            tuple(map(int, version)) for version in re.findall(rb"GLIBC_(\d+)\.(\d+)", library)
        ]
        (machine,) = struct.unpack_from("<H", library, 18)
        major, minor = max(*asked, (2, 17))
        self.assertIn(
            f"manylinux_{major}_{minor}_{self.hook.ELF_MACHINES[machine]}",
            self.hook.platform_tag(library).split("."),
        )

    def test_a_library_for_windows_or_macos_gets_the_tag_of_its_headers(self) -> None:
        windows = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40) + b"PE\0\0\x64\x86"
        self.assertEqual(self.hook.platform_tag(windows), "win_amd64")
        macos = (
            struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, 2, 0, 0, 0)
            + struct.pack("<IIQ", 0x1D, 16, 0)  # some other load command stands before it
            + struct.pack("<IIIII", 0x32, 20, 1, 12 << 16 | 3 << 8, 0)
        )
        self.assertEqual(self.hook.platform_tag(macos), "macosx_12_3_arm64")

    def test_a_file_that_is_not_a_library_is_refused(self) -> None:
        for file in (b"MZ" + bytes(100), b"#!/bin/sh" + bytes(100)):
            with self.assertRaisesRegex(ValueError, "the library is"):
                self.hook.platform_tag(file)


if __name__ == "__main__":
    unittest.main()
