"""Which differences hold: bootstrap over groups and seeds, paired in the groups; Holm's correction.

A figure of a system depends on which films were in the test and on which seed its weights began with. Each draw takes
as many groups as there are, with replacement and the same for all systems, and as many seeds as there are, of each
system by itself: seed 0 of one system has nothing in common with seed 0 of another.

R draws, G groups, S seeds, N clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from sec2sec.metrics import DRAWS, MAIN, WEIGHTED, interval_of

PAIRED = 10_000  # draws of a comparison: with 1,000 no p value could outlive Holm's correction for fifty of them
LEVEL = 0.05


@dataclass(frozen=True)
class Said:
    """What one trial said of one target: clips that have a label."""

    ids: tuple[str, ...]  # (N,)
    groups: tuple[str, ...]
    label: np.ndarray
    prediction: np.ndarray  # 0..1


class Draws:
    """Which groups and seeds each draw takes."""

    def __init__(self, groups: Sequence[str], count: int = DRAWS, seed: int = 0) -> None:
        """groups: the names of all."""
        self.names = np.unique(np.asarray(groups))
        self.count, self.seed = count, seed
        rng = np.random.default_rng(seed)
        share = np.full(len(self.names), 1 / len(self.names))
        self.times = rng.multinomial(len(self.names), share, size=count).astype(np.float64)  # (R, G)

    def of_clips(self, groups: Sequence[str]) -> np.ndarray:
        """(R, N) how often each clip is in each draw."""
        return self.times[:, self.place(groups)]

    def place(self, groups: Sequence[str]) -> np.ndarray:
        """(N,) each clip's group as a number."""
        return np.searchsorted(self.names, np.asarray(groups))

    def of_seeds(self, count: int, system: str) -> np.ndarray:
        """(R, S) the share of each seed in each draw; of each system by itself."""
        rng = np.random.default_rng([self.seed, crc32(system.encode())])
        return rng.multinomial(count, np.full(count, 1 / count), size=self.count) / count


def measured(kind: str, trials: Sequence[Said], system: str, drawn: Draws) -> dict[str, dict[str, Any]]:
    """Each metric of a system: mean over seeds, the seeds' own values, and the 95 % interval over groups and seeds."""
    metrics: Callable[..., Mapping[str, np.ndarray]] = WEIGHTED[kind]
    own = [metrics(each.prediction, each.label, np.ones((1, len(each.label)))) for each in trials]
    resampled = [metrics(each.prediction, each.label, drawn.of_clips(each.groups)) for each in trials]
    seeds = drawn.of_seeds(len(trials), system)
    found = {}
    for name in own[0]:
        values = [float(each[name][0]) for each in own]
        known = all(np.isfinite(values))
        # a draw in which a metric is undefined for one seed is undefined, also where that seed was not drawn
        spread = (np.stack([each[name] for each in resampled], 1) * seeds).sum(1)
        found[name] = {
            "value": round(float(np.mean(values)), 6) if known else None,
            "seeds": [round(value, 6) if np.isfinite(value) else None for value in values],
            "interval": interval_of(spread) if known and len(drawn.names) > 1 else None,
        }
    return found


def differences(
    kind: str, systems: Mapping[str, Sequence[Said]], pairs: Sequence[tuple[str, str]], seed: int = 0
) -> list[dict[str, Any]]:
    """A − B in the main metric for each pair, on the clips that both predicted: interval, p, and whether it holds.

    p: two-sided, twice the share of draws on the other side of 0, at least 2 / (R + 1). holds: p_holm < .05, after
    Holm's correction (1979) over these pairs. All are None without two groups, or a clip that both
    predicted.
    """
    groups = [group for trials in systems.values() for each in trials for group in each.groups]
    drawn = Draws(groups, PAIRED, seed)
    found = [_difference(kind, systems, pair, drawn) for pair in pairs]
    known = sorted((each for each in found if each["p"] is not None), key=lambda each: each["p"])
    largest = 0.0
    for rank, each in enumerate(known):
        largest = max(largest, min(1.0, each["p"] * (len(known) - rank)))
        each["p_holm"] = round(largest, 6)
        each["holds"] = largest < LEVEL
    return found


def _difference(
    kind: str, systems: Mapping[str, Sequence[Said]], pair: tuple[str, str], drawn: Draws
) -> dict[str, Any]:
    first, second = pair
    found: dict[str, Any] = {"a": first, "b": second, "metric": MAIN[kind]}
    nothing = {"difference": None, "clips": 0, "interval": None, "p": None, "p_holm": None, "holds": None}
    ids = [{name for each in systems[system] for name in each.ids} for system in pair]
    shared = ids[0] & ids[1]
    if not shared:
        return found | nothing
    sides = [[_sums(kind, each, shared, drawn) for each in systems[system]] for system in pair]
    value = [float(np.mean([scores.sum() / counts.sum() for scores, counts in side])) for side in sides]
    found |= nothing | {"difference": round(value[0] - value[1], 6), "clips": len(shared)}
    if len(drawn.names) < 2:
        return found
    with np.errstate(invalid="ignore"):
        spread = [
            sum(
                drawn.of_seeds(len(side), system)[:, s] * (drawn.times @ scores) / (drawn.times @ counts)
                for s, (scores, counts) in enumerate(side)
            )
            for system, side in zip(pair, sides, strict=True)
        ]
    gap = np.asarray(spread[0] - spread[1])
    gap = gap[np.isfinite(gap)]
    beyond = min(int((gap <= 1e-12).sum()), int((gap >= -1e-12).sum()))
    found["p"] = min(1.0, 2 * (beyond + 1) / (len(gap) + 1))
    found["interval"] = interval_of(gap)
    return found


def _sums(kind: str, said: Said, shared: set[str], drawn: Draws) -> tuple[np.ndarray, np.ndarray]:
    """(G,) the sum of the clips' scores in each group, and their number. The main metrics are means over clips."""
    kept = np.array([name in shared for name in said.ids])
    right = (said.prediction > 0.5) == (said.label > 0.5)
    scores = right if kind == "binary" else 1 - np.abs(said.prediction - said.label)
    place = drawn.place(said.groups)[kept]
    count = len(drawn.names)
    return np.bincount(place, scores[kept].astype(float), count), np.bincount(place, minlength=count).astype(float)
