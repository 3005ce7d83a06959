"""The classes of errors."""

from __future__ import annotations

import copy
import pickle
import unittest

import factstr
from factstr import errors


class Errors(unittest.TestCase):
    def test_every_class_is_exported_and_survives_pickling(self) -> None:
        for code, kind in errors._classes.items():
            self.assertIs(getattr(factstr, kind.__name__), kind)
            text = (
                b'{"message":"what","reason":"io","store":"memory","operation":"x",'
                b'"conflict":{"expected_context_version":null,"actual_context_version":5}}'
            )
            error = errors.error_from(code, text)
            for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
                self.assertEqual(
                    (type(again), again.code, str(again), vars(again)),
                    (kind, code, str(error), vars(error)),
                )

    def test_a_code_of_a_newer_library_is_kept(self) -> None:
        error = errors.error_from("BrandNew", b'{"message":"what"}')
        self.assertEqual(
            (type(error), error.code, str(error)),
            (factstr.FactstrError, "BrandNew", "BrandNew: what"),
        )

    def test_an_invalid_argument_is_a_value_error(self) -> None:
        self.assertTrue(issubclass(factstr.InvalidArgument, ValueError))


if __name__ == "__main__":
    unittest.main()
