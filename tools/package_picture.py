"""The picture of the packages, docs/pictures/packages.svg: a package stands above those that it
imports. Long arrows lead through gaps in the rows between; the rows are put in an order in which few
arrows cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from generated import arrows

ROW, GAP, LANE = (
    62,
    18,
    26,
)  # heights of a row, between neighbours, and the width of a passing arrow


@dataclass(eq=False)
class Place:
    """A package in its row, or the passage of an arrow through a row (name "")."""

    name: str
    x: float = 0

    @property
    def width(self) -> float:
        return 7.2 * len(self.name) + 22 if self.name else LANE


def shortest_arrows() -> dict[str, list[str]]:
    """Each arrow is an import that no longer way implies."""
    all_arrows = arrows()

    def beyond(package: str) -> set[str]:
        near = all_arrows.get(package, set())
        return near.union(*(beyond(each) for each in near))

    kept = {}
    for package, near in all_arrows.items():
        implied: set[str] = set().union(*(beyond(each) for each in near))
        kept[package] = sorted(near - implied)
    return kept


def rows_of(near: dict[str, list[str]]) -> dict[str, int]:
    """How many arrows lie above a package on the longest way from the top."""
    row = dict.fromkeys(near, 0)
    for _ in near:
        for package, imported in near.items():
            for each in imported:
                row[each] = max(row[each], row[package] + 1)
    return row


def laid_out() -> tuple[list[list[Place]], list[list[Place]]]:
    """The rows of places, and each arrow as the places that it leads through."""
    near = shortest_arrows()
    row = rows_of(near)
    places = {name: Place(name) for name in near}
    rows: list[list[Place]] = [[] for _ in range(max(row.values()) + 1)]
    for name, place in places.items():
        rows[row[name]].append(place)
    ways = []
    for name, imported in near.items():
        for each in imported:
            between = [Place("") for _ in range(row[name] + 1, row[each])]
            for number, place in enumerate(between, row[name] + 1):
                rows[number].append(place)
            ways.append([places[name], *between, places[each]])
    neighbours: dict[Place, list[Place]] = {place: [] for each in rows for place in each}
    for way in ways:
        for above, below in pairwise(way):
            neighbours[above].append(below)
            neighbours[below].append(above)
    for _ in range(24):
        for line in rows:
            line.sort(
                key=lambda place: sum(n.x for n in neighbours[place]) / len(neighbours[place])
            )
            x = GAP / 2 - sum(place.width + GAP for place in line) / 2
            for place in line:
                place.x = x + place.width / 2
                x += place.width + GAP
    return rows, ways
