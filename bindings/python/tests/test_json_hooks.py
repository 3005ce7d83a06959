"""Payloads that the program's own JSON encoder and decoder write and read."""

from __future__ import annotations

import json
import unittest
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import orjson

import factstr
from support import StoreCase, fact, on_every_store

PAYLOAD = {"text": "Grüße \N{SNOWMAN}", "list": [1, 2.5, None, True, {"deep": {"er": []}}], "n": 12}

HOOKS: dict[str, tuple[factstr.JsonDumps, factstr.JsonLoads]] = {
    "json": (json.dumps, json.loads),
    "orjson": (orjson.dumps, orjson.loads),
    "msgspec": (msgspec.json.encode, msgspec.json.decode),
}


@on_every_store
class JsonHooks(StoreCase):
    def test_payloads_and_predicates_come_back_as_they_were_given(self) -> None:  # G13 G14
        for name, (dumps, loads) in HOOKS.items():
            with self.subTest(name):
                self.place = self.new_place()
                store = self.open(json_dumps=dumps, json_loads=loads)
                store.append([fact("a", PAYLOAD), {"event_type": "b", "payload": "b"}])
                predicate = {"text": PAYLOAD["text"], "list": [{"deep": {"er": []}}]}
                query = factstr.EventQuery([factstr.EventFilter(None, [predicate])])
                (record,) = store.query(query).event_records
                self.assertEqual(record.payload, PAYLOAD)
                self.assertEqual([each.payload for each in store.read()], [PAYLOAD, "b"])
                for batch in store.stream(query, after=0):
                    self.assertEqual(batch[0].payload, PAYLOAD)
                    break
                store.append_if([fact("c")], query, 1)
                with self.assertRaises(factstr.ConditionalAppendConflict):
                    store.append_when([fact("d")], [factstr.AppendCondition(query)])

    def test_decimals_go_in_and_come_out_exactly(self) -> None:  # G14
        store = self.open(json_loads=partial(json.loads, parse_float=Decimal))
        exact = Decimal("0.12345678901234567890")
        store.append([fact("a", {"v": exact})])
        (record,) = store.query().event_records
        self.assertEqual(record.payload, {"v": exact})

    def test_a_hook_writes_predicates_that_the_package_would_refuse(self) -> None:
        store = self.open(json_dumps=orjson.dumps)
        day = date(2026, 11, 27)
        store.append([fact("a", {"day": day}), fact("b", {"day": "2026-11-28"})])
        found = store.query({"filters": [{"payload_predicates": [{"day": day}]}]})
        self.assertEqual([each.payload for each in found.event_records], [{"day": "2026-11-27"}])

    def test_what_a_hook_raises_or_returns_wrongly_is_said_with_its_place(self) -> None:
        def refuse(value: Any) -> str:
            raise TypeError("not this one")

        for dumps, message in (
            (refuse, r"events\[1\].payload: json_dumps failed: not this one"),
            (lambda _: None, r"events\[1\].payload: what json_dumps returned is no text"),
            (lambda _: b"\xff", r"events\[1\].payload: what json_dumps returned is no text"),
            (lambda _: "\ud800", r"events\[1\].payload: what json_dumps returned is no text"),
            (lambda _: " ", r"events\[1\].payload: json_dumps returned nothing"),
            (lambda _: "{", "events"),
            (lambda _: '1, "event_type": "b"', "events"),
        ):
            first = json.dumps

            def once(value: Any, dumps: Any = dumps, first: Any = first) -> Any:
                return first(value) if value == "good" else dumps(value)

            self.place = self.new_place()
            store = self.open(json_dumps=once)
            with self.assertRaisesRegex(factstr.InvalidArgument, message):
                store.append([fact("a", "good"), fact("a", "bad")])
            self.assertIsNone(store.query().current_context_version)

    def test_what_json_loads_raises_is_an_invalid_state(self) -> None:
        def refuse(text: bytes) -> Any:
            raise ValueError("not that one")

        store = self.open(json_loads=refuse)
        store.append([fact("a")])
        with self.assertRaisesRegex(factstr.InvalidState, "json_loads.*not that one"):
            store.query()

    def test_hooks_that_cannot_work_are_refused(self) -> None:
        with self.assertRaisesRegex(factstr.InvalidArgument, "json_dumps must be a function"):
            factstr.MemoryStore(json_dumps="orjson")  # type: ignore[arg-type]
        with self.assertRaisesRegex(factstr.InvalidArgument, "either parse_float or json_loads"):
            factstr.MemoryStore(parse_float=Decimal, json_loads=json.loads)


if __name__ == "__main__":
    unittest.main()
