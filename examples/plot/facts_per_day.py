# %% [markdown]
# # Facts per day and type
#
# A notebook in the percent format: open it in VS Code, PyCharm or Jupyter (with jupytext) and run
# it cell by cell, or run it whole: `python3 facts_per_day.py [DATABASE]`. It needs factstr alone.

# %%
from __future__ import annotations

import datetime
import html
import sys
from collections import Counter
from pathlib import Path

import factstr

PATH = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "bookings.db"

# %% [markdown]
# ## Something to look at
#
# Bookings of three weeks. When something happened in the world is a field of the payload;
# `occurred_at` is when the fact was recorded, here for all of them today. The facts are appended on
# the condition that there are none, so running this cell again adds nothing.

# %%
FIRST = datetime.date(2026, 3, 2)


def bookings() -> list[factstr.NewEvent]:
    facts = []
    for number in range(21):
        day = FIRST + datetime.timedelta(days=number)
        busy = 6 if day.weekday() < 5 else 2
        for event_type, count in (
            ("RoomBooked", busy + number % 4),
            ("RoomCancelled", number % 3),
            ("RoomPaid", busy - number % 2),
        ):
            facts += [factstr.NewEvent(event_type, {"day": day.isoformat()})] * count
    return facts


with factstr.SqliteStore(PATH) as store:
    try:
        store.append_if(bookings(), {}, None)
    except factstr.ConditionalAppendConflict:
        print(f"{PATH} has facts already")

# %% [markdown]
# ## Count
#
# `read` gives one record after the other, in bounded memory, however many there are. For facts
# without a day of their own, take `record.occurred_at[:10]`.


# %%
def day_of(record: factstr.EventRecord) -> str:
    own = record.payload.get("day") if isinstance(record.payload, dict) else None
    return own if isinstance(own, str) else record.occurred_at[:10]


with factstr.SqliteStore(PATH) as store:
    counts = Counter((day_of(record), record.event_type) for record in store.read())

days = sorted({day for day, _ in counts})
types = sorted({event_type for _, event_type in counts})
for event_type in types:
    print(f"{event_type:16} {sum(counts[day, event_type] for day in days):5}")

# %% [markdown]
# ## Plot
#
# One bar a day, one colour a type.

# %%
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2")
BAR, HEIGHT, LEFT, TOP = 26, 200, 46, 40
highest = max((sum(counts[day, each] for each in types) for day in days), default=1)
scale = HEIGHT / highest


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="11" {more}>{html.escape(words)}</text>'


parts = [text(LEFT - 8, TOP + 4, f"{highest}", 'text-anchor="end"')]
parts.append(text(LEFT - 8, TOP + HEIGHT, "0", 'text-anchor="end"'))
for number, event_type in enumerate(types):
    x = LEFT + 120 * number
    colour = COLOURS[number % len(COLOURS)]
    parts.append(f'<rect x="{x}" y="10" width="10" height="10" fill="{colour}"/>')
    parts.append(text(x + 15, 19, event_type))
for place, day in enumerate(days):
    x, top = LEFT + place * BAR, float(TOP + HEIGHT)
    for number, event_type in enumerate(types):
        height = counts[day, event_type] * scale
        top -= height
        colour = COLOURS[number % len(COLOURS)]
        parts.append(
            f'<rect x="{x}" y="{top:.1f}" width="{BAR - 6}" height="{height:.1f}" fill="{colour}">'
            f"<title>{day} {html.escape(event_type)}: {counts[day, event_type]}</title></rect>"
        )
    turned = f'text-anchor="end" transform="rotate(-60 {x + 14} {TOP + HEIGHT + 12})"'
    parts.append(text(x + 14, TOP + HEIGHT + 12, day[5:], turned))

width, height = LEFT + max(len(days) * BAR, 120 * len(types)) + 20, TOP + HEIGHT + 50
plot = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
    'font-family="system-ui, sans-serif">\n'
    f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
)
file = Path(PATH).with_suffix(".svg")
file.write_text(plot, encoding="utf-8")
print(f"{sum(counts.values())} facts of {len(days)} days: {file}")
