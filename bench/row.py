"""One line of the bench: a figure beside its limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """A measured figure. limit None: reported alone. A figure that must be above its limit may not equal it."""

    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    side: Literal["at most", "at least", "above"] = "at most"
    command: str = ""  # that gives the figure, where that is more than the bench itself

    @property
    def holds(self) -> bool | None:
        """Whether the figure keeps its limit; None where there is none."""
        if self.limit is None:
            return None
        if self.side == "above":
            return self.value > self.limit
        return self.value <= self.limit if self.side == "at most" else self.value >= self.limit


def in_turns(*rivals: Callable[[], Any], turns: int = 3) -> list[float]:
    """Median seconds of each, taking turns after one for warming up: a busy machine slows all of them alike."""
    taken: list[list[float]] = [[] for _ in rivals]
    for turn in range(turns + 1):
        for times, rival in zip(taken, rivals, strict=True):
            began = time.perf_counter()
            rival()
            if turn:
                times.append(time.perf_counter() - began)
    return [median(times) for times in taken]
