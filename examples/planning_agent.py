"""An agent that plans delivery routes: which of many stops comes after which, so that the whole way is short.

It is the kind of code that a backend does not want in its own process: it uses a processor for as long as it takes, and it may rest on
libraries that crash.
"""

from __future__ import annotations

import math
import os

Stop = tuple[float, float]

road_factor: float | None = None


def setup() -> None:
    """Called once in each process, before it counts as ready: the place to load models and maps."""
    global road_factor
    road_factor = 1.3


def plan(stops: list[Stop], *, rounds: int = 6) -> dict[str, object]:
    """The order of the stops, and how long the way is in kilometres: as they came, and as planned."""
    order = list(range(len(stops)))
    given = length(stops, order)
    for _ in range(rounds):
        if not improve(stops, order):
            break
    return {"order": order, "given": given, "planned": length(stops, order), "process": os.getpid()}


def length(stops: list[Stop], order: list[int]) -> float:
    way = sum(math.dist(stops[a], stops[b]) for a, b in zip(order, order[1:]))
    return round(way * road_factor, 1)


def improve(stops: list[Stop], order: list[int]) -> bool:
    """Turns parts of the way around wherever that shortens it (2-opt)."""
    improved = False
    for i in range(1, len(order) - 2):
        for j in range(i + 1, len(order) - 1):
            a, b, c, d = (stops[order[k]] for k in (i - 1, i, j, j + 1))
            if math.dist(a, c) + math.dist(b, d) < math.dist(a, b) + math.dist(c, d) - 1e-9:
                order[i : j + 1] = reversed(order[i : j + 1])
                improved = True
    return improved
