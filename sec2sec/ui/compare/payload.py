"""What the browser needs for a comparison: one figure with the lanes of every model, and where they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from sec2sec.explanations.agreement import compare_target, shared_targets
from sec2sec.explanations.results import CoAttention, Explanation
from sec2sec.ui.compare.words import LETTERS, NOT_DEFINED, agreement_words, shared_words
from sec2sec.viewer.curve import joined_curve
from sec2sec.viewer.payload import as_json

ELSEWHERE = "Which sound and which places went together inside a second: see Inspect, one model at a time."


@dataclass(frozen=True)
class Side:
    """One column of a comparison."""

    title: str  # of the model, or of the clip
    player: str  # elem_id of what plays it
    offset: float  # s; where the analysed part begins in what is played


def side_by_side_lanes(explanations: Sequence[Explanation], shared: Sequence[str]) -> Explanation:
    """One explanation whose targets are the shared ones of every model: a timeline draws them on one axis."""
    sides = [(f"{name} · {LETTERS[i]}", name, e) for name in shared for i, e in enumerate(explanations)]
    return replace(
        lanes_alone(explanations[0]),
        targets={title: e.targets[name] for title, name, e in sides},
        checkpoint=replace(
            explanations[0].checkpoint,
            scales=tuple(
                replace(scale, target=title)
                for title, name, e in sides
                if (scale := e.checkpoint.scale_of(name)) is not None
            ),
        ),
        # features are correlated with the effects of one model, and a second is out of the distribution of one
        features=(),
        out_of_distribution=(),
        curve=joined_curve(sides),
    )


def lanes_alone(explanation: Explanation) -> Explanation:
    """Without its maps: they would stand between the lanes of two sides, and belong to one of them."""
    co = explanation.co_attention
    return replace(
        explanation,
        co_attention=CoAttention(co.video_grid, co.audio_grid, co.video_region, absent=ELSEWHERE, bands=co.bands),
    )


def compare_models(explanations: Sequence[Explanation], shown: Sequence[Sequence[str]], sides: Sequence[Side]) -> str:
    """Agreement of every two models on each shared target, and the seconds where they differ. JSON."""
    shared, others = shared_targets(shown)
    pairs = []
    for a, b in combinations(range(len(explanations)), 2):
        targets = [_pair(explanations, a, b, name) for name in shared]
        pairs.append({"first": a, "second": b, "targets": targets})
    return _json("models", explanations, sides, pairs, [*shared_words(shared, others), ELSEWHERE])


def compare_clips(explanations: Sequence[Explanation], sides: Sequence[Side]) -> str:
    """What links the players of two clips, and why nothing is ranked. JSON."""
    return _json("clips", explanations, sides, [], [NOT_DEFINED, ELSEWHERE])


def _pair(explanations: Sequence[Explanation], a: int, b: int, name: str) -> dict[str, Any]:
    first, second = explanations[a].targets[name], explanations[b].targets[name]
    agreement = compare_target(first, second)
    without = [LETTERS[i] for i, target in ((a, first), (b, second)) if target.attention is None]
    return {
        "name": name,
        "effect": agreement_words(agreement.effect),
        "attention": agreement_words(agreement.attention, without),
        "first": _figures(first.effect),
        "second": _figures(second.effect),
        "difference": _figures(agreement.difference),
        "order": agreement.order.tolist(),
    }


def _figures(values: np.ndarray) -> list[float]:
    return [round(float(value), 7) for value in values]


def _json(
    mode: str, explanations: Sequence[Explanation], sides: Sequence[Side], pairs: list[Any], notes: list[str]
) -> str:
    payload = {
        "mode": mode,
        "sides": [
            {
                "letter": letter,
                "title": side.title,
                "player": side.player,
                "offset": side.offset,
                "duration": explanation.clip.duration,
                "seconds": explanation.clip.seconds,
            }
            for letter, side, explanation in zip(LETTERS, sides, explanations, strict=False)
        ],
        "pairs": pairs,
        "notes": notes,
    }
    return as_json(payload)
