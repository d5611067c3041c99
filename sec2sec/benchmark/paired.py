"""Two models on the same clips: which one is better, and could that be chance?

Paired bootstrap over groups for the main metric of each target, McNemar's exact test for classes, and Holm's correction
over the targets. N clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import NotRequired, TypedDict

import numpy as np

from sec2sec.benchmark.compare import SIGNIFICANCE_LEVEL, differences, holm
from sec2sec.datasets.table import DataError, kind_of
from sec2sec.metrics import DEFAULT_THRESHOLD, MAIN, few_groups, title_of
from sec2sec.predictions import LabelledPredictions
from sec2sec.tables import TextTable
from sec2sec.words import plus_minus


class McNemar(TypedDict):
    """McNemar's exact test (1947) of the clips that one model alone gets right: a binomial test of a fair coin."""

    only_a: int  # clips that A alone gets right
    only_b: int
    p: float
    p_holm: float


class TargetComparison(TypedDict):
    """One target. difference: A − B in the main metric; interval, p and p_holm are None with one group alone."""

    kind: str
    metric: str
    clips: int
    groups: int
    a: float
    b: float
    difference: float
    interval: list[float] | None
    p: float | None
    p_holm: float | None
    holds: bool | None  # at SIGNIFICANCE_LEVEL, after Holm's correction over the targets
    mcnemar: NotRequired[McNemar]  # of two classes
    thresholds: NotRequired[dict[str, list[float]]]  # of class 1, of A and of B; several where folds have their own


Predictions = Mapping[str, LabelledPredictions]  # by target


def compare_predictions(a: Predictions, b: Predictions, seed: int = 0) -> dict[str, TargetComparison]:
    """Each target that both predicted, on the clips that both predicted. seed: of the bootstrap.

    Raises DataError where they share no clip of a target, or do not agree about the truth.
    """
    results = {name: _target(name, a[name], b[name], seed) for name in a if name in b}
    results = {name: result for name, result in results.items() if result["clips"]}
    if not results:
        raise DataError(
            f"no clip was predicted by both: A has targets {', '.join(a) or 'none'}, B has {', '.join(b) or 'none'}; "
            "give predictions of the same clips"
        )
    tested = {name: result["p"] for name, result in results.items() if result["p"] is not None}
    for name, corrected in zip(tested, holm(list(tested.values())), strict=True):
        results[name]["p_holm"], results[name]["holds"] = corrected, corrected < SIGNIFICANCE_LEVEL
    exact = [result["mcnemar"] for result in results.values() if "mcnemar" in result]
    for test, corrected in zip(exact, holm([test["p"] for test in exact]), strict=True):
        test["p_holm"] = corrected
    return results


def _target(name: str, a: LabelledPredictions, b: LabelledPredictions, seed: int) -> TargetComparison:
    shared = [clip for clip in a.ids if clip in set(b.ids)]
    a, b = _of_clips(a, shared), _of_clips(b, shared)
    for what, left, right in (("truth", a.label, b.label), ("group", a.groups, b.groups)):
        if differing := [clip for clip, x, y in zip(shared, left, right, strict=True) if x != y]:
            raise DataError(
                f"{name}: the {what} of {len(differing)} clips differs between A and B, first of {differing[0]!r}; "
                "read the data with the same rule for both"
            )
    kind = kind_of(a.label)
    (paired,) = differences(kind, {"a": [a], "b": [b]}, [("a", "b")], seed)
    scores = {side: _scores(kind, predictions) for side, predictions in (("a", a), ("b", b))}
    result: TargetComparison = {
        "kind": kind,
        "metric": MAIN[kind],
        "clips": len(shared),
        "groups": len(set(a.groups)),
        "a": round(float(scores["a"].mean()), 6) if shared else 0.0,
        "b": round(float(scores["b"].mean()), 6) if shared else 0.0,
        "difference": paired["difference"] or 0.0,
        "interval": paired["interval"],
        "p": paired["p"],
        "p_holm": None,
        "holds": None,
    }
    if kind == "binary":
        result["mcnemar"] = mcnemar(scores["a"] > 0, scores["b"] > 0)
        result["thresholds"] = {"a": sorted({*a.thresholds.tolist()}), "b": sorted({*b.thresholds.tolist()})}
    return result


def _of_clips(predictions: LabelledPredictions, clips: list[str]) -> LabelledPredictions:
    place = {clip: at for at, clip in enumerate(predictions.ids)}
    return predictions.at(np.array([place[clip] for clip in clips], int))


def _scores(kind: str, predictions: LabelledPredictions) -> np.ndarray:
    """(N,) what each clip adds to the main metric, a mean over clips."""
    if kind == "binary":
        scores: np.ndarray = (predictions.answers == (predictions.label > 0.5)).astype(float)
    else:
        scores = 1 - np.abs(predictions.prediction - predictions.label)
    return scores


def mcnemar(a: np.ndarray, b: np.ndarray) -> McNemar:
    """McNemar's exact test. a, b (N,): whether each model is right about each clip."""
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    tosses = only_a + only_b
    tail = sum(comb(tosses, k) for k in range(min(only_a, only_b) + 1))
    p = min(1.0, 2 * tail / 2**tosses)
    return {"only_a": only_a, "only_b": only_b, "p": p, "p_holm": p}


def comparison_table(results: Mapping[str, TargetComparison]) -> TextTable:
    """One line per target."""
    head = ["target", "metric", "clips", "groups", "A", "B", "A − B", "95 %", "p", "p, Holm", "McNemar p", "p, Holm"]
    rows = []
    for name, result in results.items():
        interval = result["interval"]
        exact = result.get("mcnemar")
        rows.append(
            [
                name,
                title_of(result["metric"]),
                str(result["clips"]),
                str(result["groups"]),
                f"{result['a']:.3f}",
                f"{result['b']:.3f}",
                plus_minus(result["difference"]),
                "none" if interval is None else f"{plus_minus(interval[0])} to {plus_minus(interval[1])}",
                _p(result["p"]),
                _p(result["p_holm"]),
                _p(exact["p"] if exact else None),
                _p(exact["p_holm"] if exact else None),
            ]
        )
    return TextTable("A and B on the same clips", head, rows)


def conclusions(results: Mapping[str, TargetComparison]) -> list[str]:
    """What the table says, a sentence per target, and what it cannot say."""
    sentences = []
    for name, result in results.items():
        better = "A" if result["difference"] > 0 else "B"
        if result["holds"] is None:
            sentences.append(f"{name}: whether the difference holds cannot be told from one group of clips.")
        elif result["holds"]:
            sentences.append(f"{name}: {better} is better; chance alone gives such a difference rarely.")
        else:
            sentences.append(f"{name}: the difference may be chance.")
    for name, result in results.items():
        by_side = result.get("thresholds", {})
        if any(thresholds != [DEFAULT_THRESHOLD] for thresholds in by_side.values()):
            words = "; ".join(
                f"{side.upper()} predicts class 1 above {', '.join(f'{value:.4g}' for value in thresholds)}"
                for side, thresholds in by_side.items()
            )
            sentences.append(f"{name}: {words}.")
    return [*sentences, *few_groups(results)]


def _p(value: float | None) -> str:
    return "none" if value is None else "< .0001" if value < 1e-4 else f"{value:.4f}"
