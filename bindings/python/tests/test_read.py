"""Reading row by row."""

from __future__ import annotations

import gc
import unittest
import unittest.mock
from typing import Any

import factstr
from programs import ProgramCase
from support import StoreCase, fact, on_every_store, opened


@on_every_store
class Read(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        for _ in range(2):
            self.store.append([fact("ab"[i % 2], {"n": i}) for i in range(1150)])

    def test_all_records_come_in_order_over_several_pages(self) -> None:  # G6 G7
        records = self.store.query().event_records
        self.assertEqual(tuple(self.store.read()), records)
        self.assertEqual(tuple(self.store.read({"backwards": True})), records[::-1])
        query = factstr.EventQuery([factstr.EventFilter(["b"])], 10, 1100)
        self.assertEqual(tuple(self.store.read(query)), self.store.query(query).event_records)

    def test_what_is_committed_after_the_first_record_is_not_read(self) -> None:  # G8
        rows = self.store.read()
        self.store.append([fact("a")])
        first = next(rows)
        self.store.append([fact("a")])
        self.assertEqual(first.sequence_number, 1)
        self.assertEqual(sum(1 for _ in rows), 2300)
        self.assertEqual(list(rows), [])

    def test_leaving_the_loop_leaves_no_handle_open(self) -> None:
        for record in self.store.read():
            self.assertEqual(record.sequence_number, 1)
            break
        with self.store.read() as rows:
            next(rows)
        self.assertTrue(rows.closed)
        self.assertEqual(list(rows), [])
        gc.collect()
        self.assertEqual(self.library().factstr_open_handles(), 1)

    def test_closing_the_store_ends_the_iteration(self) -> None:
        rows = self.store.read()
        next(rows)
        self.store.close()
        with self.assertRaises(factstr.StoreClosed):
            list(rows)
        rows.close()
        with self.assertRaises(factstr.StoreClosed):
            self.store.read()

    def test_a_reading_that_was_interrupted_leaves_no_page_out(self) -> None:  # G8
        rows = self.store.read()
        next(rows)
        answer = rows._requests.answer

        def interrupted(*arguments: Any) -> bytes:
            answer(*arguments)  # the library has gone on
            raise KeyboardInterrupt

        with (
            unittest.mock.patch.object(rows._requests, "answer", interrupted),
            self.assertRaises(KeyboardInterrupt),
        ):
            list(rows)
        with self.assertRaisesRegex(factstr.InvalidState, "interrupted"):
            list(rows)

    def test_a_bad_query_is_refused_at_the_call(self) -> None:
        with self.refused(factstr.InvalidArgument, "query.filters"):
            self.store.read({"filters": [{"event_types": ["\0"]}]})


class Large(ProgramCase):
    kind = "sqlite"

    def test_a_log_is_read_in_bounded_memory(self) -> None:
        with opened(self.kind, self.place) as store:
            for _ in range(20):
                store.append([fact("a", {"n": i, "text": "x" * 200}) for i in range(10_000)])
        self.prints(
            "200000 True",
            """
import resource, sys
from support import opened

store = opened(*sys.argv[1:])

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

count, before = 0, peak()
for record in store.read():
    count += 1
print(count, peak() - before < 20 << 10)
store.close()
""",
            self.kind,
            self.place,
        )

    def test_control_c_ends_a_wait_for_a_page(self) -> None:
        self.prints(
            "interrupted\n1",
            """
import signal, sys, threading, time
import factstr
from factstr import _capi
from support import fact, opened

store = opened(*sys.argv[1:])
store.append([fact("a", {"n": i}) for i in range(3000)])
rows = store.read()
next(rows)
answer = store._requests.answer

def interrupted(*given):
    signal.raise_signal(signal.SIGINT)
    return answer(*given)

store._requests.answer = interrupted
try:
    list(rows)
except KeyboardInterrupt:
    print("interrupted")
rows.close()
print(_capi.load().factstr_open_handles())
store.close()
""",
            self.kind,
            self.place,
        )


if __name__ == "__main__":
    unittest.main()
