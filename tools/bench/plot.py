"""Draws what `./build.sh bench -json FILE` wrote: plot.py FILE FOLDER [PREFIX].

It writes PREFIXsize.svg, what a call costs against the size of the log, and PREFIXcallers.svg, how
many facts a second are appended against the number of callers. Both axes are logarithmic. Nothing
but Python is needed.
"""

import html
import json
import math
import re
import statistics
import sys
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 210, 40, 60
COLORS = (
    *("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf"),
    *("#8c564b", "#7f7f7f", "#e377c2", "#bcbd22"),
)
SIZES = {
    "1k": 1_000,
    "10k": 10_000,
    "100k": 100_000,
    "1m": 1_000_000,
    "3m": 3_000_000,
    "10m": 10_000_000,
}

Result = dict[str, Any]
Series = dict[str, list[tuple[float, float]]]


def label(result: Result) -> str:
    """The store, and the language if it may be meant through several."""
    return (
        result["store"] if result["through"] == "rust" else f"{result['store']} {result['through']}"
    )


def by_size(results: list[Result]) -> Series:
    series: Series = {}
    for result in results:
        found = re.fullmatch(r"([a-z-]+)-(\d+[km])", result["workload"])
        if found and found[2] in SIZES and result["unit"] == "us":
            name = f"{found[1]}, {label(result)}"
            median = statistics.median(result["values"])
            series.setdefault(name, []).append((SIZES[found[2]], median))
    return series


def by_callers(results: list[Result]) -> Series:
    series: Series = {}
    for result in results:
        found = re.fullmatch(r"callers-(\d+)", result["workload"])
        if found:
            median = statistics.median(result["values"])
            series.setdefault(label(result), []).append((int(found[1]), median))
    return series


def axis(values: list[float]) -> tuple[int, int]:
    """The powers of ten around the values, as logarithms."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def number(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:g}"


def draw(title: str, x_title: str, y_title: str, series: Series) -> str:
    points = [point for line in series.values() for point in line]
    x_low, x_high = axis([x for x, _ in points])
    y_low, y_high = axis([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (
            HEIGHT - TOP - BOTTOM
        )

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{html.escape(title)}</text>',
    ]
    for exponent in range(x_low, x_high + 1):
        x, _ = at(10.0**exponent, 10.0**y_low)
        out.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        out.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(exponent)}</text>'
        )
    for exponent in range(y_low, y_high + 1):
        _, y = at(10.0**x_low, 10.0**exponent)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{number(exponent)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(
        f'<text x="{middle}" y="{HEIGHT - 16}" text-anchor="middle">{html.escape(x_title)}</text>'
    )
    out.append(
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(y_title)}</text>"
    )
    for i, (name, line) in enumerate(sorted(series.items())):
        color = COLORS[i % len(COLORS)]
        places = [at(x, y) for x, y in sorted(line)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        out.append(f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in places]
        y = TOP + 16 + 20 * i
        x = WIDTH - RIGHT + 16
        out.append(f'<path d="M{x} {y - 4}h18" stroke="{color}" stroke-width="2"/>')
        out.append(f'<text x="{x + 24}" y="{y}">{html.escape(name)}</text>')
    out.append("</svg>\n")
    return "\n".join(out)


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    record = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(sys.argv[2])
    prefix = "".join(sys.argv[3:])
    folder.mkdir(parents=True, exist_ok=True)
    drawings = (
        ("size", "Cost against size", "facts in the log", "microseconds", by_size),
        ("callers", "Rate against callers", "callers", "events a second", by_callers),
    )
    for file, title, x_title, y_title, series_of in drawings:
        series = series_of(record["results"])
        if series:
            path = folder / f"{prefix}{file}.svg"
            path.write_text(draw(title, x_title, y_title, series), encoding="utf-8")
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
