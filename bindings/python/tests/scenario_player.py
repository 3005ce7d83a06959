"""Plays the steps of a scenario; interop/testdata/scenarios/README.md describes them."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
import unittest
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import factstr
import server
from factstr._batches import OpenBatch
from scenario_log import ScenarioLog
from support import WAIT_S, Deliveries, opened, same_json

check = unittest.TestCase()

Decision = dict[str, Any]


class Loop:
    """A loop over the batches of a stream that a scenario takes step by step."""

    def __init__(self, batches: Any) -> None:
        self._stream = batches
        self._batches: Iterator[OpenBatch] = iter(batches)
        self._batch: OpenBatch | None = None  # in hand

    def next(self) -> OpenBatch:
        late = threading.Timer(WAIT_S, self._stream.close)
        late.start()
        try:
            self._batch = next(self._batches, None)
        finally:
            late.cancel()
        assert self._batch is not None, "the loop has ended, or no batch came"
        return self._batch

    def acknowledge(self) -> None:
        assert self._batch is not None
        self._batch.ack()

    def leave(self) -> None:
        self._batches.close()  # type: ignore[attr-defined]

    def check_end(self, ends: dict[str, Any]) -> None:
        try:
            batch = next(self._batches, None)
        except factstr.FactstrError as error:
            assert_contains(shown(error), ends)
        else:
            check.assertIsNone(batch, "the loop goes on")
            assert_contains(shown(None), ends)


class ScenarioPlayer:
    """Plays steps on a store that `open_store` opens at a place, again and again. Its methods are
    named for the steps, which have a field of that name.
    """

    def __init__(
        self,
        kind: str,
        place: str,
        folder: Path,
        open_store: Callable[..., Any],
        log: ScenarioLog,
    ) -> None:
        self.kind = kind
        self.place = place
        self.folder = folder
        self.open_store = open_store
        self.log = log
        self.deliveries: dict[str, Deliveries] = {}
        self.subscriptions: dict[str, factstr.Subscription] = {}
        self.loops: dict[str, Loop] = {}
        log.clear()
        self.store = self.open()

    def open(self, **options: Any) -> Any:
        return self.open_store(parse_float=Decimal, **options)

    def close(self) -> None:
        for loop in self.loops.values():
            loop.leave()
        self.store.close()

    def play(self, step: dict[str, Any]) -> None:
        if "fails" in step:
            with check.assertRaises(factstr.FactstrError) as raised:
                self.act(step)
            assert_contains(shown(raised.exception), step["fails"])
            return
        result = self.act(step)
        if "explain" in step:  # the other fields depend on the store
            assert_contains(result, {"current_context_version": None, **step["gives"]})
            check.assertGreaterEqual(result["rows_read"], result["candidates"])
            check.assertGreaterEqual(result["candidates"], result["matches"])
        elif "verify" in step:
            self.check_verification(result, **step["gives"])
        elif "backup" in step:
            assert_contains(result, step["gives"])
        elif "statistics" in step:
            assert_counts(result, step["gives"])
        elif step.get("gives") is None:
            check.assertIsNone(result)
        else:
            expected = {**dict.fromkeys(result), **step["gives"]}
            check.assertTrue(same_json(result, expected), f"{result} is not {expected}")

    def act(self, step: dict[str, Any]) -> Any:
        for name, play in STEPS.items():
            if name in step:
                return play(self, step)
        raise AssertionError(f"a step of no known kind: {step}")

    def append(self, step: dict[str, Any]) -> Any:
        if "elsewhere" not in step:
            return dataclasses.asdict(self.store.append(step["append"]))
        with opened(self.kind, self.place, parse_float=Decimal) as other:
            return dataclasses.asdict(other.append(step["append"]))

    def append_if(self, step: dict[str, Any]) -> Any:
        request = step["append_if"]
        return dataclasses.asdict(
            self.store.append_if(request["events"], request.get("query"), request.get("expected"))
        )

    def append_when(self, step: dict[str, Any]) -> Any:
        return dataclasses.asdict(self.store.append_when(**step["append_when"]))

    def decide(self, step: dict[str, Any]) -> Any:
        """The function is called exactly as often as `calls` say."""
        how = step["decide"]
        calls = iter(how["calls"])

        def next_call(seen: factstr.QueryResult) -> Decision:
            call: Decision | None = next(calls, None)
            assert call is not None, "the function is called once more"
            check.assertEqual(
                [record.sequence_number for record in seen.event_records], call["sees"]
            )
            return call

        more = {"attempts": how["attempts"]} if "attempts" in how else {}
        try:
            result = self.store.decide(how["query"], self.deciding(next_call), **more)
        finally:
            rest = list(calls)
        check.assertEqual(rest, [], "the function was not called so often")
        return None if result is None else dataclasses.asdict(result)

    def deciding(self, next_call: Callable[[factstr.QueryResult], Decision]) -> Any:
        """Returns the function for decide."""

        def decide(seen: factstr.QueryResult) -> Any:
            call = next_call(seen)
            if "meanwhile" in call:
                self.store.append(call["meanwhile"])
            return call["returns"]

        return decide

    def query(self, step: dict[str, Any]) -> Any:
        result = dataclasses.asdict(self.store.query(step["query"]))
        result["event_records"] = [without_time(record) for record in result["event_records"]]
        return result

    def read(self, step: dict[str, Any]) -> Any:
        records = self.store.read(step["read"])
        return {"event_records": [without_time(dataclasses.asdict(record)) for record in records]}

    def explain(self, step: dict[str, Any]) -> Any:
        return dataclasses.asdict(self.store.explain(step["explain"]))

    def backup(self, step: dict[str, Any]) -> Any:
        return dataclasses.asdict(self.store.backup(self.folder / f"{uuid.uuid4().hex}.db"))

    def verify(self, step: dict[str, Any]) -> Any:
        return dataclasses.asdict(self.store.verify())

    @staticmethod
    def check_verification(
        report: dict[str, Any], findings: list[dict[str, Any]], **gives: Any
    ) -> None:
        assert_contains(report, gives)
        check.assertEqual(len(report["findings"]), len(findings), report)
        for found, expected in zip(report["findings"], findings, strict=True):
            assert_contains(found, expected)

    def statistics(self, step: dict[str, Any]) -> Any:
        return dataclasses.asdict(self.store.statistics())

    def logs(self, step: dict[str, Any]) -> None:
        for expected in step["logs"]:
            record = self.log.next(expected["event"])
            check.assertRegex(record.getMessage(), ".")
            assert_contains({**vars(record), "level": record.levelname.lower()}, expected)

    def cursors(self, step: dict[str, Any]) -> Any:
        return {"cursors": [shape_of(each) for each in self.store.cursors()]}

    def parked(self, step: dict[str, Any]) -> Any:
        parked = [dataclasses.asdict(each) for each in self.store.parked(**step["parked"])]
        for each in parked:
            del each["error"], each["parked_at"]
        return {"parked": parked}

    def redeliver_parked(self, step: dict[str, Any]) -> Any:
        return {"batches": self.store.redeliver_parked(**step["redeliver_parked"])}

    def discard_parked(self, step: dict[str, Any]) -> Any:
        return {"batches": self.store.discard_parked(**step["discard_parked"])}

    def cursor_reset(self, step: dict[str, Any]) -> None:
        self.store.cursor_reset(**step["cursor_reset"])

    def cursor_copy(self, step: dict[str, Any]) -> None:
        self.store.cursor_copy(step["cursor_copy"]["from"], step["cursor_copy"]["to"])

    def cursor_delete(self, step: dict[str, Any]) -> None:
        self.store.cursor_delete(**step["cursor_delete"])

    def reopen(self, step: dict[str, Any]) -> None:
        """A store that is not to open leaves the one that is."""
        options = {} if step["reopen"] is True else step["reopen"]
        if "fails" not in step:
            self.store.close()
        self.store = self.open(**options)

    def sql(self, step: dict[str, Any]) -> None:
        """A store that is not to open stays closed."""
        sql = step["sql"][self.kind]
        self.store.close()
        if self.kind == "sqlite":
            with contextlib.closing(sqlite3.connect(self.place)) as database:
                database.executescript(sql)
        else:
            server.run(f"SET search_path TO {self.place}; {sql}")
        self.store = self.open()

    def register(self, step: dict[str, Any]) -> None:
        how = step["open"]
        check.assertLessEqual(how.keys(), {"query", "durable", "after", "retry"})
        handler = Deliveries(tuple(step.get("fail_deliveries", ())))
        self.deliveries[step["stream"]] = handler
        if "durable" in how:
            subscription = self.store.stream_to_durable(
                how["durable"]["name"], how.get("query"), handler, retry=how.get("retry")
            )
        elif "after" in how:
            subscription = self.store.stream_from(
                how["after"], how.get("query"), handler, retry=how.get("retry")
            )
        else:
            subscription = self.store.stream_to(how.get("query"), handler)
        self.subscriptions[step["stream"]] = subscription

    def iterate(self, step: dict[str, Any]) -> None:
        """What is wrong with its beginning may come with its first batch."""
        how = dict(step["iterate"])
        durable = how.pop("durable", {}).get("name")
        loop = Loop(self.store.stream(**how, durable=durable))
        if "fails" in step:
            loop.next()
        self.loops[step["stream"]] = loop

    def receives(self, step: dict[str, Any]) -> None:
        source: Any = self.loops.get(step["stream"]) or self.deliveries[step["stream"]]
        positions = step.get("positions")
        for number, expected in enumerate(step["receives"]):
            delivery = source.next()
            batch = [without_time(dataclasses.asdict(record)) for record in delivery]
            check.assertTrue(same_json(batch, expected), f"{batch} is not {expected}")
            if positions is not None:
                check.assertEqual(positions[number], delivery.position)

    def acknowledge(self, step: dict[str, Any]) -> None:
        self.loops[step["stream"]].acknowledge()

    def wait_for(self, step: dict[str, Any]) -> None:
        self.subscriptions[step["stream"]].wait_for(step["wait_for"], patience(step))

    def wait_for_cursor(self, step: dict[str, Any]) -> None:
        self.store.wait_for_cursor(**step["wait_for_cursor"], timeout=patience(step))

    def unsubscribe(self, step: dict[str, Any]) -> None:
        if step["stream"] in self.loops:
            self.loops[step["stream"]].leave()
            return
        # The test sees a batch before its handler has returned. close() waits for the handler, so
        # that the cursor is where the scenario expects it.
        self.subscriptions[step["stream"]].close()

    def ends(self, step: dict[str, Any]) -> None:
        if step["stream"] in self.loops:
            self.loops[step["stream"]].check_end(step["ends"])
            return
        subscription = self.subscriptions[step["stream"]]
        check.assertTrue(subscription.wait(WAIT_S), "the stream has not ended")
        assert_contains(shown(subscription.error), step["ends"])


NAMED = [
    *("append", "append_if", "append_when", "decide", "query", "read", "explain", "backup"),
    *("verify", "statistics", "logs", "cursors", "parked", "redeliver_parked", "discard_parked"),
    *("cursor_reset", "cursor_copy", "cursor_delete", "reopen", "sql", "iterate", "receives"),
    *("acknowledge", "wait_for", "wait_for_cursor", "unsubscribe", "ends"),
]
STEPS: dict[str, Callable[[ScenarioPlayer, dict[str, Any]], Any]] = {
    **{name: getattr(ScenarioPlayer, name) for name in NAMED},
    "open": ScenarioPlayer.register,
}


def patience(step: dict[str, Any]) -> float:
    return 0.02 if "fails" in step else WAIT_S


def shape_of(cursor: factstr.DurableCursor) -> dict[str, Any]:
    """Ages are only compared with 0, and holders with nobody."""
    fields = dataclasses.asdict(cursor)
    age, holder = fields.pop("lag_seconds"), fields.pop("held_by")
    return {**fields, "waits": age > 0, "held": holder is not None}


def without_time(record: dict[str, Any]) -> dict[str, Any]:
    check.assertRegex(record.pop("occurred_at"), ".")
    return record


def assert_counts(counts: dict[str, Any], expected: dict[str, Any]) -> None:
    """Of sizes in bytes a scenario says only whether there is something."""
    named = {
        name: bool(counts[name]) if name.endswith("_bytes") else counts[name]
        for name in expected
        if name != "streams"
    }
    check.assertEqual(named, {name: expected[name] for name in named})
    if "streams" in expected:
        check.assertEqual(len(counts["streams"]), len(expected["streams"]))
        for stream, wanted in zip(counts["streams"], expected["streams"], strict=True):
            assert_counts({**stream, **stream["progress"]}, wanted)


def assert_contains(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compares the fields that are expected; `says` is a part of the message."""
    expected = dict(expected)
    check.assertIn(expected.pop("says", ""), fields.get("message") or "")
    named = {name: fields.get(name) for name in expected}
    check.assertTrue(same_json(named, expected), f"{named} is not {expected}")


def shown(error: factstr.FactstrError | None) -> dict[str, Any]:
    """Returns the fields of the error's InteropError."""
    if error is None:
        return {"code": "Ok"}
    fields = {
        "code": error.code,
        "message": str(error),
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
