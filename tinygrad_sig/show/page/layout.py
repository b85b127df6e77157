"""Layout: a place for every box of a graph, forward from left to right.

A box stands one column right of the last that it needs, a leaf just before the first that uses it. An arrow over
several columns goes through a point in each, which is placed as a light box would be; so it goes around boxes.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

SWEEPS = 12
LIGHT = 1e-6  # What a leaf, or an arrow from one, weighs against computed boxes, whose line is to be straight.


class Place(NamedTuple):
    """A column counted from the left, and how far down, where 1 is the height of a box."""

    column: int
    down: float


def layout(
    ids: Sequence[str], leaves: set[str], arrows: Sequence[tuple[str, str]]
) -> tuple[list[Place], list[list[Place]]]:
    """The place of every box, and of the points that each arrow goes through. `ids` are in the order of computation."""
    column = columns(ids, leaves, arrows)
    routes = [
        [source, *(f"{i}.{c}" for c in range(column[source] + 1, column[target])), target]
        for i, (source, target) in enumerate(arrows)
    ]
    levels: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for id in sorted(ids, key=lambda id: id not in leaves):
        levels[column[id]].append(id)
    near: list[dict[str, list[tuple[str, float]]]] = [defaultdict(list), defaultdict(list)]  # to the right, to the left
    for (source, _), route in zip(arrows, routes, strict=True):
        weight = LIGHT if source in leaves else 1.0
        for c, point in enumerate(route[1:-1], column[source] + 1):
            levels[c].append(point)
        for a, b in pairwise(route):
            near[0][a].append((b, weight))
            near[1][b].append((a, weight))
    down = {id: float(i) for level in levels for i, id in enumerate(level)}
    for sweep in range(SWEEPS):
        for level in levels if sweep % 2 else reversed(levels):  # The last sweep goes forward.
            wanted = {
                id: mean([(down[other], w) for other, w in near[sweep % 2][id] or near[1 - sweep % 2][id]], down[id])
                for id in level
            }
            if sweep < SWEEPS // 2:  # The order in a column is found first, and then only distances.
                level.sort(key=wanted.__getitem__)
            weights = [LIGHT if id in leaves else 0.1 if "." in id else 1.0 for id in level]
            down.update(zip(level, apart([wanted[id] for id in level], weights), strict=True))
    top = min(down.values())
    places = {id: Place(c, round(down[id] - top, 3)) for c, level in enumerate(levels) for id in level}
    return [places[id] for id in ids], [[places[id] for id in route] for route in routes]


def columns(ids: Sequence[str], leaves: set[str], arrows: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The column of every box."""
    sources: dict[str, list[str]] = {id: [] for id in ids}
    for source, target in arrows:
        sources[target].append(source)
    found: dict[str, int] = {}
    for id in ids:
        if id not in leaves:
            found[id] = 1 + max((found[source] for source in sources[id] if source not in leaves), default=0)
    for source, target in arrows:
        if source in leaves:
            found[source] = min(found.get(source, found[target]), found[target] - 1)
    return {id: found.get(id, 0) for id in ids}


def mean(values: Sequence[tuple[float, float]], otherwise: float) -> float:
    """The mean of values with weights, if there are any."""
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if total else otherwise


def apart(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The numbers at least 1 apart, in this order, that are nearest to those wanted: blocks that collide are merged."""
    blocks: list[tuple[float, float, int]] = []  # where the first of a block is, what it weighs, how many it has
    for value, weight in zip(wanted, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] + blocks[-1][2] > block[0]:
            first, heavy, size = blocks.pop()
            total = heavy + block[1]
            block = ((first * heavy + (block[0] - size) * block[1]) / total, total, size + block[2])
        blocks.append(block)
    return [first + i for first, _, size in blocks for i in range(size)]
