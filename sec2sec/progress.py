"""One protocol for long work: a generator yields how far it is, and returns its result.

    result = yield from explain_steps(path, model)                 # inside other steps
    result = drain(explain_steps(path, model), on_progress=print)  # at the end of the line

Closing the generator between two steps cancels the work.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

R = TypeVar("R")


@dataclass(frozen=True)
class Progress:
    """How far some work is: done of total, in any unit, and a sentence for a person."""

    done: float
    total: float  # 0 where nobody knows it
    message: str
    stage: str = ""  # which part of the work this is, where somebody acts on it: "decoding", "encoding", "explaining"
    seconds_left: float = math.nan  # NaN where nobody knows
    epoch: Mapping[str, Any] | None = None  # figures of the epoch that has just ended, where a model is trained
    early: Any = None  # what is known before the end, where somebody shows it: the Curve of a film

    @property
    def fraction(self) -> float:
        """The share that is done, 0..1; 0 where the total is not known."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total else 0.0


Steps = Generator[Progress, None, R]


def drain(steps: Steps[R], on_progress: Callable[[Progress], object] = lambda progress: None) -> R:
    """Run the steps to their end, pass each Progress on, and return their result."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        on_progress(progress)


def relay(steps: Steps[R], change: Callable[[Progress], Progress]) -> Steps[R]:
    """The same steps with each Progress changed."""
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
            yield change(progress)


def timed(steps: Steps[R]) -> Steps[tuple[R, float]]:
    """The same steps; their result comes with the seconds that they took, without those between them."""
    taken = 0.0
    with closing(steps):
        while True:
            began = time.perf_counter()
            try:
                progress = next(steps)
            except StopIteration as end:
                return end.value, taken + time.perf_counter() - began
            taken += time.perf_counter() - began
            yield progress


def until(stop: Callable[[], bool], steps: Steps[R]) -> Steps[R | None]:
    """The same steps; closed after one of them where `stop` says so, and the result is None then."""
    with closing(steps):
        while True:
            try:
                progress = next(steps)
            except StopIteration as end:
                result: R = end.value
                return result
            yield progress
            if stop():
                return None


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    if not seconds >= 0:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
