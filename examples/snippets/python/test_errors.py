"""The examples of docs/errors.md, each run as a test: how an error comes about, or what a program
does about it.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import factstr

Fact = dict[str, Any]


class Errors(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = str(self.folder / "facts.db")

    def test_empty_append(self) -> None:
        store = factstr.MemoryStore()
        self.addCleanup(store.close)
        orders: list[str] = []
        # region EmptyAppend
        facts = [factstr.NewEvent("OrderPlaced", {"order": each}) for each in orders]
        if facts:  # store.append([]) is EmptyAppend
            store.append(facts)
        # endregion
        with self.assertRaises(factstr.EmptyAppend):
            store.append(facts)

    def test_conflict(self) -> None:
        store = factstr.MemoryStore()
        self.addCleanup(store.close)
        # region ConditionalAppendConflict
        seat = factstr.EventQuery([factstr.EventFilter(payload_predicates=[{"seat": "A1"}])])
        fact = factstr.NewEvent("SeatReserved", {"seat": "A1"})
        store.append_if([fact], seat, None)  # nobody has it
        try:
            store.append_if([fact], seat, None)  # decided on the same view
        except factstr.ConditionalAppendConflict as conflict:
            assert conflict.actual_context_version == 1
        # endregion
        self.assertEqual(store.query().current_context_version, 1)

    def test_invalid_argument(self) -> None:
        store = factstr.MemoryStore()
        self.addCleanup(store.close)
        # region InvalidArgument
        wanted: Any = {"filters": [{"types": ["OrderPlaced"]}]}
        try:
            store.query(wanted)
        except factstr.InvalidArgument as error:
            print(error)  # names the field: it is called event_types
        # endregion
        with self.assertRaisesRegex(factstr.InvalidArgument, "types"):
            store.query(wanted)

    def test_store_closed(self) -> None:
        # region StoreClosed
        store = factstr.MemoryStore()
        store.close()
        try:
            store.query()
        except factstr.StoreClosed:
            store = factstr.MemoryStore()  # another store; the closed one is over
        # endregion
        self.assertIsNone(store.query().current_context_version)
        store.close()

    def test_busy_is_tried_again(self) -> None:
        store = factstr.SqliteStore(self.path, busy_timeout_ms=10)
        self.addCleanup(store.close)

        # region Busy
        def patiently(append: Callable[[], factstr.AppendResult]) -> factstr.AppendResult:
            """Nothing was written by Busy and Timeout, so trying again repeats nothing."""
            for pause in (0.05, 0.2, 1, 5):
                try:
                    return append()
                except (factstr.Busy, factstr.Timeout):
                    time.sleep(pause)
            return append()

        # endregion
        release = (
            "import sqlite3, sys, time\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('BEGIN IMMEDIATE')\n"
            "print(flush=True)\n"
            "sys.stdin.read()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", release, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder:
            assert holder.stdout and holder.stdin
            holder.stdout.readline()
            refused = threading.Event()
            stdin = holder.stdin

            def append() -> factstr.AppendResult:
                try:
                    return store.append([{"event_type": "OrderPlaced", "payload": {}}])
                except factstr.Busy:
                    refused.set()
                    stdin.close()  # the other one goes
                    raise

            self.assertEqual(patiently(append).last_sequence_number, 1)
            self.assertTrue(refused.is_set())

    def test_timeout(self) -> None:
        store = factstr.MemoryStore()
        self.addCleanup(store.close)
        # region Timeout
        view = store.stream_to_durable("orders", None, lambda batch: None)
        last = store.append([{"event_type": "OrderPlaced", "payload": {}}]).last_sequence_number
        try:
            view.wait_for(last, timeout=60)
        except factstr.Timeout:
            print("the view is behind; the append is in the log all the same")
        # endregion
        with self.assertRaises(factstr.Timeout):
            view.wait_for(last + 1, timeout=0)

    def test_cancelled(self) -> None:
        store = factstr.MemoryStore()
        self.addCleanup(store.close)
        # region Cancelled
        view = store.stream_to(None, lambda batch: None)
        view.unsubscribe()
        try:
            view.wait_for(1)
        except factstr.Cancelled:
            print("nobody comes to fact 1 any more")
        # endregion
        with self.assertRaises(factstr.Cancelled):
            view.wait_for(1)

    def test_commit_unknown(self) -> None:
        # region CommitUnknown
        def pay(store: factstr.Store, payment: str, amount: int) -> int:
            """Appends a payment once, however often it is called with the same id."""
            paid = factstr.EventFilter(payload_predicates=[{"payment": payment}])
            once = factstr.EventQuery([paid])
            fact = factstr.NewEvent("Paid", {"payment": payment, "amount": amount})
            try:
                return store.append_if([fact], once, None).first_sequence_number
            except factstr.ConditionalAppendConflict as done:
                assert done.actual_context_version is not None
                return done.actual_context_version  # it was there: this is its number

        # After CommitUnknown: call it again, on a store that was opened again if the error says so.
        # endregion

        class Doubtful(factstr.MemoryStore):
            """Commits, and then does not know."""

            lost = False

            def append_if(self, *arguments: Any) -> factstr.AppendResult:
                result = super().append_if(*arguments)
                if not self.lost:
                    self.lost = True
                    raise factstr.CommitUnknown("the answer was lost")
                return result

        store = Doubtful()
        self.addCleanup(store.close)
        with self.assertRaises(factstr.CommitUnknown):
            pay(store, "p-1", 5)
        self.assertEqual(pay(store, "p-1", 5), 1)
        self.assertEqual(store.query().current_context_version, 1)

    def test_unsupported_format(self) -> None:
        path = self.path
        # region UnsupportedFormat
        Path(path).write_text("no database, but some text that stands in its place\n" * 100)
        try:
            factstr.SqliteStore(path)
        except factstr.UnsupportedFormat as error:
            print(error)  # is the path the right one?
        # endregion
        with self.assertRaises(factstr.UnsupportedFormat):
            factstr.SqliteStore(path)

    def test_corrupt(self) -> None:
        path = self.path
        with factstr.SqliteStore(path) as store:
            store.append([{"event_type": "OrderPlaced", "payload": {"order": "o-1"}}])
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE events SET payload = '{' WHERE sequence_number = 1")
            database.commit()
        # region Corrupt
        with factstr.SqliteStore(path) as store:
            try:
                store.query()
            except factstr.Corrupt as error:
                print(error)  # names the fact; the others can still be read
        # endregion
        with factstr.SqliteStore(path) as store:
            self.assertRaises(factstr.Corrupt, store.query)

    def test_log_truncated(self) -> None:
        path = self.path
        with factstr.SqliteStore(path) as store:
            store.append([{"event_type": "OrderPlaced", "payload": {"order": "o-1"}}])
            # region LogTruncated
            try:
                store.stream_from(1_000, None, lambda batch: None)
            except factstr.LogTruncated:
                print("facts up to 1,000 were handled, and this log ends before")
            # endregion
            with self.assertRaises(factstr.LogTruncated):
                store.stream_from(1_000, None, lambda batch: None)

    def test_durable_stream_active(self) -> None:
        # region DurableStreamActive
        with factstr.MemoryStore() as store:
            first = store.stream_all_durable("orders", lambda batch: None)
            try:
                store.stream_all_durable("orders", lambda batch: None)
            except factstr.DurableStreamActive:
                first.close()  # or let the other worker have it, and try again later
            second = store.stream_all_durable("orders", lambda batch: None)
            # endregion
            self.assertFalse(second.closed)

    def test_durable_stream_query_mismatch(self) -> None:
        # region DurableStreamQueryMismatch
        with factstr.MemoryStore() as store:
            orders = factstr.EventQuery([factstr.EventFilter(["OrderPlaced"])])
            more = factstr.EventQuery([factstr.EventFilter(["OrderPlaced", "OrderShipped"])])
            store.stream_to_durable("orders", orders, lambda batch: None).close()
            try:
                store.stream_to_durable("orders", more, lambda batch: None)
            except factstr.DurableStreamQueryMismatch:
                view = store.stream_to_durable("orders-v2", more, lambda batch: None)
            # endregion
            self.assertFalse(view.closed)

    def test_handler_failed(self) -> None:
        # region HandlerFailed
        def handle(batch: factstr.Batch) -> None:
            for record in batch:
                print(record.payload["order"])

        with factstr.MemoryStore() as store:
            store.append([{"event_type": "OrderPlaced", "payload": {"nr": 7}}])
            try:
                store.stream_all_durable("orders", handle)
            except factstr.HandlerFailed as error:
                assert isinstance(error.__cause__, KeyError)
                # Mend the handler and register again: the same batch comes first.
            # endregion
            with self.assertRaises(factstr.HandlerFailed):
                store.stream_all_durable("orders", handle)

    def test_backend_failure(self) -> None:
        path = str(self.folder / "a file" / "facts.db")
        (self.folder / "a file").write_text("")
        # region BackendFailure
        try:
            factstr.SqliteStore(path)
        except factstr.BackendFailure as error:
            print(error.reason, error)  # act on the reason, show the message
        # endregion
        with self.assertRaises(factstr.BackendFailure) as caught:
            factstr.SqliteStore(path)
        self.assertIn(caught.exception.reason, ("missing_path", "io", "other", "permission"))

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork()")
    def test_forked(self) -> None:
        # region Forked
        store = factstr.MemoryStore()
        child = os.fork()
        if child == 0:
            try:
                store.query()
            except factstr.ForkError:
                os._exit(7)  # open stores after the fork
        # endregion
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 7)
        store.close()

    def test_read_only(self) -> None:
        # region ReadOnly
        def place(store: factstr.Store, order: str) -> str:
            try:
                store.append([{"event_type": "OrderPlaced", "payload": {"order": order}}])
            except factstr.ReadOnly:
                return "nothing can be ordered at the moment"  # queries still answer
            return "ordered"

        # endregion

        class Standby(factstr.MemoryStore):
            def append(self, events: Any) -> factstr.AppendResult:
                raise factstr.ReadOnly("the server is a standby")

        with Standby() as standby:
            self.assertEqual(place(standby, "o-1"), "nothing can be ordered at the moment")
        with factstr.MemoryStore() as store:
            self.assertEqual(place(store, "o-1"), "ordered")

    def test_lost_streams_register_again(self) -> None:
        # region DurableStreamLost
        def keep(register: Callable[[], factstr.Subscription], ended: threading.Event) -> None:
            """Registers again whenever the name was lost or is held elsewhere."""
            while not ended.is_set():
                try:
                    stream = register()
                except factstr.DurableStreamActive:
                    ended.wait(1)  # the other store has it
                    continue
                while not stream.wait(0.1):
                    if ended.is_set():
                        stream.close()
                if stream.error and not isinstance(stream.error, factstr.DurableStreamLost):
                    raise stream.error

        # endregion
        ended = threading.Event()
        with factstr.MemoryStore() as store:
            seen = threading.Event()
            runner = threading.Thread(
                target=keep,
                args=(lambda: store.stream_all_durable("orders", lambda _: seen.set()), ended),
            )
            runner.start()
            store.append([{"event_type": "OrderPlaced", "payload": {}}])
            self.assertTrue(seen.wait(60))
            ended.set()
            runner.join()

    def test_invalid_handle_and_invalid_state(self) -> None:
        with factstr.MemoryStore() as store:
            # region InvalidState
            tried: list[str] = []

            def handle(batch: factstr.Batch) -> None:
                try:
                    subscription.wait_for(batch.position)  # would wait for itself
                except factstr.InvalidState as error:
                    tried.append(error.code)

            subscription = store.stream_all(handle)
            # endregion
            last = store.append([{"event_type": "OrderPlaced", "payload": {}}])
            subscription.wait_for(last.last_sequence_number, 60)
            self.assertEqual(tried, ["InvalidState"])


if __name__ == "__main__":
    unittest.main()
