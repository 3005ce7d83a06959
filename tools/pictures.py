"""The pictures of the documentation, docs/pictures/*.svg: check_docs.py --write writes them. Each is a
function below.

A picture stands on a sheet of its own colour, so that it reads in the dark as well as in the light.
"""

from __future__ import annotations

import html

from package_picture import ROW, laid_out

INK, LINE, BLUE, GREEN, RED, GREY = "#1f2933", "#52606d", "#dbeafe", "#d1fae5", "#fee2e2", "#f1f5f9"


class Picture:
    def __init__(self, width: int, height: int, says: str) -> None:
        self.width, self.height, self.says = width, height, says
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, size: int = 13, anchor: str = "middle", style: str = ""
    ) -> None:
        self.parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{INK}"{style}>'
            f"{html.escape(text)}</text>"
        )

    def box(self, x: float, y: float, w: float, h: float, *lines: str, fill: str = GREY) -> None:
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{fill}" stroke="{LINE}"/>'
        )
        first = y + h / 2 + 4.5 - (len(lines) - 1) * 8.5
        for number, line in enumerate(lines):
            self.text(x + w / 2, first + 17 * number, line)

    def arrow(self, *points: tuple[float, float], dashed: bool = False) -> None:
        path = "L".join(f"{x} {y}" for x, y in points)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(
            f'<path d="M{path}" fill="none" stroke="{LINE}" stroke-width="1.5"{dash} '
            'marker-end="url(#end)"/>'
        )

    def log(self, x: float, y: float, cells: list[tuple[str, str]], w: float = 64) -> None:
        """Numbered facts side by side: each has a text and a colour."""
        for number, (text, fill) in enumerate(cells):
            self.box(x + number * w, y, w, 44, text, fill=fill)
            self.text(x + number * w + w / 2, y + 60, f"{number + 1}", size=11)

    def svg(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            'font-family="system-ui, sans-serif" role="img">\n'
            f"<title>{html.escape(self.says)}</title>\n"
            '<defs><marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L10 5L0 10z" fill="{LINE}"/></marker>'
            "</defs>\n"
            f'<rect width="{self.width}" height="{self.height}" rx="10" fill="white"/>\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def context() -> Picture:
    p = Picture(720, 230, "A context is the facts of the log that a query matches")
    p.text(20, 32, "the log", anchor="start", size=14)
    seat, other = BLUE, GREY
    p.log(
        20,
        48,
        [
            ("A1", other),
            ("A2", seat),
            ("B7", other),
            ("A1", other),
            ("A2", seat),
            ("C3", other),
            ("B7", other),
            ("A1", other),
            ("C3", other),
            ("B7", other),
        ],
        w=66,
    )
    p.box(150, 160, 420, 48, "query: seat A2", "context version: 5, its newest fact", fill=BLUE)
    p.arrow((119, 116), (200, 160))
    p.arrow((317, 116), (340, 160))
    return p


def conditional_append() -> Picture:
    p = Picture(740, 330, "The life of a conditional append")
    p.box(20, 30, 130, 48, "query(context)")
    p.box(200, 30, 130, 48, "decide", "version 5 was seen")
    p.box(380, 30, 150, 48, "append_if(facts,", "context, 5)")
    p.arrow((150, 54), (200, 54))
    p.arrow((330, 54), (380, 54))
    p.box(360, 130, 190, 56, "is 5 still the newest", "fact of the context?", fill=BLUE)
    p.arrow((455, 78), (455, 130))
    p.text(562, 148, "checked and committed in", size=12, anchor="start")
    p.text(562, 164, "one step, for all processes", size=12, anchor="start")
    p.box(580, 230, 120, 56, "committed:", "facts 9 and 10", fill=GREEN)
    p.box(300, 230, 180, 56, "conflict: version 8", "nothing was written", fill=RED)
    p.arrow((520, 186), (620, 230))
    p.text(595, 204, "yes")
    p.arrow((420, 186), (390, 230))
    p.text(388, 204, "no", anchor="end")
    p.arrow((300, 258), (85, 258), (85, 78))
    p.text(190, 250, "read again, decide again")
    return p


def replay_joins_live() -> Picture:
    p = Picture(720, 250, "Replay and live delivery are one loop over the log")
    p.text(20, 32, "the log", anchor="start", size=14)
    done, replay, live = GREEN, BLUE, RED
    p.log(20, 46, [("", done)] * 3 + [("", replay)] * 4 + [("", live)] * 3, w=66)
    p.arrow((218, 150), (218, 94))
    p.text(218, 166, "stored cursor")
    p.arrow((482, 150), (482, 94))
    p.text(482, 166, "head at registration: ready")
    p.text(119, 200, "handled before", size=12)
    p.text(350, 200, "replayed, batch by batch", size=12)
    p.text(600, 200, "committed meanwhile and later", size=12)
    p.arrow((40, 222), (690, 222))
    p.text(
        360, 240, "one loop reads on from its position: no seam between replay and live", size=12
    )
    return p


def group_commit() -> Picture:
    p = Picture(720, 260, "Appends that wait are committed together")
    for number, name in enumerate(("caller 1", "caller 2", "caller 3", "caller 4")):
        y = 30 + number * 52
        p.box(20, y, 110, 38, name)
        p.arrow((130, y + 19), (210, 128))
    p.box(210, 70, 150, 116, "queue", "", "conditions", "in order", fill=BLUE)
    p.arrow((360, 128), (420, 128))
    p.box(420, 90, 130, 76, "one transaction", "one sync")
    p.arrow((550, 128), (600, 128))
    p.box(600, 58, 100, 140, "1: ok", "2: conflict", "3: ok", "4: ok", fill=GREEN)
    p.text(360, 240, "no timer: a caller that is alone does not wait", size=12)
    return p


def layers() -> Picture:
    p = Picture(720, 330, "The layers: bindings, C library, JSON, core, stores")
    p.box(20, 24, 150, 44, "your Node program")
    p.box(190, 24, 150, 44, "your Python program")
    p.box(360, 24, 150, 44, "your C program")
    p.box(530, 24, 170, 44, "your Go program")
    p.box(20, 92, 150, 40, "factstr-node", fill=BLUE)
    p.box(190, 92, 150, 40, "factstr", fill=BLUE)
    p.box(20, 156, 490, 44, "libfactstr: a C API, JSON in and out", fill=BLUE)
    p.box(20, 224, 680, 44, "core: validation, matching, conditions, streams", fill=GREEN)
    p.box(20, 284, 216, 34, "memory")
    p.box(252, 284, 216, 34, "SQLite")
    p.box(484, 284, 216, 34, "PostgreSQL")
    for x in (95, 265):
        p.arrow((x, 68), (x, 92))
        p.arrow((x, 132), (x, 156))
    p.arrow((435, 68), (435, 156))
    p.arrow((265, 200), (265, 224))
    p.arrow((615, 68), (615, 224))
    for x in (128, 360, 592):
        p.arrow((x, 268), (x, 284))
    return p


def packages() -> Picture:
    rows, ways = laid_out()
    left = min(place.x - place.width / 2 for row in rows for place in row) - 20
    right = max(place.x + place.width / 2 for row in rows for place in row) + 20
    p = Picture(round(right - left), ROW * len(rows) + 16, "What each package imports")
    top = {place: ROW * number + 20 for number, row in enumerate(rows) for place in row}
    for way in ways:
        points = [(round(place.x - left, 1), top[place] + 15) for place in way]
        first, last = points[0], points[-1]
        p.arrow((first[0], first[1] + 15), *points[1:-1], (last[0], last[1] - 15))
    for place, y in top.items():
        if place.name:
            inside = place.name.startswith("core")
            fill = GREEN if inside else BLUE
            x = round(place.x - place.width / 2 - left, 1)
            p.box(x, y, round(place.width, 1), 30, place.name, fill=fill)
    return p


def pictures() -> dict[str, str]:
    """Each picture's file name, and the SVG."""
    drawn = (context, conditional_append, replay_joins_live, group_commit, layers, packages)
    return {f"{draw.__name__.replace('_', '-')}.svg": draw().svg() for draw in drawn}
