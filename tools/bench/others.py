"""Writes what a harness measured of other embedded event stores as `./build.sh bench -json` writes
figures: others.py RESULTS FILE [NOTE]. RESULTS has one JSON object a line.

The harness runs the same workloads on published versions of other stores and on this one, in turns
on one machine. It is not part of this repository, since it builds what others made.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

STORES = {
    "ours-sqlite": ("sqlite", "c"),
    "go-sqlite": ("sqlite", "go"),
    "ours-mem": ("memory", "c"),
    "go-mem": ("memory", "go"),
    "tephra": ("tephra 0.4.1", "rust"),
    "uma": ("UmaDB 0.7.8", "rust"),
    "uma-wt": ("UmaDB 0.7.8", "rust"),
    "factstr-sqlite": ("factstr 0.5.2", "rust"),
}

# The name of a workload of the harness, the figure in its lines, and what it is here.
RATE, CYCLES, TIME, MEMORY = "events/s", "cycles/s", "us", "MB"
WORKLOADS = (
    (r"w1", "eps", "append", RATE, "one caller appends one fact"),
    (r"w2 fresh", "eps", "decide-fresh", CYCLES, "query and append_if of a context without facts"),
    (r"w2 existing", "eps", "decide-existing", CYCLES, "the same with 100 contexts that grow"),
    (r"w3", "eps", "callers-64", RATE, "append_if by so many callers, each with its own context"),
    (r"w3@(\d+)", "eps", r"callers-\1", RATE, "the same"),
    (r"w3a@\d+/(\d+)", "eps", r"submitted-\1", RATE, "the same, so many requests of one thread"),
    (r"w3q", "eps", "deciders-64", CYCLES, "64 callers, each with a query before its append_if"),
    (r"w4_(\d+)", "eps", r"batch-\1", RATE, "one caller appends so many facts at once"),
    (r"w5_(1[km])", "query_p50_us", r"select-\1", TIME, "a query that finds 10 facts, median"),
    (r"w5_(1[km])", "appif_p50_us", r"append-if-\1", TIME, "append_if on such a context, median"),
    (r"w6", "eps", "query-all-1m", RATE, "one query of all of 1,000,000 facts"),
    (r"w6", "hwm_kb", "query-all-1m-memory", MEMORY, "memory of the process at its most"),
    (r"w6replay", "eps", "replay-1m", RATE, "a durable stream replays 1,000,000 facts"),
    (r"w6replay", "hwm_kb", "replay-1m-memory", MEMORY, "memory of the process at its most"),
    (r"w7", "from_call_p99_us", "delivery-p99", TIME, "from the call of append to the handler"),
)
FLOORS = (("floor-growing", "floor_extend"), ("floor-in-place", "floor_overwrite"))

Figure = tuple[str, str, str, str, str, float]  # workload, what, store, through, unit, value


def figures(row: dict[str, Any]) -> Iterator[Figure]:
    if row.get("what") == "floor":
        for name, key in FLOORS:
            yield name, "", "file", "", "syncs/s", row[key]
        return
    if row.get("what") or row["store"] not in STORES:
        return
    store, through = STORES[row["store"]]
    workload = f"{row['wl']} {row['mode']}" if "mode" in row else row["wl"]
    for pattern, key, name, unit, what in WORKLOADS:
        found = re.fullmatch(pattern, workload)
        value = row.get(key)
        if found and value:
            yield (
                found.expand(name),
                what,
                store,
                through,
                unit,
                value / (1024 if unit == MEMORY else 1),
            )


def machine() -> str:
    """The machine that this runs on, which is to be the harness's."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{os.cpu_count()} processors, {model[1] if model else 'unknown'}"


def record(lines: list[str], note: str) -> dict[str, Any]:
    results: dict[tuple[str, str, str], dict[str, Any]] = {}
    for line in lines:
        for workload, what, store, through, unit, value in figures(json.loads(line)):
            result = results.setdefault(
                (workload, store, through),
                {
                    "workload": workload,
                    "what": what,
                    "store": store,
                    "through": through,
                    "unit": unit,
                    "values": [],
                },
            )
            result["values"].append(value)
    return {"note": note, "results": list(results.values())}


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    source = Path(sys.argv[1])
    measured = datetime.fromtimestamp(source.stat().st_mtime, timezone.utc)
    found = {
        "date": measured.strftime("%Y-%m-%d %H:%MZ"),
        "machine": machine(),
        "command": "a harness beside this repository",
        **record(source.read_text(encoding="utf-8").splitlines(), "".join(sys.argv[3:])),
    }
    if not found["results"]:
        print(f"{source}: no line has a figure that is known here", file=sys.stderr)
        return 1
    text = json.dumps(found, indent="\t") + "\n"
    Path(sys.argv[2]).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
