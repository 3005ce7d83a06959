"""factstr.testing, by commands that are right and wrong."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

import factstr
from factstr import _capi
from factstr.testing import fact, given
from programs import environment
from support import PlaceCase


class Full(Exception):
    pass


def enrol(store: factstr.Store, student: str, room: int = 2) -> int:
    def decide(seen: factstr.QueryResult) -> list[factstr.NewEvent] | None:
        if any(record.payload["student"] == student for record in seen.event_records):
            return None
        if len(seen.event_records) >= room:
            raise Full
        return [fact("Enrolled", {"student": student})]

    result = store.decide(None, decide)
    return 0 if result is None else result.first_sequence_number


ADA, BEN = fact("Enrolled", {"student": "Ada"}), fact("Enrolled", {"student": "Ben"})


class Scenarios(unittest.TestCase):
    def tearDown(self) -> None:
        gc.collect()  # an error keeps the frames that it went through, and those the scenario
        self.assertEqual(_capi.load().factstr_open_handles(), 0, "stores of scenarios are closed")

    def test_what_a_command_does_is_seen(self) -> None:
        scenario = given(ADA).when(enrol, "Ben").then(BEN)
        self.assertEqual(scenario.results, [2])
        self.assertEqual([record.sequence_number for record in scenario.appended], [2])
        given(ADA).when(enrol, "Ada").then_nothing()
        given(ADA, BEN).when(enrol, "Cleo").then_raises(Full)
        given(ADA, BEN).when(enrol, "Cleo", room=3).then(fact("Enrolled", {"student": "Cleo"}))
        racing = given().when_at_once(20, lambda store, n: enrol(store, f"s{n}"))
        self.assertEqual((len(racing.appended), len(racing.errors)), (2, 18))

    def test_what_a_command_does_otherwise_fails(self) -> None:
        wrongly: tuple[tuple[Callable[[], object], str], ...] = (
            (lambda: given(ADA).when(enrol, "Ben").then(ADA), "other facts"),
            (lambda: given(ADA).when(enrol, "Ben").then(), "other facts"),
            (lambda: given(ADA).when(enrol, "Ada").then(BEN), "other facts"),
            (lambda: given(ADA, BEN).when(enrol, "Cleo").then(BEN), "raised Full"),
            (lambda: given(ADA).when(enrol, "Ben").then_raises(Full), "raised nothing"),
            (lambda: given(ADA, BEN).when(enrol, "Cleo").then_raises(KeyError), "raised Full"),
        )
        for wrong, message in wrongly:
            with self.assertRaisesRegex(AssertionError, message):
                wrong()

    def test_facts_are_compared_as_json(self) -> None:
        def append(store: factstr.Store, payload: object) -> None:
            store.append([fact("a", payload)])

        given().when(append, {"b": 1.0, "a": (1, 2)}).then(fact("a", {"a": [1, 2], "b": 1}))
        for stored, expected in ((1, True), ({"a": None}, {}), ([1, 2], [2, 1])):
            with self.assertRaises(AssertionError):
                given().when(append, {"v": stored}).then(fact("a", {"v": expected}))


class Pytest(PlaceCase):
    @unittest.skipIf(
        "FACTSTR_TEST_EMULATOR" in os.environ, "pytest is not installed beside an emulated Python"
    )
    def test_its_fixtures_begin_a_scenario_in_a_store_that_is_closed(self) -> None:
        Path(self.folder, "conftest.py").write_text(
            'pytest_plugins = ["factstr.testing.fixtures"]\n', encoding="utf-8"
        )
        Path(self.folder, "test_it.py").write_text(
            """
from factstr.testing import fact
kept = []
def append(store, event_type):
    store.append([fact(event_type)])
def test_right(given, factstr_store):
    kept.append(factstr_store)
    given(fact("a")).when(append, "b").then(fact("b"))
    assert len(factstr_store.query().event_records) == 2
def test_closed():
    assert kept[0].closed
def test_wrong(given):
    given(fact("a")).when(append, "b").then(fact("c"))
""",
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertIn("1 failed, 2 passed", done.stdout, done.stdout + done.stderr)
        self.assertIn("other facts than expected were appended", done.stdout)


if __name__ == "__main__":
    unittest.main()
