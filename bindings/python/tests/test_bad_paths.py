"""Paths that cannot name a store, and databases that cannot be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import unittest
from pathlib import Path

import factstr
from factstr import _capi
from locks import locked
from programs import ProgramCase
from support import StoreCase, fact, numbers, on_persistent_stores


class Paths(StoreCase):
    def open_fails(self, path: object, error: type[factstr.FactstrError]) -> factstr.FactstrError:
        with self.assertRaises(error) as raised:
            factstr.SqliteStore(path)  # type: ignore[arg-type]  # wrong on purpose
        self.assertEqual(raised.exception.code, error.code)
        self.assertGreater(len(raised.exception.message), 10)
        return raised.exception

    def test_paths_that_name_no_file_are_refused(self) -> None:
        for path in ("", ":memory:", self.folder, "a\0b", "\ud800", 7, None):
            with self.subTest(path):
                self.open_fails(path, factstr.InvalidArgument)

    def test_a_path_that_cannot_exist_is_a_missing_path(self) -> None:
        (self.folder / "file").write_text("")
        for path in ("/proc/nowhere/facts.db", self.folder / "file" / "folder" / "facts.db"):
            with self.subTest(path):
                error = self.open_fails(path, factstr.BackendFailure)
                self.assertEqual(getattr(error, "reason", None), "missing_path")

    def test_missing_parent_directories_are_created(self) -> None:
        with factstr.SqliteStore(self.folder / "a" / "b" / "facts.db") as store:
            store.append([fact("a")])
        self.assertTrue((self.folder / "a" / "b" / "facts.db").is_file())

    def test_names_with_the_syntax_of_a_uri_are_plain_file_names(self) -> None:
        for name in ("what?mode=memory.db", "100%.db", "a#b.db", "é ü.db", "file:x.db", " .db"):
            with self.subTest(name):
                with factstr.SqliteStore(self.folder / name) as store:
                    store.append([fact("a")])
                self.assertTrue((self.folder / name).is_file())

    def test_a_relative_path_and_a_string_are_fine(self) -> None:
        before = Path.cwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, before)
        with factstr.SqliteStore("relative.db") as store:
            self.assertEqual(
                (store.path, repr(store)), ("relative.db", "SqliteStore('relative.db')")
            )
        self.assertTrue((self.folder / "relative.db").is_file())

    def test_a_file_that_is_not_a_database_is_left_unchanged(self) -> None:
        path = self.folder / "notes.txt"
        path.write_text("no database, and long enough to have had a header of one\n" * 100)
        before = path.read_bytes()
        self.open_fails(path, factstr.UnsupportedFormat)
        self.assertEqual(path.read_bytes(), before)

    def test_a_database_of_a_newer_format_is_refused(self) -> None:
        path = self.folder / "newer.db"
        factstr.SqliteStore(path).close()
        database = sqlite3.connect(path)
        database.execute("UPDATE store_metadata SET value = '2' WHERE key = 'store_format_version'")
        database.commit()
        database.close()
        error = self.open_fails(path, factstr.UnsupportedFormat)
        self.assertIn("newer", error.message)

    def test_a_full_disk_is_a_backend_failure_and_nothing_is_written(self) -> None:
        self.store.close()
        self.store = self.open(testing_max_page_count=40)
        self.store.append([fact("a")])
        with self.assertRaises(factstr.BackendFailure) as raised:
            self.store.append([fact("big", "x" * 400_000)])
        self.assertEqual(raised.exception.reason, "disk_full")
        self.assertEqual(self.store.append([fact("b")]).first_sequence_number, 2)


@on_persistent_stores
class LockedDatabases(StoreCase):
    def test_a_locked_database_is_busy_and_works_afterwards(self) -> None:
        self.store.close()
        self.store = self.open(lock_ms=50)
        with locked(self.kind, self.place) as release:
            with self.assertRaises(factstr.Busy):
                self.store.append([fact("a")])
            self.assertEqual(numbers(self.store.query()), [])
            release()
        self.assertEqual(self.store.append([fact("a")]).first_sequence_number, 1)


class PathsOfOthers(ProgramCase):
    def test_a_read_only_directory_is_a_failure_of_permission(self) -> None:
        # Root may write everywhere, so the program becomes "nobody". It does so before it loads the
        # library: setuid() changes other threads by sending each a signal, which is lost if the
        # user's limit of pending signals is reached, maybe by other programs.
        self.folder.chmod(0o755)
        (self.folder / "read-only").mkdir(0o555)
        library = Path(shutil.copy(_capi.LIBRARY, self.folder / "libfactstr.so"))
        library.chmod(0o755)
        self.prints(
            "BackendFailure permission",
            """
import factstr, os, pathlib, sys
from factstr import _capi
_capi.LIBRARY = pathlib.Path(sys.argv[2])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    factstr.SqliteStore(sys.argv[1])
except factstr.BackendFailure as error:
    print(error.code, error.reason)
""",
            self.folder / "read-only" / "facts.db",
            library,
        )

    def test_a_second_copy_of_the_library_on_the_same_file_is_refused(self) -> None:
        copy = self.folder / "other-libfactstr.so"
        shutil.copy(_capi.LIBRARY, copy)
        self.prints(
            "InvalidState\n[1]",
            """
import factstr, sys
from factstr import _capi, _opening
from factstr._handle import Handle
from pathlib import Path
database, copy = map(Path, sys.argv[1:])
with factstr.SqliteStore(database) as store:
    other = _capi._load(copy)
    try:
        _opening.open_store(Handle(other, RuntimeError), other.factstr_sqlite_open, (bytes(database),), {})
    except factstr.InvalidState as error:
        print(error.code)
    store.append([factstr.NewEvent("a", 1)])
    print([record.sequence_number for record in store.query().event_records])
""",
            self.folder / "facts.db",
            copy,
        )


if __name__ == "__main__":
    unittest.main()
