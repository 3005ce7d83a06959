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
        major, minor = max(asked)
        self.assertEqual(
            self.hook.platform_tag(library),
            f"manylinux_{major}_{minor}_{self.hook.MACHINES[machine]}",
        )

    def test_a_file_that_is_not_a_library_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "ELF"):
            self.hook.platform_tag(b"MZ" + bytes(100))


if __name__ == "__main__":
    unittest.main()
