"""Bad options, pointers and handles, and closed stores, raise the error with the right code."""

from __future__ import annotations

import unittest
from ctypes import byref, c_uint64

import factstr
from factstr import InvalidArgument, _capi
from support import Batch, Deliveries, StoreCase, fact, numbers, on_every_store


@on_every_store
class BadHandles(StoreCase):
    def test_use_after_close_raises_store_closed(self) -> None:
        self.store.append([fact("a")])
        self.store.close()
        self.store.close()
        self.assertTrue(self.store.closed)
        uses = (
            lambda: self.store.append([fact("a")]),
            lambda: self.store.append_if([fact("a")], None, None),
            lambda: self.store.query(),
            lambda: self.store.stream_all(Deliveries()),
            lambda: self.store.stream_all_durable("model", Deliveries()),
        )
        for use in uses:
            with self.assertRaisesRegex(factstr.StoreClosed, "open it again"):
                use()

    def test_leaving_a_with_block_closes_the_store(self) -> None:
        with self.open() as store:
            pass
        self.assertTrue(store.closed)
        with self.assertRaisesRegex(RuntimeError, "mine"), self.open():
            raise RuntimeError("mine")

    def test_a_subscription_may_be_ended_twice_and_after_its_store(self) -> None:
        def handle(batch: Batch) -> None: ...

        first, second = self.store.stream_all(handle), self.store.stream_all(handle)
        for _ in range(2):
            first.close()
            first.unsubscribe()
        self.store.close()
        for _ in range(2):
            second.unsubscribe()
            second.close()
        self.assertTrue(first.closed and second.closed)

    def test_the_library_refuses_unknown_and_released_handles(self) -> None:
        library, buffer, out = self.library(), _capi.Buffer(), c_uint64()
        unknown = 2**40
        self.assertEqual(library.factstr_append(unknown, b"[]", 2, None), _capi.INVALID_HANDLE)
        self.assertEqual(library.factstr_query(0, None, 0, byref(buffer)), _capi.INVALID_HANDLE)
        self.assertIn(b"InvalidHandle", _capi.take(library, buffer))
        self.assertEqual(library.factstr_stream_unsubscribe(unknown), _capi.INVALID_HANDLE)
        self.assertEqual(library.factstr_request_wait(unknown, 0, None), _capi.INVALID_HANDLE)
        self.assertEqual(library.factstr_memory_open(None, 0, byref(out), None), _capi.OK)
        self.assertEqual(library.factstr_store_close(out, None), _capi.OK)
        self.assertEqual(library.factstr_store_close(out, None), _capi.INVALID_HANDLE)

    def test_null_pointers_are_refused(self) -> None:
        library, store = self.library(), self.store._owner.handle.use()
        self.assertEqual(library.factstr_append(store, None, 0, None), _capi.INVALID_ARGUMENT)
        self.assertEqual(library.factstr_append(store, None, 5, None), _capi.INVALID_ARGUMENT)
        self.assertEqual(library.factstr_query(store, None, 5, None), _capi.INVALID_ARGUMENT)
        self.assertEqual(
            library.factstr_stream_open(store, None, 0, None, None, None, None),
            _capi.INVALID_ARGUMENT,
        )
        self.assertEqual(library.factstr_stream_next(store, 0, None, None), _capi.INVALID_ARGUMENT)
        self.assertEqual(library.factstr_memory_open(None, 0, None, None), _capi.INVALID_ARGUMENT)
        self.assertEqual(
            library.factstr_sqlite_open(None, None, 0, byref(c_uint64()), None),
            _capi.INVALID_ARGUMENT,
        )
        self.assertEqual(
            library.factstr_postgres_open(None, None, 0, byref(c_uint64()), None),
            _capi.INVALID_ARGUMENT,
        )
        self.assertEqual(
            library.factstr_postgres_bootstrap(
                b"postgres://", None, None, 0, byref(c_uint64()), None
            ),
            _capi.INVALID_ARGUMENT,
        )
        self.assertEqual(numbers(self.store.query()), [])

    def test_bad_options_of_a_store_are_refused(self) -> None:
        for options in (
            {"colour": 1},
            {"batch_events_max": "many"},
            {"batch_events_max": 0},
            {"close_timeout_ms": 1.5},
        ):
            with (
                self.subTest(options),
                self.assertRaisesRegex(InvalidArgument, next(iter(options))),
            ):
                self.open(**options)
        with self.assertRaisesRegex(InvalidArgument, "leave it out"):
            self.open(sequence_numbers="string")


if __name__ == "__main__":
    unittest.main()
