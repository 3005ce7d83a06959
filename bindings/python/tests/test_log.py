"""Events that no caller hears of go to the logger "factstr", whatever its handlers do, and up to the
end of the program.
"""

from __future__ import annotations

import contextlib
import io
import logging
import queue
import threading
import unittest
from typing import Any

import factstr
from programs import ProgramCase, run_program
from support import WAIT_S, Batch, Deliveries, StoreCase, fact, on_every_store


class Records(logging.Handler):
    """Keeps the records of all levels that are logged during a test."""

    def __init__(self, case: unittest.TestCase) -> None:
        super().__init__()
        self._records: queue.Queue[logging.LogRecord] = queue.Queue()
        logger = logging.getLogger("factstr")
        level, propagate = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        case.addCleanup(logger.removeHandler, self)
        case.addCleanup(logger.setLevel, level)
        case.addCleanup(setattr, logger, "propagate", propagate)

    def emit(self, record: logging.LogRecord) -> None:
        self._records.put(record)

    def next(self, event: str) -> Any:
        while True:
            record: Any = self._records.get(timeout=WAIT_S)
            if record.event == event:
                return record


@on_every_store
class Log(StoreCase):
    def test_a_record_of_the_library_has_its_attributes(self) -> None:
        records = Records(self)
        self.store.stream_all_durable("model", Deliveries())
        record = records.next("lease_taken")
        self.assertEqual(
            (record.levelname, record.name, record.durable_name), ("INFO", "factstr", "model")
        )
        self.assertEqual(record.store, repr(self.store))
        self.assertIn("model", record.getMessage())
        self.assertRegex(
            logging.Formatter("%(asctime)s %(levelname)s %(message)s").format(record),
            r"^20\d\d-.* INFO durable stream",
        )

    def test_a_failure_of_a_handler_is_logged_once_with_its_traceback(self) -> None:  # G24
        records = Records(self)
        self.store.stream_all(Deliveries(failing=(1, 2)))
        self.store.append([fact("a"), fact("b")])
        self.store.append([fact("c")])
        first, second = records.next("handler_failed"), records.next("handler_failed")
        self.assertEqual((first.levelname, first.first, first.last), ("WARNING", 1, 2))
        self.assertEqual((second.first, second.last), (3, 3))
        self.assertEqual((first.attempt, second.attempt), (1, 1))
        self.assertIn("RuntimeError: delivery 1 fails", first.getMessage())
        self.assertIs(first.exc_info[0], RuntimeError)
        self.assertFalse(hasattr(first, "durable_name"))

    def test_a_failure_names_its_stream_and_counts_the_attempts(self) -> None:  # G21 G24
        records = Records(self)
        self.store.stream_all(Deliveries())
        self.store.stream_all_durable(
            "model", Deliveries(failing=(1, 2, 4)), retry=factstr.Retry(2, delay_ms=1)
        )
        (number,) = [
            each.number for each in self.store.statistics().streams if each.durable_name == "model"
        ]
        self.store.append([fact("a")])
        self.store.append([fact("b")])
        failures = [records.next("handler_failed") for _ in range(3)]
        self.assertEqual(
            [(each.first, each.attempt) for each in failures], [(1, 1), (1, 2), (2, 1)]
        )
        self.assertEqual({each.stream for each in failures}, {number})

    def test_a_failure_during_close_names_its_stream_too(self) -> None:  # G16 G24
        records = Records(self)

        def handle(batch: Batch) -> bool:
            closing.wait(WAIT_S)
            return False

        closing = threading.Event()
        self.store.stream_all(handle)
        (stream,) = self.store.statistics().streams
        self.store.append([fact("a")])
        ending = threading.Thread(target=self.store.close)
        ending.start()
        while not self.store.closed:
            ending.join(0.001)
        closing.set()
        ending.join(WAIT_S)
        self.assertEqual(records.next("handler_failed").stream, stream.number)

    def test_a_handler_that_returns_false_is_logged_too(self) -> None:  # G24
        records = Records(self)
        self.store.stream_all(lambda batch: False)
        self.store.append([fact("a")])
        self.assertIn("returned False", records.next("handler_failed").getMessage())

    def test_a_durable_stream_that_a_failure_ends_is_logged(self) -> None:  # G21 G24
        records = Records(self)
        subscription = self.store.stream_all_durable("model", Deliveries(failing=(1,)))
        self.store.append([fact("a")])
        self.assertEqual(records.next("handler_failed").durable_name, "model")
        record = records.next("stream_ended")
        self.assertEqual(
            (record.levelname, record.durable_name, record.code),
            ("ERROR", "model", "HandlerFailed"),
        )
        self.assertTrue(subscription.wait(WAIT_S))

    def test_a_logging_handler_may_use_and_close_the_store(self) -> None:
        records, done = Records(self), threading.Event()

        class Closing(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if not done.is_set():
                    store.query()
                    store.close()
                    done.set()

        store, logger, closing = self.store, logging.getLogger("factstr"), Closing()
        logger.addHandler(closing)
        self.addCleanup(logger.removeHandler, closing)
        with contextlib.suppress(factstr.StoreClosed):
            store.stream_all_durable("model", Deliveries())
        self.assertTrue(done.wait(WAIT_S))
        self.assertTrue(store.closed)
        self.assertTrue(records.next("lease_taken"))

    def test_an_exception_of_a_logging_handler_ends_no_stream(self) -> None:  # G16 G20
        records = Records(self)

        class Raising(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                raise SystemExit(f"not {record.event}")  # type: ignore[attr-defined]  # an attribute of ours

        logger, raising, got = logging.getLogger("factstr"), Raising(), Deliveries(failing=(1,))
        logger.addHandler(raising)
        self.addCleanup(logger.removeHandler, raising)
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            live = self.store.stream_all(got)
            self.store.append([fact("a")])
            self.store.append([fact("b")])
            self.assertEqual((got.numbers(), got.numbers()), ([1], [2]))
            with self.assertRaisesRegex(factstr.HandlerFailed, "delivery 1 fails"):
                self.store.stream_all_durable("model", Deliveries(failing=(1,)))
            records.next("lease_taken")
        self.assertIn("SystemExit: not handler_failed", printed.getvalue())
        self.assertFalse(live.closed)
        logger.removeHandler(raising)
        self.store.stream_all_durable("other", Deliveries())
        self.assertEqual(records.next("lease_taken").durable_name, "other")

    def test_closing_under_the_lock_of_a_logging_handler_does_not_wait_for_it(self) -> None:
        records = Records(self)
        records.acquire()
        try:
            self.store.stream_all_durable("model", Deliveries())
            self.store.close()
        finally:
            records.release()
        self.assertTrue(records.next("lease_taken"))


class LogOfPrograms(ProgramCase):
    FAILING = """
import logging, sys
import factstr
from support import WAIT_S, fact
def fail(batch):
    raise RuntimeError("no")
"""

    def test_without_any_setting_warnings_go_to_standard_error(self) -> None:
        done = run_program(
            self.FAILING
            + """
with factstr.MemoryStore() as store:
    store.append([fact("a")])
    try:
        store.stream_all_durable("model", fail)
    except factstr.HandlerFailed as error:
        print(error.code)
"""
        )
        self.assertEqual((done.stdout, done.returncode), ("HandlerFailed\n", 0), done.stderr)
        self.assertIn('durable stream "model" ended: HandlerFailed', done.stderr)
        self.assertIn("RuntimeError: no", done.stderr)
        self.assertNotIn("is active here", done.stderr)

    def test_records_of_the_very_end_are_logged(self) -> None:
        self.prints(
            "logged lease_taken",
            self.FAILING
            + """
class Logged(logging.Handler):
    def emit(self, record):
        print("logged", record.event)
logging.getLogger("factstr").addHandler(Logged())
logging.getLogger("factstr").setLevel(logging.INFO)
factstr.MemoryStore().stream_all_durable("model", print)
""",
        )

    def test_a_logger_that_is_stuck_does_not_keep_the_program_from_ending(self) -> None:
        done = run_program(
            self.FAILING
            + """
import threading
class Stuck(logging.Handler):
    def emit(self, record):
        stuck.set()
        threading.Event().wait()
    def acquire(self): ...
    def release(self): ...
stuck = threading.Event()
logging.raiseExceptions = False
logging.getLogger("factstr").addHandler(Stuck())
logging.getLogger("factstr").setLevel(logging.INFO)
store = factstr.MemoryStore()
for name in range(3000):
    store.stream_all_durable(str(name), print).close()
assert stuck.wait(WAIT_S)
store.close()
print("end")
"""
        )
        self.assertEqual((done.stdout, done.returncode), ("end\n", 0), done.stderr)
        self.assertIn("records of the store were dropped", done.stderr)

    def test_records_go_to_handlers_that_were_added_later_and_a_fork_does_not_stop_them(
        self,
    ) -> None:
        self.prints(
            "child 0\nlogged lease_taken",
            self.FAILING
            + """
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
store = factstr.MemoryStore()
child = os.fork()
if child == 0:
    sys.exit()
print("child", os.waitpid(child, 0)[1])
class Logged(logging.Handler):
    def emit(self, record):
        print("logged", record.event, flush=True)
        logged.set()
import threading
logged = threading.Event()
logging.getLogger("factstr").addHandler(Logged())
logging.getLogger("factstr").setLevel(logging.INFO)
store.stream_all_durable("model", print)
assert logged.wait(WAIT_S)
""",
        )


if __name__ == "__main__":
    unittest.main()
