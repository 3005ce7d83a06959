"""The prototypes, the constants and the version match the header and the project."""

from __future__ import annotations

import re
import unittest
from unittest import mock

import factstr
from factstr import _capi, errors
from programs import ProgramCase
from support import ROOT

HEADER = re.sub(
    r"/\*.*?\*/", "", (ROOT / "include" / "factstr.h").read_text(encoding="utf-8"), flags=re.DOTALL
)


class Prototypes(unittest.TestCase):
    def test_every_function_of_the_header_has_a_prototype_of_as_many_parameters(self) -> None:
        declared = {
            name: 0 if parameters == "void" else len(parameters.split(","))
            for name, parameters in re.findall(
                r"FACTSTR_API [^;(]*?\b(factstr_\w+)\(([^)]*)\);", HEADER
            )
        }
        self.assertGreater(len(declared), 20)
        self.assertEqual(
            {name: len(arguments) for name, (_, arguments) in _capi.PROTOTYPES.items()}, declared
        )

    def test_every_status_has_the_number_and_the_name_of_the_header(self) -> None:
        statuses = {
            name: int(value) for name, value in re.findall(r"FACTSTR_([A-Z_]+) = (\d+)", HEADER)
        }
        for name in ("HANDLED", "FAILED", "PENDING"):
            del statuses[name]  # what a callback returns
        for name in ("LOG_INFO", "LOG_WARNING", "LOG_ERROR", "LOG_OFF"):
            self.assertEqual(getattr(_capi, name), statuses.pop(name))
        library = _capi.load()
        codes = set()
        for name, value in statuses.items():
            self.assertEqual(getattr(_capi, name), value)
            spelled = _capi.status_name(library, value)
            self.assertEqual(spelled.upper(), name.replace("_", ""))
            if value >= 10:
                codes.add(spelled)
        self.assertEqual(codes, set(errors._classes))

    def test_the_version_is_that_of_the_project(self) -> None:
        self.assertEqual(
            factstr.__version__, (ROOT / "VERSION").read_text(encoding="utf-8").strip()
        )
        self.assertEqual(
            str(_capi.ABI_VERSION), re.findall(r"#define FACTSTR_ABI_VERSION (\d+)", HEADER)[0]
        )


class Loading(ProgramCase):
    def test_a_library_of_another_version_is_refused(self) -> None:
        for change in ({"__version__": "0.0.1"}, {"ABI_VERSION": 999}):
            with (
                mock.patch.multiple(_capi, **change),
                self.assertRaisesRegex(factstr.InternalError, "install the package again"),
            ):
                _capi._load(_capi.LIBRARY)

    def test_a_library_that_cannot_be_loaded_is_explained(self) -> None:
        with self.assertRaisesRegex(factstr.InternalError, "glibc"):
            _capi._load(self.folder / "missing.so")

    def test_importing_does_not_load_the_library(self) -> None:
        self.prints(
            "False True",
            """
from pathlib import Path
import factstr
maps = Path("/proc/self/maps")
before = maps.read_text()
factstr.MemoryStore().close()
print("libfactstr" in before, "libfactstr" in maps.read_text())
""",
        )


if __name__ == "__main__":
    unittest.main()
