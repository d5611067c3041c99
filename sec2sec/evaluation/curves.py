"""What a table of figures hides: which threshold, how sure, which scores, which clips.

Plain lists and numbers, so that a screen, a page and a JSON file draw the same.

N clips, R draws of the bootstrap, M bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sec2sec.datasets.table import Row
from sec2sec.evaluation.report import Bin, Calibration, CalibrationScores, Curves, Points, Roc, WorstClip
from sec2sec.metrics import TrainingLabels, draws, interval_of

BINS = 10  # of the reliability diagram, equally wide
DIGITS = 6  # of what is written: figures of single precision have no more


def curves_of(
    training: TrainingLabels, prediction: np.ndarray, rows: Sequence[Row], label: np.ndarray, seed: int = 0
) -> Curves:
    """The curves of one target: {"roc", "calibration"} of a class, {"points"} of a score.

    prediction (N,) in 0..1, label (N,); rows: the clips, whose groups the intervals are drawn over.
    """
    if training.kind == "score":
        return {"points": points(prediction, rows, label)}
    groups = [row.group for row in rows]
    return {
        "roc": roc(prediction, label),
        "calibration": calibration(prediction, label, training.positive, groups, seed),
    }


def roc(prediction: np.ndarray, label: np.ndarray) -> Roc | None:
    """The ROC curve from (0, 0) to (1, 1), without points that lie on a straight piece; None with one class alone.

    threshold: of each point, class 1 from it on; more than 1 at (0, 0), where no clip is class 1.
    """
    order = np.argsort(-prediction, kind="stable")
    scores, truth = prediction[order], label[order] > 0.5
    ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of each run of ties
    hit, false = np.cumsum(truth)[ends], np.cumsum(~truth)[ends]
    if not hit[-1] or not false[-1]:
        return None
    hit, false = np.append(0, hit), np.append(0, false)
    threshold = np.append(scores[0] + 1, scores[ends])
    bends = np.append(np.append(True, (np.diff(hit, 2) != 0) | (np.diff(false, 2) != 0)), True)
    return {
        "false_positive_rate": _listed(false[bends] / false[-1]),
        "true_positive_rate": _listed(hit[bends] / hit[-1]),
        "threshold": _listed(threshold[bends]),
    }


def calibration(
    prediction: np.ndarray,
    label: np.ndarray,
    training_positive: float,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Calibration:
    """Does a prediction of .8 come true in .8 of the clips? Reliability, its error (ECE) and the Brier score.

    ECE = Σ_m |B_m| / N · |share of class 1 in B_m − mean prediction in B_m|, over equally wide bins B_m of the
    prediction, ((m−1)/M, m/M] (Guo et al. 2017, eqs. 2–3; the confidence is the probability of class 1). Brier: mean
    (p − y)² (Brier 1950). trivial: the training labels' share of class 1 for every clip. Resampling adds to an ECE,
    never takes away: its interval lies high where clips are few.
    """
    scores = _scores(prediction, label)
    calibration: Calibration = {
        "ece": scores["ece"],
        "brier": scores["brier"],
        "bins": _bins(prediction, label),
        "trivial": _scores(np.full(len(label), training_positive), label),
    }
    if groups is not None:
        several = len(set(groups)) > 1
        drawn = _weighted(prediction, label, draws(groups, seed))
        calibration["interval"] = {name: interval_of(values) if several else None for name, values in drawn.items()}
    return calibration


def _scores(prediction: np.ndarray, label: np.ndarray) -> CalibrationScores:
    values = _weighted(prediction, label, np.ones((1, len(label))))
    return {"ece": round(float(values["ece"][0]), DIGITS), "brier": round(float(values["brier"][0]), DIGITS)}


def _weighted(prediction: np.ndarray, label: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """ECE and Brier score of clips counted `weight` (R, N) times → (R,) each."""
    member = _bin_of(prediction)[:, None] == np.arange(BINS)  # (N, M)
    gap = weight @ (member * (label - prediction)[:, None])  # (R, M)
    count = weight.sum(1)
    return {"ece": np.abs(gap).sum(1) / count, "brier": weight @ (prediction - label) ** 2 / count}


def _bin_of(prediction: np.ndarray) -> np.ndarray:
    """(N,) the bin of each prediction; a bin holds its upper edge, the first one 0 as well."""
    edges = np.arange(1, BINS) / BINS
    return np.searchsorted(edges, prediction, side="left")


def _bins(prediction: np.ndarray, label: np.ndarray) -> list[Bin]:
    which = _bin_of(prediction)
    bins: list[Bin] = []
    for number in range(BINS):
        inside = which == number
        count = int(inside.sum())
        means = [round(float(values[inside].mean()), DIGITS) if count else None for values in (prediction, label)]
        edges = number / BINS, (number + 1) / BINS
        bins.append({"from": edges[0], "to": edges[1], "clips": count, "prediction": means[0], "positive": means[1]})
    return bins


def points(prediction: np.ndarray, rows: Sequence[Row], label: np.ndarray) -> Points:
    """Predicted beside true scores, a clip a place."""
    return {"id": [row.id for row in rows], "truth": _listed(label), "prediction": _listed(prediction)}


def worst(prediction: np.ndarray, rows: Sequence[Row], label: np.ndarray, count: int) -> list[WorstClip]:
    """The clips with the largest errors, the largest first; equal ones in the table's order."""
    error = np.abs(prediction - label)
    return [
        {
            "id": rows[i].id,
            "path": str(rows[i].path),
            "group": rows[i].group,
            "truth": round(float(label[i]), DIGITS),
            "prediction": round(float(prediction[i]), DIGITS),
            "error": round(float(error[i]), DIGITS),
        }
        for i in np.argsort(-error, kind="stable")[: max(count, 0)]
    ]


def _listed(values: np.ndarray) -> list[float]:
    rounded: list[float] = np.round(values.astype(np.float64), DIGITS).tolist()
    return rounded
