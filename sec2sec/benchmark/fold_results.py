"""What the folds of a cross-validation left in their folders → predictions of all clips, and figures.

K folds, N clips, each predicted once, by the training that had not seen its group.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.benchmark.compare import Draws, differences, measure_trials
from sec2sec.metrics import DRAWS, MAIN, SHOWN, WEIGHTED, TrainingLabels, few_groups
from sec2sec.predictions import COLUMNS, LabelledPredictions, read_predictions
from sec2sec.training.loop import TrainingError
from sec2sec.training.run_folder import PREDICTIONS_TABLE
from sec2sec.training.trial import result

SCHEMA = "sec2sec.cross-validation.results/1"
SYSTEM = "out of fold"  # the name of the pooled predictions among what they are compared with


@dataclass(frozen=True)
class FinishedFold:
    """One fold: the figures of its training, and what it predicts of its test clips."""

    number: int
    metrics: Mapping[str, Any]
    tested: Mapping[str, LabelledPredictions]  # by target

    @classmethod
    def read(cls, number: int, folder: Path) -> FinishedFold:
        """Of a run folder. Raises TrainingError or DataError."""
        metrics = result(folder)
        if metrics is None:
            raise TrainingError(f"{folder}: this fold is not done; run the same command again")
        return cls(number, metrics, read_predictions(folder / PREDICTIONS_TABLE, "test"))

    def rivals(self, target: str) -> dict[str, LabelledPredictions]:
        """The trivial baselines of its training labels, on exactly the clips of the test."""
        own = self.tested[target]
        trivial = TrainingLabels(**self.metrics["training"][target]).trivial(len(own.ids))
        return {name: LabelledPredictions(own.ids, own.groups, own.label, values) for name, values in trivial.items()}


def predictions_of_folds(folders: Sequence[Path]) -> str:
    """One table of the test clips of all folds, whether they have a label or none: CSV."""
    text = io.StringIO()
    names = [COLUMNS[0], "fold", *COLUMNS[1:]]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for number, folder in enumerate(folders, start=1):
        with (folder / PREDICTIONS_TABLE).open(newline="", encoding="utf-8") as file:
            writer.writerows({**row, "fold": number} for row in csv.DictReader(file) if row["split"] == "test")
    return text.getvalue()


def collect_folds(note: Mapping[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """All figures. note: of cross-validation.json. Raises TrainingError or DataError."""
    folds = [FinishedFold.read(number, folder) for number, folder in enumerate(folders, start=1)]
    kinds = {name: labels["kind"] for name, labels in folds[0].metrics["training"].items()}
    results: dict[str, Any] = {
        "schema": SCHEMA,
        **{key: note[key] for key in ("command", "settings", "folds", "data", "versions")},
        "trainings": len(folds),
        "minutes": round(sum(fold.metrics["minutes"] for fold in folds), 1),
        "unusable": max(fold.metrics["unusable"] for fold in folds),
        "draws": DRAWS,
        "targets": {},
    }
    for target, kind in kinds.items():
        tested = [fold for fold in folds if target in fold.tested]
        if tested:
            results["targets"][target] = _target(kind, target, tested)
    figures = results["targets"]
    results["warnings"] = [*few_groups(figures), *_undefined(figures)]
    return results


def _target(kind: str, target: str, folds: Sequence[FinishedFold]) -> dict[str, Any]:
    """One target: each fold, their mean, all clips pooled, and trivial baselines on the same clips."""
    pooled = pool([fold.tested[target] for fold in folds])
    draws = Draws(pooled.groups)
    rivals = {name: pool([fold.rivals(target)[name] for fold in folds]) for name in folds[0].rivals(target)}
    trivial = {name: _pooled_figures(kind, values, name, draws) for name, values in rivals.items()}
    best = max(trivial, key=lambda name: trivial[name][MAIN[kind]]["value"])
    (gain,) = differences(kind, {SYSTEM: [pooled], best: [rivals[best]]}, [(SYSTEM, best)])
    by_fold = [_fold(kind, fold, target) for fold in folds]
    return {
        "kind": kind,
        "clips": len(pooled.ids),
        "groups": len(set(pooled.groups)),
        "folds": by_fold,
        "mean": {metric: _mean([fold["figures"][metric] for fold in by_fold]) for metric in SHOWN[kind]},
        "pooled": _pooled_figures(kind, pooled, SYSTEM, draws),
        "trivial": trivial,
        "gain": {"over": best, **{key: gain[key] for key in ("metric", "difference", "interval", "p")}},
    }


def pool(parts: Sequence[LabelledPredictions]) -> LabelledPredictions:
    """The predictions of several folds as those of one."""
    return LabelledPredictions(
        tuple(name for part in parts for name in part.ids),
        tuple(group for part in parts for group in part.groups),
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.prediction for part in parts]),
        np.concatenate([part.thresholds for part in parts]),
    )


def _pooled_figures(kind: str, predictions: LabelledPredictions, name: str, draws: Draws) -> dict[str, Any]:
    """Value and interval of each metric over all clips."""
    report = measure_trials(kind, [predictions], name, draws)
    return {metric: {key: report[metric][key] for key in ("value", "interval")} for metric in SHOWN[kind]}


def _fold(kind: str, fold: FinishedFold, target: str) -> dict[str, Any]:
    own = fold.tested[target]
    metrics = WEIGHTED[kind](own.prediction, own.label, np.ones((1, len(own.ids))), own.thresholds)
    values = {metric: float(metrics[metric][0]) for metric in SHOWN[kind]}
    return {
        "fold": fold.number,
        "clips": len(own.ids),
        "groups": sorted(set(own.groups)),
        "epochs": fold.metrics["epochs"],
        "best_epoch": fold.metrics["best_epoch"],
        "threshold": float(own.thresholds[0]) if kind == "binary" else None,
        "figures": {metric: round(value, 6) if np.isfinite(value) else None for metric, value in values.items()},
    }


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard deviation (n − 1) over the folds in which a metric is defined, and in how many that is."""
    defined = [value for value in values if value is not None]
    return {
        "value": round(float(np.mean(defined)), 6) if defined else None,
        "sd": round(float(np.std(defined, ddof=1)), 6) if len(defined) > 1 else None,
        "folds": len(defined),
    }


def _undefined(targets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Which means leave folds out, a sentence per target."""
    for target, report in targets.items():
        short = [name for name, mean in report["mean"].items() if mean["folds"] < len(report["folds"])]
        if short:
            counts = ", ".join(f"{name} {report['mean'][name]['folds']}" for name in short)
            yield (
                f"{target}: some figures are undefined in a fold, and their means are over fewer than "
                f"{len(report['folds'])} folds ({counts}); the pooled figures are over all clips."
            )


def as_csv(results: Mapping[str, Any]) -> str:
    """Every figure, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["target", "rows", "metric", "value", "low", "high", "sd", "clips"])
    for target, report in results["targets"].items():
        for fold in report["folds"]:
            for metric, value in fold["figures"].items():
                writer.writerow([target, f"fold {fold['fold']}", metric, _cell(value), "", "", "", fold["clips"]])
        for metric, mean in report["mean"].items():
            writer.writerow([target, "mean of folds", metric, _cell(mean["value"]), "", "", _cell(mean["sd"]), ""])
        for name, figures in (("pooled", report["pooled"]), *report["trivial"].items()):
            row = name if name == "pooled" else f"trivial: {name}"
            for metric, measured in figures.items():
                ends = measured["interval"] or ("", "")
                writer.writerow([target, row, metric, _cell(measured["value"]), *ends, "", report["clips"]])
    return text.getvalue()


def _cell(value: float | None) -> float | str:
    return "" if value is None else value
