"""What a predictor claims to have gone by. (The claims helper's file replaces this one.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Claim:
    """Seconds, weights or a modality that a predictor names for a target."""

    intervals: tuple[tuple[float, float], ...] = ()
    weights: tuple[float, ...] | None = None
    modality: Literal["audio", "video"] | None = None


def judge_claims(predict, prediction, baseline, effects, claims, noise=None, max_calls=None, start=0.0):  # type: ignore
    from sec2sec.explanations.results import Verdict

    return {
        n: Verdict(
            "nothing to judge", "The predictor claims nothing about this target.", (), float("nan"), float("nan")
        )
        for n in effects
    }
