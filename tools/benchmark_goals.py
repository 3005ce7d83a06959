"""What Node and Python are to reach, as a table: each goal beside what docs/benchmarks/languages.json
says, and the command that measures it.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from benchmark_tables import FIGURES, LANGUAGES, number


@dataclass
class Goal:
    says: str
    workload: str
    through: str
    least: float | None = None  # a rate
    # At most so many times the time that another package takes for the same.
    beside: str | None = None
    times: float = 0


GOALS = [
    Goal("one caller appends", "append", "node", beside="better-sqlite3", times=1.3),
    Goal("one caller appends", "append", "python", beside="sqlite3", times=1.3),
    Goal("1,000 awaited appends at a time (`factstr.aio`)", "awaits-1000", "python", least=20_000),
    Goal("replay of batches of one fact", "replay-singles", "node", least=150_000),
    Goal("replay of batches of one fact", "replay-singles", "python", least=150_000),
    Goal("80 callers decide on 50 pieces, and 50 are sold", "decide-80", "node"),
    Goal("80 callers decide on 50 pieces, and 50 are sold", "decide-80", "python"),
]


def goals() -> str:
    """SQLite through Node and Python. A ratio is that of the times, the median over the rounds."""
    results = json.loads((FIGURES / "languages.json").read_text(encoding="utf-8"))["results"]
    measured = {(r["workload"], r["store"], r["through"]): r for r in results}
    lines = ["| | through | goal | measured | command |", "| --- | --- | --- | --- | --- |"]
    for goal in GOALS:
        ours = measured.get((goal.workload, "sqlite", goal.through))
        wanted = "none gives up, or the run fails" if goal.least is None else f"{goal.least:,.0f}/s"
        found = "not measured yet"
        if goal.beside is not None:
            wanted = f"{goal.times} times {goal.beside}'s time"
            theirs = measured.get((goal.workload, goal.beside, goal.through))
            if ours and theirs:
                rounds = zip(ours["values"], theirs["values"], strict=True)
                ratio = statistics.median(other / own for own, other in rounds)
                found = f"{ratio:.2f} times, {verdict(ratio <= goal.times)}"
        elif ours:
            median = statistics.median(ours["values"])
            found = f"{number(median)} {ours['unit']}"
            if goal.least is not None:
                found += f", {verdict(median >= goal.least)}"
        lines.append(
            f"| {goal.says} | {LANGUAGES[goal.through]} | {wanted} | {found} "
            f"| `./build.sh bench languages {goal.workload}` |"
        )
    return "\n".join(lines) + "\n"


def verdict(reached: bool) -> str:
    return "reached" if reached else "missed"
