"""The tables of docs/benchmarks.md, from the figures in docs/benchmarks/NAME.json, which
`./build.sh bench docs` writes. So no figure there is typed by hand.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
LANGUAGES = {"go": "Go", "c": "C", "node": "Node", "python": "Python"}
STORES = {"memory": "memory", "sqlite": "SQLite", "postgres": "PostgreSQL"}
LESS_IS_BETTER = ("us", "MB")

Result = dict[str, Any]


def number(value: float) -> str:
    """Three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def column(result: Result) -> str:
    name: str = result["store"]
    store = STORES.get(name, name)
    through = LANGUAGES.get(result["through"])
    return f"{store}, {through}" if through else store


def floor_of(results: list[Result]) -> float:
    for result in results:
        if result["workload"] == "floor-in-place":
            return float(statistics.median(result["values"]))
    return float("nan")


def cell(result: Result, floor: float) -> str:
    """The median, and in parentheses what it is in syncs: a rate by sync, or a time in syncs."""
    median = statistics.median(result["values"])
    if result["unit"] == "MB":
        return number(median)
    syncs = median * floor / 1e6 if result["unit"] == "us" else median / floor
    return f"{number(median)} ({syncs:.2g})" if syncs < 10 else f"{number(median)} ({syncs:,.0f})"


def best_other(results: list[Result], workload: str) -> float | None:
    """The best figure of a store that is not ours."""
    medians = [
        (statistics.median(result["values"]), result["unit"])
        for result in results
        if result["workload"] == workload and result["store"] not in STORES
    ]
    if not medians:
        return None
    best = min if medians[0][1] in LESS_IS_BETTER else max
    return float(best(median for median, _ in medians))


def ratio(result: Result, other: float) -> str:
    median = statistics.median(result["values"])
    better = other / median if result["unit"] in LESS_IS_BETTER else median / other
    return f"{better:.2f}"


def rows(results: list[Result], compared: bool) -> list[list[str]]:
    """The head of the table and its rows: a workload each, and a column for each store and language.
    With compared, also how our stores do against the best other one; above 1 is ahead."""
    floor = floor_of(results)
    measured = [result for result in results if result["store"] != "file"]
    columns = list(dict.fromkeys(column(result) for result in measured))
    ours = list(dict.fromkeys(column(r) for r in measured if r["store"] in STORES))
    head = ["workload", "unit", *columns]
    if compared:
        head += [f"{name} to the best" for name in ours]
    table = [head, ["---", "---", *["--:"] * (len(head) - 2)]]
    for workload in dict.fromkeys(result["workload"] for result in measured):
        found = {column(r): r for r in measured if r["workload"] == workload}
        first = next(iter(found.values()))
        cells = [cell(found[name], floor) if name in found else "" for name in columns]
        if compared:
            other = best_other(measured, workload)
            cells += [ratio(found[n], other) if n in found and other else "" for n in ours]
        table.append([workload, first["unit"], *cells])
    return table


def benchmarks(name: str) -> str:
    """What stands below <!-- made: benchmarks NAME -->."""
    file = FIGURES / f"{name}.json"
    if not file.exists():
        return "Not measured yet.\n"
    record = json.loads(file.read_text(encoding="utf-8"))
    results = record["results"]
    floors = {
        r["workload"]: number(statistics.median(r["values"]))
        for r in results
        if r["store"] == "file"
    }
    rounds = max(len(r["values"]) for r in results if r["store"] != "file")
    lines = [f"Measured {record['date']} on {record['machine']}: `{record['command'].strip()}`."]
    if record.get("note"):
        lines.append(f"Note: {record['note']}.")
    lines.append(
        f"{f'Medians of {rounds} rounds' if rounds > 1 else 'One round'}; "
        f"the floor is {floors.get('floor-in-place', '?')} syncs a second in place, "
        f"{floors.get('floor-growing', '?')} of a file that grows."
    )
    table = [
        "".join(f"| {text} " if text else "| " for text in row) + "|"
        for row in rows(results, name == "others")
    ]
    return "\n".join([*lines, "", *table]) + "\n"


def workloads() -> str:
    """What each workload of the first two tables is."""
    what: dict[str, str] = {}
    for name in ("stores", "languages"):
        record = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
        what |= {r["workload"]: r["what"] for r in record["results"] if r.get("what")}
    return "".join(f"| {cells} |\n" for cells in ("workload | is", "--- | ---")) + "".join(
        f"| `{name}` | {text} |\n" for name, text in what.items()
    )


def speed(language: str = "go") -> str:
    """The figures of SQLite that a reader asks for first, through one language."""
    record = json.loads(
        (FIGURES / ("stores.json" if language == "go" else "languages.json")).read_text("utf-8")
    )
    found = {
        result["workload"]: number(statistics.median(result["values"]))
        for result in record["results"]
        if result["store"] == "sqlite" and result["through"] == language
    }
    parts = [
        f"one caller {found['append']}",
        f"64 callers {found['callers-64']}",
        f"batches of 100 {found['batch-100']}",
    ]
    if "callers-1024" in found:
        parts.insert(2, f"1,024 callers {found['callers-1024']}")
    facts, select = (
        ("1,000,000", "select-1m") if "select-1m" in found else ("100,000", "select-100k")
    )
    floor = number(floor_of(record["results"]))
    return (
        f"Facts a second, each on disk before its append returns, on SQLite through "
        f"{LANGUAGES[language]}: {', '.join(parts)}.\n"
        f"A bare loop that writes 4 KiB and syncs made {floor} rounds there.\n"
        f"A query that finds ten of {facts} facts took {found[select]} us; "
        f"{found['replay']} facts a second were replayed.\n"
        f"Measured {record['date']} on {record['machine'].split(', go')[0]}.\n"
    )


# What a reader compares, of the table of other stores.
COMPARED = {
    "append": "one caller appends",
    "callers-64": "64 callers, a condition each",
    "callers-1024": "1,024 callers, a condition each",
    "deciders-64": "64 callers, a query and a condition each",
    "batch-100": "batches of 100",
    "select-1m": "a query that finds 10 of 1,000,000",
    "append-if-1m": "a conditional append at 1,000,000",
    "query-all-1m": "a query for all of 1,000,000",
}


def compared() -> str:
    """Medians of our stores beside others; the best of a row is bold."""
    record = json.loads((FIGURES / "others.json").read_text(encoding="utf-8"))
    results = [result for result in record["results"] if result["store"] != "file"]
    columns = list(dict.fromkeys(column(result) for result in results))
    lines = [["", "unit", *columns], ["---", "---", *["--:"] * len(columns)]]
    for workload, says in COMPARED.items():
        found = {column(r): r for r in results if r["workload"] == workload}
        medians = {name: float(statistics.median(r["values"])) for name, r in found.items()}
        unit = next(iter(found.values()))["unit"]
        best = (min if unit in LESS_IS_BETTER else max)(medians.values())
        cells = [
            ""
            if name not in medians
            else f"**{number(medians[name])}**"
            if medians[name] == best
            else number(medians[name])
            for name in columns
        ]
        lines.append([says, unit, *cells])
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
    return (
        f"Measured {record['date']} on one machine, in turns, medians of three rounds.\n\n{table}\n"
    )
