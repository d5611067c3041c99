"""Cumulative prediction difference and preservation of scores of seconds: CPD and CPP.

Jang, Kim & Yang 2025 (TIMING, ICML), §3.2. Points are taken away one after another, and the sizes of the single steps
of the prediction are added up, so that steps up and steps down do not cancel: CPD(K) = Σ_{k<K} |F(x_k) − F(x_{k+1})|
with the largest |score| first, where more is better, and CPP(K) with the smallest first, where less is better. Points
are seconds here, what is taken away is at the training mean, and F is the prediction of one target. At K = T nearly all
orders come to the same, so the figures are means over all K: the area under the curve of K, which the authors' code
reports beside sums to a single K.

Where every step has one sign, CPD is |prediction − area under the deletion curve| and CPP is the same of the insertion
curve: they then order methods as the signed curves do.

T seconds, K targets, M methods.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sec2sec.explanations.curves import present_after
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.methods import Scores

SOURCES = ("jang2025timing",)  # keys of references.bib


def largest_first(scores: Mapping[str, Scores]) -> np.ndarray:
    """(M · K, T) the seconds of each method and target by falling size; equal ones from the start."""
    return np.argsort(-np.abs(np.concatenate(list(scores.values()))), axis=1, kind="stable")


def cumulative_differences(masker: Masker, scores: Mapping[str, Scores]) -> dict[str, np.ndarray]:
    """By method, (2, K): CPD and CPP of each target by its own scores, in units of the prediction."""
    seconds, targets = masker.seconds, len(masker.targets)
    own = largest_first(scores)
    remaining = present_after(np.concatenate([own, own[:, ::-1]]), np.arange(seconds + 1), insertion=False)
    predictions = masker.predictor(*[remaining.reshape(-1, seconds)] * 2)
    values = predictions.reshape(2, len(scores), targets, seconds + 1, targets)
    of_target = np.einsum("omktk->omkt", values)  # each target along the path of its own order
    steps = np.abs(np.diff(of_target, axis=-1))  # (2, M, K, T)
    sums = np.concatenate([np.zeros_like(steps[..., :1]), np.cumsum(steps, axis=-1)], axis=-1)
    areas = np.trapezoid(sums, axis=-1) / seconds
    return {name: areas[:, place] for place, name in enumerate(scores)}
