"""Plays interop/testdata/scenarios; the README there describes the steps."""

from __future__ import annotations

import dataclasses
import json
import logging
import unittest
import uuid
from decimal import Decimal
from typing import Any

import factstr
from bridged import LoopThread
from support import ROOT, WAIT_S, Deliveries, StoreCase, on_every_store, opened, opening, same_json

SCENARIOS = sorted((ROOT / "interop" / "testdata" / "scenarios").glob("*.json"))


@on_every_store
class Scenarios(StoreCase):
    def setUp(self) -> None:
        super().setUp()
        # Handlers that fail do so on purpose.
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_every_scenario_gives_its_expected_results(self) -> None:
        self.store.close()
        played = 0
        for path in SCENARIOS:
            scenario = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
            if self.kind not in scenario.get("stores", ["memory", "sqlite", "postgres"]):
                continue
            with self.subTest(scenario["name"], file=path.name):
                self.place = self.new_place()
                self.play(scenario)
            played += 1
        self.assertGreater(played, 0, "no scenario was found")

    def play(self, scenario: dict[str, Any]) -> None:
        self.store = self.open(parse_float=Decimal)
        self.deliveries: dict[str, Deliveries] = {}
        self.subscriptions: dict[str, factstr.Subscription] = {}
        try:
            for number, step in enumerate(scenario["steps"], start=1):
                with self.subTest(step=number):
                    self.step(step)
        finally:
            self.store.close()

    def step(self, step: dict[str, Any]) -> None:
        if "fails" in step:
            with self.assertRaises(factstr.FactstrError) as raised:
                self.act(step)
            fails = dict(step["fails"])
            self.assertIn(fails.pop("says", ""), str(raised.exception))
            self.assert_contains(shown(raised.exception), fails)
            return
        result = self.act(step)
        if "explain" in step:  # the other fields depend on the store
            self.assert_contains(result, {"current_context_version": None, **step["gives"]})
            self.assertGreaterEqual(result["rows_read"], result["candidates"])
            self.assertGreaterEqual(result["candidates"], result["matches"])
        elif "verify" in step or "backup" in step:
            self.assert_contains(result, step["gives"])
        elif "statistics" in step:
            self.assert_counts(result, step["gives"])
        elif "gives" in step:
            expected = {**dict.fromkeys(result), **step["gives"]}
            self.assertTrue(same_json(result, expected), f"{result} is not {expected}")

    def act(self, step: dict[str, Any]) -> dict[str, Any]:
        if "append" in step and "elsewhere" in step:
            with opened(self.kind, self.place, parse_float=Decimal) as other:
                return dataclasses.asdict(other.append(step["append"]))
        if "append" in step:
            return dataclasses.asdict(self.store.append(step["append"]))
        if "append_if" in step:
            request = step["append_if"]
            return dataclasses.asdict(
                self.store.append_if(
                    request["events"], request.get("query"), request.get("expected")
                )
            )
        if "append_when" in step:
            request = step["append_when"]
            return dataclasses.asdict(
                self.store.append_when(request["events"], request["conditions"])
            )
        if "query" in step:
            result = dataclasses.asdict(self.store.query(step["query"]))
            result["event_records"] = [
                self.without_time(record) for record in result["event_records"]
            ]
            return result
        if "read" in step:
            return {
                "event_records": [
                    self.without_time(dataclasses.asdict(record))
                    for record in self.store.read(step["read"])
                ]
            }
        if "explain" in step:
            return dataclasses.asdict(self.store.explain(step["explain"]))
        if "backup" in step:
            return dataclasses.asdict(self.store.backup(self.folder / f"{uuid.uuid4().hex}.db"))
        if "verify" in step:
            found = dataclasses.asdict(self.store.verify())
            return {**found, "findings": list(found["findings"])}
        if "statistics" in step:
            return dataclasses.asdict(self.store.statistics())
        if "cursors" in step:
            return {"cursors": [self.shape_of(each) for each in self.store.cursors()]}
        if "parked" in step:
            parked = [dataclasses.asdict(each) for each in self.store.parked(**step["parked"])]
            for each in parked:
                del each["error"], each["parked_at"]
            return {"parked": parked}
        if "redeliver_parked" in step:
            return {"batches": self.store.redeliver_parked(**step["redeliver_parked"])}
        if "discard_parked" in step:
            return {"batches": self.store.discard_parked(**step["discard_parked"])}
        if "cursor_reset" in step:
            self.store.cursor_reset(**step["cursor_reset"])
        elif "cursor_copy" in step:
            copy = step["cursor_copy"]
            self.store.cursor_copy(copy["from"], copy["to"])
        elif "cursor_delete" in step:
            self.store.cursor_delete(**step["cursor_delete"])
        elif "reopen" in step:
            self.reopen_with({} if step["reopen"] is True else step["reopen"], "fails" in step)
        elif "open" in step:
            self.register(step["stream"], step["open"], tuple(step.get("fail_deliveries", ())))
        elif "receives" in step:
            positions = step.get("positions")
            for number, expected in enumerate(step["receives"]):
                delivery = self.deliveries[step["stream"]].next()
                batch = [self.without_time(dataclasses.asdict(record)) for record in delivery]
                self.assertTrue(same_json(batch, expected), f"{batch} is not {expected}")
                if positions is not None:
                    self.assertEqual(positions[number], delivery.position)
        elif "wait_for" in step:
            timeout = 0.02 if "fails" in step else WAIT_S
            self.subscriptions[step["stream"]].wait_for(step["wait_for"], timeout)
        elif "wait_for_cursor" in step:
            timeout = 0.02 if "fails" in step else WAIT_S
            self.store.wait_for_cursor(**step["wait_for_cursor"], timeout=timeout)
        elif "unsubscribe" in step:
            # The test sees a batch before its handler has returned. close() waits for the handler,
            # so that the cursor is where the scenario expects it.
            self.subscriptions[step["stream"]].close()
        else:
            subscription = self.subscriptions[step["stream"]]
            self.assertTrue(subscription.wait(WAIT_S), "the stream has not ended")
            self.assert_contains(shown(subscription.error), step["ends"])
        return {}

    def reopen_with(self, options: dict[str, Any], fails: bool) -> None:
        """A store that is not to open leaves the one that is."""
        if not fails:
            self.store.close()
        self.store = self.open(parse_float=Decimal, **options)

    @staticmethod
    def shape_of(cursor: factstr.DurableCursor) -> dict[str, Any]:
        """Ages are only compared with 0, and holders with nobody."""
        fields = dataclasses.asdict(cursor)
        age, holder = fields.pop("lag_seconds"), fields.pop("held_by")
        return {**fields, "waits": age > 0, "held": holder is not None}

    def register(self, name: str, how: dict[str, Any], failing: tuple[int, ...]) -> None:
        self.assertLessEqual(how.keys(), {"query", "durable", "after", "retry"})
        handler = self.deliveries[name] = Deliveries(failing)
        if "durable" in how:
            durable = how["durable"]["name"]
            subscription = self.store.stream_to_durable(
                durable, how.get("query"), handler, retry=how.get("retry")
            )
        elif "after" in how:
            subscription = self.store.stream_from(
                how["after"], how.get("query"), handler, retry=how.get("retry")
            )
        else:
            subscription = self.store.stream_to(how.get("query"), handler)
        self.subscriptions[name] = subscription

    def without_time(self, record: dict[str, Any]) -> dict[str, Any]:
        self.assertRegex(record.pop("occurred_at"), ".")
        return record

    def assert_counts(self, counts: dict[str, Any], expected: dict[str, Any]) -> None:
        """Of sizes in bytes a scenario says only whether there is something."""
        named = {
            name: bool(counts[name]) if name.endswith("_bytes") else counts[name]
            for name in expected
            if name != "streams"
        }
        self.assertEqual(named, {name: expected[name] for name in named})
        if "streams" in expected:
            self.assertEqual(len(counts["streams"]), len(expected["streams"]))
            for stream, wanted in zip(counts["streams"], expected["streams"], strict=True):
                self.assert_counts({**stream, **stream["progress"]}, wanted)

    def assert_contains(self, fields: dict[str, Any], expected: dict[str, Any]) -> None:
        named = {name: fields.get(name) for name in expected}
        self.assertTrue(same_json(named, expected), f"{named} is not {expected}")


@on_every_store
class ScenariosOfAsyncio(Scenarios):
    """The same through factstr.aio."""

    def setUp(self) -> None:
        self.loop = LoopThread()
        self.addCleanup(self.loop.close)
        super().setUp()

    def open(self, **options: Any) -> Any:
        store = self.loop.bridged(opening(self.kind, self.place, **options))
        self.addCleanup(store.close)
        return store


def shown(error: factstr.FactstrError | None) -> dict[str, Any]:
    """Returns the fields of the error's InteropError."""
    if error is None:
        return {"code": "Ok"}
    fields = {
        "code": error.code,
        **{name: value for name, value in vars(error).items() if value is not None},
    }
    if isinstance(error, factstr.ConditionalAppendConflict):
        fields["conflict"] = {
            "expected_context_version": error.expected_context_version,
            "actual_context_version": error.actual_context_version,
        }
        if error.condition_index is not None:
            fields["conflict"]["condition_index"] = error.condition_index
    return fields


if __name__ == "__main__":
    unittest.main()
