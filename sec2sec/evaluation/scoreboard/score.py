"""The figures of each method on each clip, and what they come to.

Every method gives each second of each target a score. The figures are of single targets, then the mean over targets of
a clip, then over clips, with intervals by bootstrap over clips. Random scores, "the last seconds first" and the
yardsticks of the pointing game stand beside them, because a figure alone says nothing.

T seconds, K targets, N clips, R orders, S steps of a deletion curve.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sec2sec.bibliography import bibtex
from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import Planted, read_planted
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.scoreboard.cumulative import SOURCES, cumulative_differences, largest_first
from sec2sec.evaluation.yardsticks import LOUDEST, MIDDLE, ODD_ONE_OUT, measure_cues, yardstick_scores
from sec2sec.explanations.curves import curve_steps, present_after, random_orders
from sec2sec.explanations.masker import Masker, masker_of
from sec2sec.explanations.methods import METHODS, RANDOM, SIGNED, YARDSTICKS, Scores
from sec2sec.explanations.ranks import rank_correlation
from sec2sec.metrics import DRAWS, LEVEL, draws, pointing
from sec2sec.model import Model
from sec2sec.progress import Progress, Steps

LUCKY_DRAWS = 20  # of random scores a clip: its figures are their mean

# What is measured, in the order of the columns. More is better in all but cpp.
COLUMNS = {
    "pointing": "the highest second is a planted one (pointing game, Zhang et al. 2018)",
    "mass": "share of all scores that lies on planted seconds",
    "deletion": "how much faster the prediction falls to its baseline than in random orders",
    "cpd": "cumulative prediction difference: sizes of the prediction's steps while the highest seconds are taken away "
    "first, as a mean over their number (Jang et al. 2025)",
    "cpp": "cumulative prediction preservation: the same with the lowest seconds first, so that less is better",
    "strength": "rank correlation with the planted strength of every second",
    "order": "share of pairs of planted seconds that it puts in the order of their strength",
    "decoy": "of clips with a decoy, those where every planted second stands above it",
    "sign": "share of planted seconds that it says pull the right way; signed methods alone",
    "retraining": "rank correlation with the same method on the same system trained again",
}
NO_MODEL = (MIDDLE, LOUDEST, ODD_ONE_OUT)  # beside "last first", which is a method of explanation like any other
# Those that decide which method wins. CPD and CPP do not: where effects oppose each other, an order may earn both by
# letting the prediction swing.
DECIDING = ("pointing", "mass", "deletion", "strength", "order")


@dataclass(frozen=True)
class Scored:
    """The end of the steps: the report as JSON takes it."""

    report: dict[str, Any]
    unusable: list[str]


def scoreboard_steps(
    bundle: Bundle,
    table: Table,
    *,
    others: Sequence[Bundle] = (),
    split: str = "test",
    clips: int | None = None,
    workers: int | None = None,
) -> Steps[Scored]:
    """Score every method on known-truth clips with planted seconds.

    others: the same system trained again, for the agreement under re-training. clips: the first so many. Raises
    DataError for other data, or checkpoints that do not fit each other.
    """
    model, *models = [recurrent_model(one) for one in (bundle, *others)]
    planted = read_planted(table.directory)
    rows = [row for row in table.split(split) if row.id in planted and planted[row.id].decisive.any()][:clips]
    if not rows:
        raise DataError(f"{table.directory}: no clip with planted seconds in the split {split!r}")
    targets, config = model.config.targets, bundle.encoders.config
    for other in others:
        if other.model.config.targets != targets or other.encoders.config != config:
            raise DataError(f"{other.summary.name}: other targets or encoder settings than {bundle.summary.name}")
    if not (shown := [name for name in targets if name in planted[rows[0].id].evidence]):
        raise DataError(f"{table.directory}: nothing is planted of the targets {', '.join(targets)}")
    workers = os.cpu_count() or 1 if workers is None else workers
    collected = Collected([targets.index(name) for name in shown])
    unusable: list[str] = []
    for done, (row, seconds) in enumerate(decode_all(rows, config, as_decoded, workers=workers), start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
            theirs = [encode_seconds(seconds, other.encoders, other.device) for other in others]
            yardsticks = yardstick_scores(len(seconds), measure_cues(seconds))
            own = {name: yardsticks[name] for name in NO_MODEL}
            collected.add(row, model, tokens, planted[row.id], list(zip(models, theirs, strict=True)), own)
        yield Progress(done, len(rows), f"Scored {done} of {len(rows)} clips")
    if not collected.clips:
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    methods = collected.methods(shown)
    report = {
        "checkpoint": {"name": bundle.summary.name, "sha256": bundle.summary.sha256},
        "others": [{"name": other.summary.name, "sha256": other.summary.sha256} for other in others],
        "data": str(table.directory),
        "split": split,
        "clips": len(collected.clips),
        "targets": shown,
        "chance": float(np.mean(collected.decisive)),
        "methods": methods,
        "winner": winner(methods),
        "references": bibtex(SOURCES),
    }
    return Scored(report, unusable)


def recurrent_model(bundle: Bundle) -> Model:
    """The model of a checkpoint whose seconds have embeddings, or DataError."""
    if not bundle.system.recurrent:
        raise DataError(f"{bundle.summary.name}: explanations are compared on the Sec2Sec systems alone")
    return bundle.model


class Collected:
    """Figures of single clips and targets, as they come in."""

    def __init__(self, which: Sequence[int]) -> None:
        self.which = which  # the targets of the checkpoint that are planted
        self.clips: list[Row] = []
        self.decisive: list[float] = []  # share of planted seconds
        self.figures: dict[str, list[list[dict[str, float]]]] = {}  # method → clip → target → column → value
        self.seconds: dict[str, list[float]] = {}

    def add(
        self,
        row: Row,
        model: Model,
        tokens: Tokens,
        planted: Planted,
        again: Sequence[tuple[Model, Tokens]],
        yardsticks: Mapping[str, np.ndarray],
    ) -> None:
        """Ask every method about one clip. yardsticks: (T,) by name, which know nothing of models and targets."""
        scores: dict[str, Scores] = {}
        retrained: dict[str, list[Scores]] = {}
        for name, method in METHODS.items():
            if not self.clips:
                method(masker_of(model, tokens))  # the first run pays for warming up
            began = time.perf_counter()
            answer = method(masker_of(model, tokens))
            taken = time.perf_counter() - began
            if answer is not None:
                scores[name] = answer
                self.seconds.setdefault(name, []).append(taken)
                retrained[name] = [theirs for other in again if (theirs := method(masker_of(*other))) is not None]
        targets, seconds = next(iter(scores.values())).shape
        scores |= {name: np.tile(of_second, (targets, 1)) for name, of_second in yardsticks.items()}
        retrained |= {name: [] for name in yardsticks}
        rng = np.random.default_rng(len(self.clips))
        lucky = [f"{RANDOM} {draw}" for draw in range(LUCKY_DRAWS)]
        scores |= {name: rng.random((targets, seconds)) for name in lucky}
        retrained |= {name: [rng.random((targets, seconds)) for _ in again] for name in lucky}
        decisive = planted.decisive[:seconds]
        masker = masker_of(model, tokens)
        gaps, cumulative = deletion_gaps(masker, scores), cumulative_differences(masker, scores)
        by_method: dict[str, list[dict[str, float]]] = {name: [] for name in scores}
        for name, of_targets in scores.items():
            for k in self.which:
                own, evidence = of_targets[k], planted.evidence[model.config.targets[k]][:seconds]
                columns = figures(own, evidence, decisive, planted.decoy[:seconds], signed=name in SIGNED)
                alike = [float(rank_correlation(np.abs(own), np.abs(other[k]))) for other in retrained[name]]
                cpd, cpp = cumulative[name][:, k]
                columns |= {"deletion": gaps[name][k], "cpd": float(cpd), "cpp": float(cpp)}
                columns["retraining"] = float(np.mean(alike)) if alike else math.nan
                by_method[name].append(columns)
        random = [by_method.pop(name) for name in lucky]
        by_method[RANDOM] = [
            {column: _mean([draw[place][column] for draw in random]) for column in COLUMNS}
            for place in range(len(self.which))
        ]
        for name, columns_of_targets in by_method.items():
            self.figures.setdefault(name, []).append(columns_of_targets)
        self.clips.append(row)
        self.decisive.append(float(decisive.mean()))

    def methods(self, shown: Sequence[str]) -> dict[str, Any]:
        """Each method's columns with intervals, the same of each target, and its time a clip."""
        weights = draws([row.group for row in self.clips], seed=0, count=DRAWS)
        report: dict[str, Any] = {}
        for name in [*[name for name in (*METHODS, *NO_MODEL) if name in self.figures], RANDOM]:
            clips = self.figures[name]
            report[name] = {
                column: _with_interval(np.array([_mean([t[column] for t in clip]) for clip in clips]), weights)
                for column in COLUMNS
            }
            report[name]["by_target"] = {
                target: {column: _or_none(_mean([clip[place][column] for clip in clips])) for column in COLUMNS}
                for place, target in enumerate(shown)
            }
            taken = self.seconds.get(name)
            report[name]["milliseconds"] = None if taken is None else round(1000 * float(np.median(taken)), 2)
        return report


def figures(
    scores: np.ndarray, evidence: np.ndarray, decisive: np.ndarray, decoy: np.ndarray, *, signed: bool
) -> dict[str, float]:
    """One target of one clip. scores and planted evidence (T,), decisive and decoy (T,) bool; NaN where undefined."""
    size, strength = np.abs(scores), np.abs(evidence)
    total = float(size.sum())
    pairs = [
        pair for pair in itertools.combinations(np.flatnonzero(decisive), 2) if strength[pair[0]] != strength[pair[1]]
    ]
    agreed = [
        0.5 * (1 + np.sign(size[one] - size[other]) * np.sign(strength[one] - strength[other])) for one, other in pairs
    ]
    return {
        "pointing": float(pointing(size, decisive)),
        "mass": float(size[decisive].sum()) / total if total > 0 else float(decisive.mean()),
        "strength": float(rank_correlation(size, strength)),
        "order": float(np.mean(agreed)) if agreed else math.nan,
        "decoy": float(size[decoy].max() < size[decisive].min()) if decoy.any() else math.nan,
        "sign": float((np.sign(scores) == np.sign(evidence))[decisive].mean()) if signed else math.nan,
    }


def deletion_gaps(masker: Masker, scores: Mapping[str, Scores]) -> dict[str, np.ndarray]:
    """By method, for each target (K,): the mean over random orders of the area under the deletion curve minus its own.

    Signed so that more is better: the prediction comes to its baseline earlier than by chance. In units of the
    prediction.
    """
    predict, seconds, targets = masker.predictor, masker.seconds, len(masker.targets)
    steps, chance = curve_steps(seconds), random_orders(seconds)
    own = largest_first(scores)  # (methods · K, T)
    remaining = present_after(np.concatenate([own, chance]), steps, insertion=False)
    values = predict(*[remaining.reshape(-1, seconds)] * 2).reshape(len(remaining), len(steps), targets)
    areas = np.trapezoid(values, steps / seconds, axis=1)  # (methods · K + R, K)
    sign = np.sign(values[0, 0] - values[0, -1])  # whole clip against nothing left
    by_chance = areas[len(own) :].mean(0)
    gaps = sign * (by_chance - areas[: len(own)].reshape(len(scores), targets, targets).diagonal(axis1=1, axis2=2))
    return dict(zip(scores, gaps, strict=True))


def winner(methods: Mapping[str, Any]) -> str:
    """The method with the best mean rank over the DECIDING columns; a yardstick never wins."""
    names = [name for name in methods if name not in (*YARDSTICKS, *NO_MODEL)]
    ranks = np.zeros(len(names))
    for column in DECIDING:
        values = np.array([methods[name][column]["value"] or 0.0 for name in names])
        ranks += (values[None] > values[:, None]).sum(1) + 0.5 * (values[None] == values[:, None]).sum(1)
    return names[int(np.argmin(ranks))]


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _with_interval(values: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    """Mean over clips (N,) where it is defined, and the middle 95 % of its bootstrap; weights (draws, N)."""
    defined = ~np.isnan(values)
    if not defined.any():
        return {"value": None, "interval": None, "clips": 0}
    counted = weights[:, defined]
    means = counted @ values[defined] / np.maximum(counted.sum(1), 1)
    low, high = np.percentile(means, LEVEL)
    interval = [round(float(low), 6), round(float(high), 6)]
    return {"value": round(float(values[defined].mean()), 6), "interval": interval, "clips": int(defined.sum())}
