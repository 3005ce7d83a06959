"""The options and errors of this package beside interop/catalog, which every surface is compared
with.
"""

from __future__ import annotations

import inspect
import json
import re
import unittest
from pathlib import Path
from typing import Any, get_type_hints

from factstr import _options, errors

TABLES = Path(__file__).resolve().parents[3] / "interop" / "catalog"
TYPES = {"milliseconds": int, "bytes": int, "count": int, "text": str, "boolean": bool}


DICTS: dict[type, tuple[str, ...]] = {
    _options.StoreOptions: ("every",),
    _options.SqliteOptions: ("every", "sqlite"),
    _options.PostgresOptions: ("every", "postgres"),
}


def rows(*stores: str) -> dict[str, dict[str, Any]]:
    """Returns the options of the table that Python has, by their name."""
    table = json.loads((TABLES / "options.json").read_text(encoding="utf-8"))
    return {row["python"]: row for row in table if row["store"] in stores and "python" in row}


def shown_default(row: dict[str, Any]) -> str:
    """Returns the end of the line that documents an option with a default."""
    default = row.get("default")
    if default is None:
        return ""
    if row["type"] == "bytes":
        return f"; {default >> 20} MiB"
    return f'"{default}"' if row["type"] == "text" else f"; {default}"


def documented(typed: type) -> dict[str, str]:
    """Returns the lines of a docstring's table, by the name of the option."""
    found: dict[str, str] = {}
    for line in (inspect.getdoc(typed) or "").splitlines():
        if entry := re.fullmatch(r"(\w+)  +(.+)", line):
            name = entry[1]
            found[name] = entry[2]
        elif found and line.startswith("  "):
            found[name] += f" {line.strip()}"
    return found


class Catalog(unittest.TestCase):
    def test_the_typed_dicts_have_the_options_of_the_table(self) -> None:
        for typed, stores in DICTS.items():
            with self.subTest(typed.__name__):
                types = {name: TYPES[row["type"]] for name, row in rows(*stores).items()}
                self.assertEqual(get_type_hints(typed), types)

    def test_the_typed_dicts_document_each_option_with_its_default(self) -> None:
        for typed, stores in DICTS.items():
            own, lines = rows(stores[-1]), documented(typed)
            self.assertEqual(list(lines), list(own), typed.__name__)
            for name, row in own.items():
                with self.subTest(name):
                    self.assertTrue(lines[name].endswith(shown_default(row)), lines[name])

    def test_each_code_of_the_table_has_its_exception(self) -> None:
        table: dict[str, Any] = json.loads((TABLES / "errors.json").read_text(encoding="utf-8"))
        classes = {
            name: each.code
            for name, each in inspect.getmembers(errors, inspect.isclass)
            if issubclass(each, errors.FactstrError) and each is not errors.FactstrError
        }
        self.assertEqual(classes, {row["python"]: row["code"] for row in table["codes"]})

    def test_the_reasons_of_the_table_are_documented(self) -> None:
        table = json.loads((TABLES / "errors.json").read_text(encoding="utf-8"))
        documented = re.findall(r'"(\w+)"', inspect.getdoc(errors.BackendFailure) or "")
        self.assertEqual(documented, [row["reason"] for row in table["reasons"]])


if __name__ == "__main__":
    unittest.main()
