"""The pointing game on clips with planted seconds: explanations beside what needs no model.

T seconds, K targets, N clips, R draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sec2sec.datasets.known_truth import Planted
from sec2sec.datasets.table import Row
from sec2sec.evaluation.report import Gain
from sec2sec.evaluation.yardsticks import OF_CUES, yardstick_scores
from sec2sec.explanations.results import Occlusion
from sec2sec.metrics import draws, interval_of, pointing

OCCLUSION, ATTENTION, CHANCE = "occlusion", "attention", "chance"

Predicted = Sequence[tuple[Row, Occlusion]]  # clips with their predictions and the effect of each second


@dataclass(frozen=True)
class Pointing:
    """Shares of clips whose top second is a decisive one, by method."""

    shares: dict[str, float]  # of the sum over targets; the yardsticks last
    by_target: dict[str, dict[str, float]]  # of each target's scores
    gains: list[Gain]  # of occlusion over the yardsticks of cues; none where nobody measured them


def point(
    targets: Sequence[str], planted: Mapping[str, Planted], predicted: Predicted, cues: Mapping[str, np.ndarray] | None
) -> Pointing | None:
    """Whether the top second is a decisive one; None where no clip has any.

    cues: (C, T) by clip id, of `measure_cues`; None leaves out the yardsticks that need them.
    """
    hits: dict[str, list[float]] = {}
    single: dict[str, dict[str, list[float]]] = {name: {} for name in targets}
    groups: list[str] = []
    for row, occlusion in with_planted_seconds(planted, predicted):
        decisive = planted[row.id].decisive[: occlusion.effect.shape[1]]
        scores = {OCCLUSION: np.abs(occlusion.effect)}  # (K, T)
        if occlusion.attention is not None:
            scores[ATTENTION] = occlusion.attention
        for method, values in scores.items():
            hits.setdefault(method, []).append(pointing(values.sum(0), decisive))
            for k, name in enumerate(targets):
                single[name].setdefault(method, []).append(pointing(values[k], decisive))
        hits.setdefault(CHANCE, []).append(float(decisive.mean()))
        own = None if cues is None else cues[row.id]
        for name, of_second in yardstick_scores(len(decisive), own).items():
            hits.setdefault(name, []).append(pointing(of_second, decisive))
        groups.append(row.group)
    if not groups:
        return None
    return Pointing(
        {method: float(np.mean(values)) for method, values in hits.items()},
        {name: {m: float(np.mean(v)) for m, v in methods.items()} for name, methods in single.items()},
        [paired_gain(hits[OCCLUSION], hits[name], name, groups) for name in OF_CUES if name in hits],
    )


def with_planted_seconds(planted: Mapping[str, Planted], predicted: Predicted) -> Predicted:
    """The clips of which at least one second that was predicted is decisive."""
    return [(row, o) for row, o in predicted if planted[row.id].decisive[: o.effect.shape[1]].any()]


def paired_gain(own: Sequence[float], other: Sequence[float], over: str, groups: Sequence[str]) -> Gain:
    """What occlusion finds more than a yardstick, (N,) each, with the 95 % interval of the difference.

    Both are drawn together, clip by clip, so that what makes a clip easy for both widens nothing. Bootstrap over
    groups, which are single clips where clips are generated.
    """
    difference = np.array(own) - np.array(other)
    weights = draws(groups, seed=0)  # (R, N)
    several = len(set(groups)) > 1
    return {
        "metric": "pointing",
        "over": over,
        "value": float(difference.mean()),
        "interval": interval_of(weights @ difference / weights.sum(1)) if several else None,
    }
