"""Plays interop/testdata/scenarios; the README there describes the steps."""

from __future__ import annotations

import json
import unittest
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import factstr
from bridged import LoopThread
from scenario_log import ScenarioLog
from scenario_player import Decision, ScenarioPlayer
from support import ROOT, StoreCase, on_every_store, opening

SCENARIOS = sorted((ROOT / "interop" / "testdata" / "scenarios").glob("*.json"))


@on_every_store
class Scenarios(StoreCase):
    player: type[ScenarioPlayer] = ScenarioPlayer

    def setUp(self) -> None:
        super().setUp()
        self.log = ScenarioLog()
        self.log.start()
        self.addCleanup(self.log.stop)

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
        player = self.player(self.kind, self.place, self.folder, self.open, self.log)
        try:
            for number, step in enumerate(scenario["steps"], start=1):
                with self.subTest(step=number):
                    player.play(step)
        finally:
            player.close()


class AioPlayer(ScenarioPlayer):
    def deciding(self, next_call: Callable[[factstr.QueryResult], Decision]) -> Any:
        async def decide(seen: factstr.QueryResult) -> Any:
            call = next_call(seen)
            if "meanwhile" in call:
                await self.store.target.append(call["meanwhile"])
            return call["returns"]

        return decide


@on_every_store
class ScenariosOfAsyncio(Scenarios):
    """The same through factstr.aio."""

    player = AioPlayer

    def setUp(self) -> None:
        self.loop = LoopThread()
        self.addCleanup(self.loop.close)
        super().setUp()

    def open(self, **options: Any) -> Any:
        store = self.loop.bridged(opening(self.kind, self.place, **options))
        self.addCleanup(store.close)
        return store


if __name__ == "__main__":
    unittest.main()
