"""A checkpoint on a data set: metrics beside trivial baselines, curves, the worst clips, and the pointing game."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.config import MediaLimits
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.curves import curves_of, worst
from sec2sec.evaluation.report import EvaluationReport, TargetReport
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.results import Occlusion
from sec2sec.metrics import TrainingLabels, measure, pointing
from sec2sec.progress import Progress, Steps

PLANTED = "planted.csv"
WORST_CLIPS_LISTED = 20  # of each target, those with the largest errors

Predicted = Sequence[tuple[Row, Occlusion]]  # clips with their predictions and the effect of each second


@dataclass(frozen=True)
class Evaluated:
    """The report, and a line for each clip that could not be used."""

    report: EvaluationReport
    unusable: list[str] = field(default_factory=list)


def evaluate_steps(
    bundle: Bundle,
    table: Table,
    *,
    split: str = "all",
    workers: int | None = None,
    listed: int = WORST_CLIPS_LISTED,
    isolated: bool = False,
) -> Steps[Evaluated]:
    """Predict every clip of a split and compare.

    listed: worst clips of each target. isolated: each clip is decoded by a process with limits, as strangers' must be.

    Raises DataError where the table shares no target with the checkpoint, or no clip can be used.
    """
    rows = _rows_of(bundle, table, split)
    workers = os.cpu_count() or 1 if workers is None else workers
    predicted: list[tuple[Row, Occlusion]] = []
    unusable: list[str] = []
    limits = MediaLimits(max_seconds=min(MediaLimits().max_seconds, bundle.system.max_seconds), isolated=isolated)
    decoded = decode_all(rows, bundle.encoders.config, as_decoded, workers=workers, limits=limits)
    for done, (row, seconds) in enumerate(decoded, start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
            predicted.append((row, masker_of(bundle.model, tokens).occlusion))
        yield Progress(done, len(rows), f"Evaluated {done} of {len(rows)} clips")
    if not predicted:
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    summary = bundle.summary
    report: EvaluationReport = {
        "checkpoint": {"name": summary.name, "sha256": summary.sha256, "trained_on": summary.trained_on},
        "data": str(table.directory),
        "split": split,
        "clips": len(predicted),
        "unusable": len(unusable),
        "targets": _targets(bundle, table, predicted, listed),
    }
    if (table.directory / PLANTED).is_file():
        report["pointing"], report["pointing_by_target"] = point(bundle, table.directory, predicted)
        report["seen_in_training"] = seen_in_training(bundle, table.directory, split)
    return Evaluated(report, unusable)


def _rows_of(bundle: Bundle, table: Table, split: str) -> list[Row]:
    targets = bundle.model.config.targets
    if not any(name in table.targets for name in targets):
        raise DataError(
            f"{table.directory}: its targets are {', '.join(table.targets) or 'none'}, "
            f"the checkpoint's {', '.join(targets)}; none is shared"
        )
    if not (rows := table.split(split)):
        raise DataError(f"{table.directory}: no clip in the split {split!r}")
    return rows


def _targets(bundle: Bundle, table: Table, predicted: Predicted, listed: int) -> dict[str, TargetReport]:
    """Every target of the checkpoint that some clip has a label of."""
    reports = {}
    for k, name in enumerate(bundle.model.config.targets):
        rows = [row for row, _ in predicted if name in row.targets]
        if rows:
            prediction = np.array([float(o.prediction[k]) for row, o in predicted if name in row.targets])
            label = np.array([row.targets[name] for row in rows])
            training = training_labels(bundle, table, name, label)
            report = {
                **measure(training, prediction, label, [row.group for row in rows]),
                "curves": curves_of(training, prediction, rows, label),
                "worst": worst(prediction, rows, label, listed),
            }
            reports[name] = cast(TargetReport, report)  # of the metrics' names a TypedDict knows nothing
    return reports


def training_labels(bundle: Bundle, table: Table, name: str, label: np.ndarray) -> TrainingLabels:
    """What the trivial baselines know of a target: the checkpoint's training labels, as far as it tells them.

    An older checkpoint tells the share of class 1 alone; where none is told, the table's own training labels stand in,
    and the labels that are measured where it has none: that flatters the baseline, not the model.
    """
    recorded = bundle.metrics.get("training", {}).get(name)
    if recorded:
        return TrainingLabels(**recorded)
    own = TrainingLabels.of(table.kinds[name], np.array(table.values(name, "train") or label))
    if own.kind == "binary":
        return replace(own, positive=float(bundle.metrics.get("training_positive", {}).get(name, 0.5)))
    return own


def point(
    bundle: Bundle, directory: Path, predicted: Predicted
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Share of clips whose top second is a decisive one, by method: of the sum over targets, and of each target."""
    planted = read_planted(directory)
    hits: dict[str, list[float]] = {"occlusion": [], "attention": [], "chance": []}
    single: dict[str, dict[str, list[float]]] = {name: {} for name in bundle.model.config.targets}
    for row, o in predicted:
        decisive = planted[row.id].decisive[: o.effect.shape[1]]
        if not decisive.any():
            continue
        scores = {"occlusion": np.abs(o.effect)}  # (K, T)
        if o.attention is not None:
            scores["attention"] = o.attention
        for method, values in scores.items():
            hits[method].append(pointing(values.sum(0), decisive))
            for k, name in enumerate(bundle.model.config.targets):
                single[name].setdefault(method, []).append(pointing(values[k], decisive))
        hits["chance"].append(float(decisive.mean()))
    means = {method: float(np.mean(values)) for method, values in hits.items() if values}
    return means, {n: {m: float(np.mean(v)) for m, v in methods.items()} for n, methods in single.items() if methods}


def seen_in_training(bundle: Bundle, directory: Path, split: str) -> bool | None:
    """Whether these generated clips share seed and level with training clips of the checkpoint; None where unknown.

    A checkpoint that says which splits it learned from has not seen the others.
    """
    try:
        made = json.loads((directory / "generator.json").read_text())
        trained = bundle.config["provenance"]["data"]
        return any(
            all(made[k] == data.get(k) for k in ("seed", "level"))
            # split anew since then, a test clip may have been a training clip
            and (made.get("splits") != data.get("splits") or split in ("all", *data.get("learned_from", [split])))
            for data in trained
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
