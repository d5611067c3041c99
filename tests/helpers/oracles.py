"""Figures computed anew from truths and predictions by scikit-learn, scipy and numpy, to compare ours with.

N clips, R draws.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, r2_score, recall_score, roc_auc_score

DRAWS = 1000
MAIN = {"binary": "accuracy", "score": "mean_accuracy"}


@dataclass(frozen=True)
class Answers:
    """What a table of predictions says of one target in one split."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    truth: np.ndarray  # (N,)
    prediction: np.ndarray


def read_answers(file: Path, split: str = "test") -> dict[str, Answers]:
    """The labelled lines of a split, by target."""
    with file.open(newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["split"] == split and row["truth"]]
    answers = {}
    for target in dict.fromkeys(row["target"] for row in rows):
        own = [row for row in rows if row["target"] == target]
        numbers = (np.array([float(row[key]) for row in own]) for key in ("truth", "prediction"))
        answers[target] = Answers(tuple(r["id"] for r in own), tuple(r["group"] for r in own), *numbers)
    return answers


def figures(
    kind: str, truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float | None]:
    """Every metric of a kind; None where one is undefined. weight (N,): how often each clip counts."""
    weight = np.ones(len(truth)) if weight is None else weight
    if kind == "score":
        return _score_figures(truth, prediction, weight)
    answer, both = prediction > 0.5, len(set(truth[weight > 0])) == 2
    weighted = {"sample_weight": weight}
    every = {"labels": [0, 1], "average": "macro", "zero_division": 0, **weighted}
    return {
        "accuracy": accuracy_score(truth, answer, **weighted),
        "f1": f1_score(truth, answer, zero_division=0, **weighted),
        "balanced_accuracy": recall_score(truth, answer, **every),
        "macro_f1": f1_score(truth, answer, **every),
        "auroc": roc_auc_score(truth, prediction, **weighted) if both else None,
    }


def _score_figures(truth: np.ndarray, prediction: np.ndarray, weight: np.ndarray) -> dict[str, float | None]:
    used = weight > 0
    truth, prediction, weight = truth[used], prediction[used], weight[used]
    (of_truth, both), (_, of_prediction) = np.cov(truth, prediction, ddof=0, aweights=weight)
    gap = np.average(truth, weights=weight) - np.average(prediction, weights=weight)
    varies = of_truth > 1e-12 and of_prediction > 1e-12
    return {
        "mean_accuracy": 1 - mean_absolute_error(truth, prediction, sample_weight=weight),
        "r2": r2_score(truth, prediction, sample_weight=weight) if of_truth > 1e-12 else None,
        "pearson": both / math.sqrt(of_truth * of_prediction) if varies else None,
        "ccc": 2 * both / (of_truth + of_prediction + gap**2) if varies else None,
    }


def group_draws(groups: tuple[str, ...], seed: int) -> np.ndarray:
    """(R, N) how often each clip is in each draw of as many groups as there are, with replacement."""
    names = sorted(set(groups))
    times = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=DRAWS)
    return np.array([[draw[names.index(group)] for group in groups] for draw in times])


def resampled(kind: str, answers: Answers, seed: int) -> dict[str, np.ndarray]:
    """Each metric of each draw (R,); NaN where it is undefined."""
    answer = answers.truth.tobytes(), answers.prediction.tobytes()
    return _resampled(kind, answers.groups, *answer, seed)


@cache  # every test of a module asks for the same
def _resampled(kind: str, groups: tuple[str, ...], truth: bytes, prediction: bytes, seed: int) -> dict[str, np.ndarray]:
    """Few groups have few different draws, each of which is computed once."""
    labels, values = np.frombuffer(truth), np.frombuffer(prediction)
    memory: dict[tuple[int, ...], dict[str, float | None]] = {}
    rows = []
    for weight in group_draws(groups, seed):
        if (key := tuple(weight)) not in memory:
            memory[key] = figures(kind, labels, values, weight)
        rows.append(memory[key])
    return {name: np.array([math.nan if row[name] is None else row[name] for row in rows]) for name in rows[0]}


def interval(values: np.ndarray) -> list[float] | None:
    """The middle 95 % of what is defined; None where a twentieth is not."""
    defined = values[np.isfinite(values)]
    return np.percentile(defined, [2.5, 97.5]).tolist() if len(defined) > 0.95 * len(values) else None


def trivial(kind: str, training: np.ndarray) -> dict[str, float]:
    """What needs no model: a constant for every clip. training: the training labels."""
    if kind == "binary":
        return {"majority": float(training.mean() >= 0.5), "always_positive": 1.0}
    return {"mean": float(training.mean()), "median": float(np.median(training))}


def cell(value: float | None, between: list[float] | None = None) -> str:
    """A figure as a table prints it, with its interval."""
    text = "undefined" if value is None else f"{round(value, 3) + 0.0:.3f}"
    return text + ("" if between is None else f" [{cell(between[0])}, {cell(between[1])}]")


def differing(expected: Mapping[str, float | None], ours: Mapping[str, float | None], within: float) -> dict:
    """The metrics in which two reports differ."""
    return {
        name: (value, ours[name])
        for name, value in expected.items()
        if (value is None) != (ours[name] is None) or (value is not None and abs(value - ours[name]) > within)
    }


class Cells(HTMLParser):
    """The cells of the tables of a page, row by row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()
