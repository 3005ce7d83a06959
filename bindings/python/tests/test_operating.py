from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import unittest

import factstr
from factstr import aio
from support import Deliveries, StoreCase, fact, on_every_store, on_persistent_stores, opened


@on_every_store
class Operating(StoreCase):
    def test_a_log_that_only_appends_have_written_is_sound(self) -> None:  # G1 G2 G3
        self.store.append([fact("a"), fact("b")])
        self.store.append([fact("a")])
        self.store.stream_all_durable("all", Deliveries()).close()
        found = self.store.verify()
        self.assertEqual((found.head, found.facts, found.batches, found.cursors), (3, 3, 2, 1))
        self.assertEqual((found.findings, found.findings_more), ((), 0))

    def test_another_thread_may_verify(self) -> None:
        found: list[factstr.Verification] = []
        thread = threading.Thread(target=lambda: found.append(self.store.verify()))
        thread.start()
        thread.join()
        self.assertEqual(found[0].facts, 0)

    def test_a_backup_is_a_store_or_says_what_to_do(self) -> None:  # G1
        self.store.append([fact("a"), fact("b")])
        path = self.folder / "a copy?.db"
        if self.kind != "sqlite":
            with self.assertRaises(factstr.OperationNotImplemented) as raised:
                self.store.backup(path)
            self.assertIn("pg_dump" if self.kind == "postgres" else "SQLite", str(raised.exception))
            return
        made = self.store.backup(path)
        self.assertEqual((made.head, made.bytes), (2, os.path.getsize(path)))
        with factstr.SqliteStore(path) as copy:
            self.assertEqual(copy.query(), self.store.query())
            self.assertEqual(copy.verify().findings, ())
        with self.assertRaises(factstr.InvalidArgument):
            self.store.backup(path)
        with self.assertRaises(factstr.BackendFailure) as failed:
            self.store.backup(self.folder / "missing" / "copy.db")
        self.assertEqual(failed.exception.reason, "missing_path")

    def test_bad_paths_are_refused(self) -> None:
        for path in ("", "a\0b", 7, None):
            with self.assertRaises((factstr.FactstrError, TypeError), msg=repr(path)):
                self.store.backup(path)  # type: ignore[arg-type]

    def test_positions_of_parked_batches_that_are_none_are_refused_by_name(self) -> None:
        for call in (self.store.redeliver_parked, self.store.discard_parked):
            for bad, names in ((5, "positions must be"), ([1, "2"], r"positions\[1\] must be")):
                with self.assertRaisesRegex(factstr.InvalidArgument, names):
                    call("model", bad)  # type: ignore[arg-type]

    def test_a_closed_store_is_neither_verified_nor_copied(self) -> None:
        self.store.close()
        for call in (self.store.verify, lambda: self.store.backup(self.folder / "copy.db")):
            with self.assertRaises(factstr.StoreClosed):
                call()


@on_persistent_stores
class ReadOnlyStores(StoreCase):
    def test_a_store_that_only_reads_sees_what_others_commit(self) -> None:  # G1 G5 G15
        self.store.append([fact("a"), fact("b")])
        deliveries = Deliveries()
        with opened(self.kind, self.place, read_only=True) as reader:
            self.assertEqual(reader.query(), self.store.query())
            self.assertEqual(reader.verify().findings, ())
            reader.stream_from(1, None, deliveries)
            self.store.append([fact("c")])
            seen = [number for _ in range(2) for number in deliveries.numbers()]
            self.assertEqual(seen, [2, 3])
            with self.assertRaises(factstr.ReadOnly):
                reader.append([fact("d")])
            with self.assertRaises(factstr.ReadOnly):
                reader.stream_all_durable("mine", deliveries)
            with self.assertRaises(factstr.EmptyAppend):
                reader.append([])


class OperatingOnFiles(StoreCase):
    def test_what_is_wrong_is_found(self) -> None:  # G1 G24
        self.store.append([fact("a"), fact("b"), fact("c")])
        self.store.stream_all_durable("all", Deliveries()).close()
        self.store.close()
        with sqlite3.connect(self.place) as connection:
            connection.execute("UPDATE events SET payload = '{' WHERE sequence_number = 2")
            connection.execute("UPDATE subscriber_cursors SET last_processed_sequence_number = 9")
        connection.close()
        self.store = self.open()
        cursor, damaged = self.store.verify().findings
        self.assertEqual((cursor.kind, cursor.durable_name), ("wrong_cursor", "all"))
        self.assertEqual((damaged.kind, damaged.first, damaged.last), ("damaged_fact", 2, 2))
        self.assertIn("repair", damaged.message)

    def test_asyncio_has_both(self) -> None:
        path = self.folder / "copy.db"

        async def operate() -> None:
            async with await aio.SqliteStore.open(self.place) as store:
                await store.append([fact("a")])
                found, made = await asyncio.gather(store.verify(), store.backup(path))
                self.assertEqual((found.facts, found.findings, made.head), (1, (), 1))
                with self.assertRaises(factstr.InvalidArgument):
                    await store.backup(path)

        asyncio.run(operate())


if __name__ == "__main__":
    unittest.main()
