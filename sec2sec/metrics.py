"""Metrics of predictions, always reported next to trivial baselines.

Each metric is computed for a thousand draws at once, which no library does; scikit-learn agrees in the tests.
Intervals are bootstraps over groups (films, speakers): clips of one film resemble each other, so clips alone would
claim too much.

N clips, G groups, R draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sec2sec.words import plus_minus

DRAWS = 1000
LEVEL = (2.5, 97.5)  # per cent
DEFAULT_THRESHOLD = 0.5  # of a class: it is predicted above this
MIN_GROUPS = 5  # with fewer an interval over groups says little
MAIN = {"binary": "accuracy", "score": "mean_accuracy"}  # by which the best weights are chosen (paper §4.1, §4.2)
CLASS_METRICS = ("accuracy", "f1", "balanced_accuracy", "macro_f1")  # of yes and no alone: a constant has no AUROC
# What a table of results shows, by kind
SHOWN = {
    "binary": (*CLASS_METRICS, "auroc"),
    "score": ("mean_accuracy", "r2", "pearson", "ccc"),
}
METRIC_TITLES = {"auroc": "AUROC", "r2": "R²", "pearson": "Pearson", "ccc": "CCC", "f1": "F1", "macro_f1": "macro F1"}


# The trivial baselines in words: what they know comes from the labels of the training set, not of what is measured.
BASELINES = {name: f"{name} of the training set" for name in ("majority", "mean", "median")}


def baseline_words(name: str) -> str:
    """A trivial baseline, or another yardstick, in words."""
    return BASELINES.get(name, name.replace("_", " "))


@dataclass(frozen=True)
class TrainingLabels:
    """What the trivial baselines know of a target: its labels in the training split."""

    kind: str  # binary or score
    clips: int
    positive: float  # mean label; of a binary target the share of class 1
    median: float

    @staticmethod
    def of(kind: str, labels: np.ndarray) -> TrainingLabels:
        """labels (N,) without NaN."""
        return TrainingLabels(kind, len(labels), float(labels.mean()), float(np.median(labels)))

    def trivial(self, clips: int) -> dict[str, np.ndarray]:
        """The predictions of the trivial baselines for some clips, by name."""
        if self.kind == "binary":
            return {"majority": np.full(clips, float(self.positive >= 0.5)), "always_positive": np.ones(clips)}
        return {"mean": np.full(clips, self.positive), "median": np.full(clips, self.median)}

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint's metrics.json."""
        return asdict(self)


def measure(
    training: TrainingLabels,
    prediction: np.ndarray,
    label: np.ndarray,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    threshold: float = DEFAULT_THRESHOLD,
) -> dict[str, Any]:
    """Metrics of one target next to those of its trivial baselines; `groups` (N,) add 95 % intervals and the gain.

    prediction (N,) in 0..1; label (N,), of a binary target 0 or 1, and class 1 is predicted above the threshold. A
    score has mean_accuracy: 1 − mean |y − ŷ| (paper §4.1), of which the training median is the best constant. A metric
    is None where it is undefined, as a correlation of constants or of fewer than two clips.
    """
    kind, mean, trivial = training.kind, float(label.mean()), training.trivial(len(label))
    names = CLASS_METRICS if kind == "binary" else None
    report = {
        "kind": kind,
        **_once(kind, prediction, label, threshold=threshold),
        **({"positive": round(mean, 6), "threshold": threshold} if kind == "binary" else {"mean": mean}),
        "clips": len(label),
        "trivial": {name: _once(kind, values, label, names) for name, values in trivial.items()},
    }
    if groups is not None:
        report |= _uncertainty(training, prediction, label, groups, seed, threshold)
    return report


def _once(
    kind: str,
    prediction: np.ndarray,
    label: np.ndarray,
    names: Sequence[str] | None = None,
    threshold: float = DEFAULT_THRESHOLD,
) -> dict[str, float | None]:
    """The metrics of a kind, or some of them, with every clip counted once; None where one is undefined."""
    once = np.ones((1, len(label)))
    metrics = WEIGHTED[kind](prediction.astype(np.float64), label.astype(np.float64), once, threshold)
    results = {name: float(metrics[name][0]) for name in names or metrics}
    return {name: round(value, 9) if math.isfinite(value) else None for name, value in results.items()}


def _uncertainty(
    training: TrainingLabels,
    prediction: np.ndarray,
    label: np.ndarray,
    groups: Sequence[str],
    seed: int,
    threshold: float,
) -> dict[str, Any]:
    """95 % intervals of each metric, and of the main metric's gain over the best baseline: the same draws for both."""
    weights = draws(groups, seed)  # one group alone gives the same draw always: no width, so no interval
    metrics = WEIGHTED[training.kind]
    own = metrics(prediction, label, weights, threshold)
    main = MAIN[training.kind]
    once = np.ones((1, len(label)))
    rivals = training.trivial(len(label))
    best = max(rivals, key=lambda name: metrics(rivals[name], label, once)[main][0])
    gain = own[main] - metrics(rivals[best], label, weights)[main]
    value = metrics(prediction, label, once, threshold)[main][0] - metrics(rivals[best], label, once)[main][0]
    several = len(set(groups)) > 1
    return {
        "interval": {name: interval_of(values) if several else None for name, values in own.items()},
        "gain": {
            "metric": main,
            "over": best,
            "value": float(value),
            "interval": interval_of(gain) if several else None,
        },
        "groups": len(set(groups)),
    }


def interval_of(values: np.ndarray) -> list[float] | None:
    """The middle 95 %; None where the metric is undefined in a twentieth of the draws or more."""
    finite = values[np.isfinite(values)]
    return [float(x) for x in np.percentile(finite, LEVEL)] if len(finite) > 0.95 * len(values) else None


def draws(groups: Sequence[str], seed: int, count: int = DRAWS) -> np.ndarray:
    """How often each clip is in each draw (R, N): groups drawn with replacement, each with all of its clips."""
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=count)  # (R, G)
    return times[:, member].astype(np.float64)


def _weighted_binary(
    prediction: np.ndarray, label: np.ndarray, weight: np.ndarray, threshold: float | np.ndarray = DEFAULT_THRESHOLD
) -> dict[str, np.ndarray]:
    """The metrics of a binary target for clips counted `weight` (R, N) times → (R,) each; a thousand draws at once.

    threshold: of class 1; one, or that of each clip (N,).
    """
    answer, truth = prediction > threshold, label > 0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        hit, miss = weight @ (answer & truth), weight @ (~answer & truth)
        false, right = weight @ (answer & ~truth), weight @ (~answer & ~truth)
        positive = _or_zero(2 * hit, 2 * hit + false + miss)
        negative = _or_zero(2 * right, 2 * right + false + miss)
        recall, specificity = _or_zero(hit, hit + miss), _or_zero(right, right + false)
        return {
            "accuracy": (hit + right) / weight.sum(1),
            "f1": positive,
            "balanced_accuracy": (recall + specificity) / 2,
            "macro_f1": (positive + negative) / 2,
            "auroc": _weighted_auroc(prediction, truth, weight),
        }


def _or_zero(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """A share; 0 where there is nothing to share, as scikit-learn has it."""
    return np.where(below > 0, above / np.maximum(below, 1e-300), 0.0)


def _weighted_auroc(prediction: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Share of pairs of a positive and a negative clip in the right order, ties counted half; NaN without a pair."""
    order = np.argsort(prediction, kind="stable")
    first = np.unique(prediction[order], return_index=True)[1]  # of each run of ties
    positive = np.add.reduceat((weight * truth)[:, order], first, axis=1)  # (R, different values)
    negative = np.add.reduceat((weight * ~truth)[:, order], first, axis=1)
    below = np.cumsum(negative, 1) - negative / 2
    shares: np.ndarray = (positive * below).sum(1) / (positive.sum(1) * negative.sum(1))
    return shares


def _weighted_score(
    prediction: np.ndarray, label: np.ndarray, weight: np.ndarray, threshold: float | np.ndarray = DEFAULT_THRESHOLD
) -> dict[str, np.ndarray]:
    """The metrics of a score for clips counted `weight` (R, N) times → (R,) each; a score knows no threshold."""
    count = weight.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):

        def mean(values: np.ndarray) -> np.ndarray:
            means: np.ndarray = weight @ values / count
            return means

        predicted, truth = mean(prediction), mean(label)
        spread_predicted = mean(prediction**2) - predicted**2
        spread_truth = mean(label**2) - truth**2
        covariance = mean(prediction * label) - predicted * truth
        # of a constant a correlation is undefined, and what rounding leaves of its spread is no number to divide by
        defined = np.where(spread_truth > 1e-12, 1.0, np.nan)
        varies = np.where(spread_predicted > 1e-12, defined, np.nan)
        return {
            "mean_accuracy": 1 - mean(np.abs(prediction - label)),
            "r2": defined - mean((prediction - label) ** 2) / spread_truth,
            "pearson": varies * covariance / np.sqrt(np.maximum(spread_predicted * spread_truth, 0)),
            "ccc": varies * 2 * covariance / (spread_predicted + spread_truth + (predicted - truth) ** 2),
        }


# The metrics of a kind for clips counted (R, N) times; R draws at once
WEIGHTED = {"binary": _weighted_binary, "score": _weighted_score}


def best_threshold(prediction: np.ndarray, label: np.ndarray) -> float:
    """Above which prediction class 1 is best predicted: where balanced accuracy is highest (Youden 1950).

    prediction (N,) in 0..1, label (N,) 0 or 1. Tried are 0.5 and the middle between any two neighbouring predictions;
    of equally good ones the nearest to 0.5 is taken, then the lower. 0.5 where there is one class alone.
    """
    positive, negative = (np.sort(prediction[(label > 0.5) == is_positive]) for is_positive in (True, False))
    if not len(positive) or not len(negative):
        return DEFAULT_THRESHOLD
    values = np.unique(prediction)
    tried = np.unique(np.append((values[1:] + values[:-1]) / 2, DEFAULT_THRESHOLD))
    hits = len(positive) - np.searchsorted(positive, tried, side="right")
    rejections = np.searchsorted(negative, tried, side="right")
    goodness = hits * len(negative) + rejections * len(positive)  # whole numbers, so that equal is equal
    order = np.lexsort((tried, np.abs(tried - DEFAULT_THRESHOLD), -goodness))
    return float(tried[order[0]])


def threshold_words(thresholds: Mapping[str, float]) -> str:
    """Above which prediction class 1 is predicted, for each binary target, in words; empty without any."""
    if set(thresholds.values()) <= {DEFAULT_THRESHOLD}:
        return "class 1 is predicted above 0.5" if thresholds else ""
    words = " and ".join(f"{threshold:.4g} ({name})" for name, threshold in thresholds.items())
    return f"class 1 is predicted above {words}, as validation clips chose"


def thresholds_of(targets: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The thresholds of the binary targets among what `measure` reports.

    Files of earlier versions have none, and a checkpoint's may come from anybody: what is no number is left out.
    """
    thresholds = {
        name: report.get("threshold", DEFAULT_THRESHOLD)
        for name, report in targets.items()
        if report["kind"] == "binary"
    }
    return {name: float(value) for name, value in thresholds.items() if isinstance(value, (int, float))}


def selection_scores(
    training: Mapping[str, TrainingLabels], probability: np.ndarray, labels: np.ndarray, by: Sequence[str]
) -> dict[str, float | None]:
    """The figure that chooses between epochs, of each target, None where no clip has a label or labels do not vary.

    by: metrics by name, at most one of each kind of target; the main metric of a kind that none of them is of.
    probability and labels (N, K). A correlation of predictions that do not vary, which is undefined, counts as 0.
    """
    scores: dict[str, float | None] = {}
    for k, (name, target) in enumerate(training.items()):
        labelled = ~np.isnan(labels[:, k])
        metric = next((metric for metric in by if metric in SHOWN[target.kind]), MAIN[target.kind])
        scores[name] = None
        if labelled.any():
            truth = labels[labelled, k]
            scores[name] = _once(target.kind, probability[labelled, k], truth, [metric])[metric]
            if scores[name] is None and metric in ("pearson", "ccc") and np.ptp(truth) > 0:
                scores[name] = 0.0
    return scores


def main_scores(
    training: Mapping[str, TrainingLabels], probability: np.ndarray, labels: np.ndarray
) -> dict[str, float | None]:
    """The main metric of each target, None where no clip has a label; probability and labels (N, K)."""
    return {
        name: _main(target.kind, probability[:, k], labels[:, k]) for k, (name, target) in enumerate(training.items())
    }


def trivial_scores(training: Mapping[str, TrainingLabels], labels: np.ndarray) -> dict[str, float | None]:
    """The main metric of each target's best trivial baseline, on the same labels (N, K)."""
    best: dict[str, float | None] = {}
    for k, (name, target) in enumerate(training.items()):
        scores = [_main(target.kind, values, labels[:, k]) for values in target.trivial(len(labels)).values()]
        best[name] = max((score for score in scores if score is not None), default=None)
    return best


def _main(kind: str, prediction: np.ndarray, label: np.ndarray) -> float | None:
    """The main metric of one target over the clips that have a label."""
    labelled = ~np.isnan(label)
    if not labelled.any():
        return None
    if kind == "binary":
        return float(((prediction[labelled] > 0.5) == (label[labelled] > 0.5)).mean())
    return float(1 - np.abs(prediction[labelled] - label[labelled]).mean())


def few_groups(targets: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which intervals say little, a sentence per target. targets: what `measure` reports of each."""
    return [
        f"{name}: its {report['clips']} clips are of {report['groups']} group{'s' * (report['groups'] != 1)} alone; an "
        "interval over so few groups says little."
        for name, report in targets.items()
        if report.get("groups", MIN_GROUPS) < MIN_GROUPS
    ]


def pointing(scores: np.ndarray, decisive: np.ndarray) -> float:
    """Pointing game (Zhang et al. 2018): does the highest-scoring second carry a planted cue? Both (T,).

    Of seconds that share the highest score, to single precision, each counts alike: a constant scores what chance does.
    """
    return float(decisive[np.isclose(scores, scores.max(), rtol=1e-6, atol=0)].mean())


def title_of(metric: str) -> str:
    """A metric as a table names it."""
    return METRIC_TITLES.get(metric, metric.replace("_", " "))


def figure(value: float | None) -> str:
    """A figure of a table."""
    return "undefined" if value is None else f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no minus before a zero


def span(interval: Sequence[float] | None) -> str:
    """An interval behind a figure; nothing where there is none."""
    return "" if interval is None else f" [{figure(interval[0])}, {figure(interval[1])}]"


def gain_words(gain: Mapping[str, Any]) -> str:
    """What something is better by than a yardstick, with the interval and the yardstick's name."""
    return f"{plus_minus(gain['value'])}{span(gain['interval'])} over {baseline_words(gain['over'])}"
