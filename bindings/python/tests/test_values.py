"""What a program sees of values: places in errors, times, reprs, pickles."""

from __future__ import annotations

import asyncio
import copy
import pickle
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

import factstr
from factstr import aio
from support import PlaceCase, StoreCase, fact


class Places(StoreCase):
    def test_an_error_names_the_value_that_it_is_about(self) -> None:
        for payload, place in (
            ({"v": object()}, "events[1].payload.v: object is no JSON value"),
            ({"v": {"w": [1, {"x": {1, 2}}]}}, "events[1].payload.v.w[1].x: set"),
            ({"a b": {"c": float("nan")}}, "events[1].payload['a b'].c: nan"),
            ([[b""]], "events[1].payload[0][0]: bytes"),
            (object(), "events[1].payload: object"),
            ({"good": 1, "v": {2: 1}}, "events[1].payload.v: the key 2"),
            ({"v": {"good": 1, 2: 1}}, "events[1].payload.v: the key 2"),
            ({"v": [10**1001]}, "events[1].payload.v[0]: a number"),
        ):
            with self.assertRaises(factstr.InvalidArgument) as raised:
                self.store.append([fact("a"), fact("b", payload)])
            self.assertTrue(raised.exception.message.startswith(place), raised.exception.message)
        with self.assertRaisesRegex(
            factstr.InvalidArgument, r"query.filters\[0\].payload_predicates\[1\].v: object"
        ):
            self.store.query({"filters": [{"payload_predicates": [1, {"v": object()}]}]})
        self.assertIsNone(self.store.query().current_context_version)


class Times(StoreCase):
    def test_a_record_has_its_time_beside_the_exact_text(self) -> None:  # G6
        before = datetime.now(timezone.utc).replace(microsecond=0)
        self.store.append([fact("a")])
        (record,) = self.store.query().event_records
        self.assertEqual(record.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), record.occurred_at)
        self.assertEqual(record.time.utcoffset(), timedelta(0))
        self.assertLess(abs(record.time - before), timedelta(minutes=10))

    def test_what_other_programs_stored_has_a_time_too(self) -> None:
        at = datetime(2026, 11, 27, 10, 20, 30, tzinfo=timezone.utc)
        for text, microseconds in (
            ("2026-11-27T10:20:30Z", 0),
            ("2026-11-27T10:20:30.5Z", 500_000),
            ("2026-11-27T10:20:30.123456789Z", 123_456),
            ("2026-11-27 12:20:30.000001+02:00", 1),
            ("2026-11-27T05:50:30-0430", 0),
        ):
            record = factstr.EventRecord(1, text, "a", None)
            self.assertEqual(record.time, at + timedelta(microseconds=microseconds), text)
        with self.assertRaisesRegex(ValueError, "yesterday"):
            factstr.EventRecord(1, "yesterday", "a", None).time  # noqa: B018


class Reprs(PlaceCase):
    def test_a_repr_says_what_it_is_of_and_whether_it_runs(self) -> None:
        with factstr.SqliteStore(self.place) as store:
            of = f"SqliteStore({self.place!r})"
            subscription = store.stream_all_durable("model", lambda batch: None)
            self.assertEqual(repr(subscription), f"<Subscription durable 'model' of {of}, running>")
            subscription.close()
            self.assertEqual(repr(subscription), f"<Subscription durable 'model' of {of}, ended>")
            with store.stream() as batches, store.read() as reading:
                self.assertEqual(repr(batches), f"<Batches of {of}, open>")
                self.assertEqual(repr(reading), f"<Reading of {of}, open>")
            self.assertEqual(repr(batches), f"<Batches of {of}, closed>")

            def fail(batch: Any) -> None:
                raise RuntimeError

            failing = store.stream_all_durable("failing", fail)
            with self.assertLogs("factstr"):
                store.append([fact("a")])
                failing.wait()
            self.assertIn("ended by HandlerFailed", repr(failing))


class Pickles(PlaceCase):
    def test_errors_and_values_survive_a_pickle(self) -> None:
        with factstr.MemoryStore() as store:
            store.append([fact("a", {"v": 1})])
            with self.assertRaises(factstr.ConditionalAppendConflict) as raised:
                store.append_if([fact("b")], None, None)
            conflict = pickle.loads(pickle.dumps(raised.exception))
            self.assertEqual(conflict.actual_context_version, 1)
            self.assertEqual(str(conflict), str(raised.exception))
            result = store.query()
            self.assertEqual(pickle.loads(pickle.dumps(result)), result)
            (batch,) = [each for _, each in zip(range(1), store.stream(after=0), strict=False)]
            self.assertEqual(pickle.loads(pickle.dumps(factstr.Batch(batch))), tuple(batch))

    def test_what_belongs_to_its_process_refuses_and_says_what_to_do(self) -> None:
        with factstr.SqliteStore(self.place) as store:
            held: list[Any] = [store, store.stream(), store.read(), store.stream_all(print)]
            self.refuse(held)

        async def main() -> None:
            async with aio.SqliteStore.open(self.place) as store:
                subscription = await store.stream_all(print)
                self.refuse([store, store.stream(), store.read(), subscription])

        asyncio.run(main())

    def refuse(self, held: list[Any]) -> None:
        for each in held:
            for of in (pickle.dumps, copy.copy):
                with self.assertRaisesRegex(TypeError, "open a store of its own in each process"):
                    of(each)


if __name__ == "__main__":
    unittest.main()
