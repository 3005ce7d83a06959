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
TYPES = {"milliseconds": int, "bytes": int, "count": int, "text": str}


def options(*stores: str) -> dict[str, type]:
    rows = json.loads((TABLES / "options.json").read_text(encoding="utf-8"))
    return {
        row["python"]: TYPES[row["type"]]
        for row in rows
        if row["store"] in stores and "python" in row
    }


class Catalog(unittest.TestCase):
    def test_the_typed_dicts_have_the_options_of_the_table(self) -> None:
        for typed, stores in (
            (_options.StoreOptions, ("every",)),
            (_options.SqliteOptions, ("every", "sqlite")),
            (_options.PostgresOptions, ("every", "postgres")),
        ):
            with self.subTest(typed.__name__):
                self.assertEqual(get_type_hints(typed), options(*stores))

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
