"""Which differences hold: bootstrap over groups and seeds, paired in the groups; Holm's correction.

A figure of a system depends on which films were in the test and on which seed its weights began with. Each draw takes
as many groups as there are, with replacement and the same for all systems, and as many seeds as there are, of each
system by itself: seed 0 of one system has nothing in common with seed 0 of another.

R draws, G groups, S seeds, N clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from sec2sec.metrics import DRAWS, MAIN, WEIGHTED, interval_of
from sec2sec.predictions import LabelledPredictions

COMPARISON_DRAWS = 10_000  # with 1,000 no p value could outlive Holm's correction for fifty comparisons
SIGNIFICANCE_LEVEL = 0.05


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


def measure_trials(
    kind: str, trials: Sequence[LabelledPredictions], system: str, draws: Draws
) -> dict[str, dict[str, Any]]:
    """Each metric of a system: mean over seeds, the seeds' own values, and the 95 % interval over groups and seeds."""
    metrics: Callable[..., Mapping[str, np.ndarray]] = WEIGHTED[kind]
    own = [metrics(trial.prediction, trial.label, np.ones((1, len(trial.label))), trial.thresholds) for trial in trials]
    resampled = [
        metrics(trial.prediction, trial.label, draws.of_clips(trial.groups), trial.thresholds) for trial in trials
    ]
    seeds = draws.of_seeds(len(trials), system)
    report = {}
    for name in own[0]:
        values = [float(metric[name][0]) for metric in own]
        defined = all(np.isfinite(values))
        # a draw in which a metric is undefined for one seed is undefined, also where that seed was not drawn
        spread = (np.stack([metric[name] for metric in resampled], 1) * seeds).sum(1)
        report[name] = {
            "value": round(float(np.mean(values)), 6) if defined else None,
            "seeds": [round(value, 6) if np.isfinite(value) else None for value in values],
            "interval": interval_of(spread) if defined and len(draws.names) > 1 else None,
        }
    return report


def differences(
    kind: str, systems: Mapping[str, Sequence[LabelledPredictions]], pairs: Sequence[tuple[str, str]], seed: int = 0
) -> list[dict[str, Any]]:
    """A − B in the main metric for each pair, on the clips that both predicted: interval, p, and whether it holds.

    p: two-sided, twice the share of draws on the other side of 0, at least 2 / (R + 1). holds: p_holm < .05, after
    Holm's correction (1979) over these pairs. All are None without two groups, or a clip that both
    predicted.
    """
    groups = [group for trials in systems.values() for trial in trials for group in trial.groups]
    draws = Draws(groups, COMPARISON_DRAWS, seed)
    comparisons = [_difference(kind, systems, pair, draws) for pair in pairs]
    tested = [one for one in comparisons if one["p"] is not None]
    for comparison, corrected in zip(tested, holm([one["p"] for one in tested]), strict=True):
        comparison["p_holm"] = round(corrected, 6)
        comparison["holds"] = corrected < SIGNIFICANCE_LEVEL
    return comparisons


def holm(p_values: Sequence[float]) -> list[float]:
    """p values after Holm's correction (1979) for as many tests as there are, in the order that they came in."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[at] * (len(p_values) - rank)))
        corrected[at] = largest
    return corrected


def _difference(
    kind: str, systems: Mapping[str, Sequence[LabelledPredictions]], pair: tuple[str, str], draws: Draws
) -> dict[str, Any]:
    first, second = pair
    comparison: dict[str, Any] = {"a": first, "b": second, "metric": MAIN[kind]}
    nothing = {"difference": None, "clips": 0, "interval": None, "p": None, "p_holm": None, "holds": None}
    ids = [{name for trial in systems[system] for name in trial.ids} for system in pair]
    shared = ids[0] & ids[1]
    if not shared:
        return comparison | nothing
    sides = [[_sums(kind, trial, shared, draws) for trial in systems[system]] for system in pair]
    value = [float(np.mean([scores.sum() / counts.sum() for scores, counts in side])) for side in sides]
    comparison |= nothing | {"difference": round(value[0] - value[1], 6), "clips": len(shared)}
    if len(draws.names) < 2:
        return comparison
    with np.errstate(invalid="ignore"):
        spread = [
            sum(
                draws.of_seeds(len(side), system)[:, s] * (draws.times @ scores) / (draws.times @ counts)
                for s, (scores, counts) in enumerate(side)
            )
            for system, side in zip(pair, sides, strict=True)
        ]
    gap = np.asarray(spread[0] - spread[1])
    gap = gap[np.isfinite(gap)]
    beyond = min(int((gap <= 1e-12).sum()), int((gap >= -1e-12).sum()))
    comparison["p"] = min(1.0, 2 * (beyond + 1) / (len(gap) + 1))
    comparison["interval"] = interval_of(gap)
    return comparison


def _sums(kind: str, trial: LabelledPredictions, shared: set[str], draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """(G,) the sum of the clips' scores in each group, and their number. The main metrics are means over clips."""
    in_both = np.array([name in shared for name in trial.ids])
    right = trial.answers == (trial.label > 0.5)
    scores = right if kind == "binary" else 1 - np.abs(trial.prediction - trial.label)
    place = draws.place(trial.groups)[in_both]
    count = len(draws.names)
    return np.bincount(place, scores[in_both].astype(float), count), np.bincount(place, minlength=count).astype(float)
