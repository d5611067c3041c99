"""A checkpoint on a data set: metrics beside trivial baselines, curves, the worst clips, and the pointing game."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.config import MediaLimits
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.encoding import encode_seconds
from sec2sec.evaluation.curves import curves_of, in_words, worst
from sec2sec.explanations.masker import masker_of
from sec2sec.explanations.results import Occlusion
from sec2sec.metrics import MAIN, SHOWN, TrainingLabels, measure, pointing
from sec2sec.progress import Progress, Steps

PLANTED = "planted.csv"
WORST = 20  # clips with the largest errors that a report lists for each target


@dataclass(frozen=True)
class Evaluated:
    """The report, and a line for each clip that could not be used."""

    report: dict[str, Any]
    unusable: list[str] = field(default_factory=list)


def evaluate_steps(
    bundle: Bundle, table: Table, *, split: str = "all", workers: int | None = None, listed: int = WORST
) -> Steps[Evaluated]:
    """Predict every clip of a split and compare. listed: worst clips of each target.

    Raises DataError where the table shares no target with the checkpoint, or no clip can be used.
    """
    targets = bundle.model.config.targets
    shared = [name for name in targets if name in table.targets]
    if not shared:
        raise DataError(
            f"{table.directory}: its targets are {', '.join(table.targets) or 'none'}, "
            f"the checkpoint's {', '.join(targets)}; none is shared"
        )
    rows = table.split(split)
    if not rows:
        raise DataError(f"{table.directory}: no clip in the split {split!r}")
    workers = os.cpu_count() or 1 if workers is None else workers
    found: list[tuple[Row, Occlusion]] = []
    unusable: list[str] = []
    limits = MediaLimits(max_seconds=min(MediaLimits().max_seconds, bundle.system.max_seconds))
    decoded = decode_all(rows, bundle.encoders.config, as_decoded, workers=workers, limits=limits)
    for done, (row, seconds) in enumerate(decoded, start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
            found.append((row, masker_of(bundle.model, tokens).occlusion))
        yield Progress(done, len(rows), f"Evaluated {done} of {len(rows)} clips")
    if not found:
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    report: dict[str, Any] = {
        "checkpoint": {
            "name": bundle.summary.name,
            "sha256": bundle.summary.sha256,
            "trained_on": bundle.summary.trained_on,
        },
        "data": str(table.directory),
        "split": split,
        "clips": len(found),
        "unusable": len(unusable),
        "targets": {},
    }
    for k, name in enumerate(targets):
        labelled = [(row, float(o.prediction[k])) for row, o in found if name in row.targets]
        if labelled:
            told, said = zip(*labelled, strict=True)
            prediction, label = np.array(said), np.array([row.targets[name] for row in told])
            training = training_labels(bundle, table, name, label)
            report["targets"][name] = {
                **measure(training, prediction, label, [row.group for row in told]),
                "curves": curves_of(training, prediction, told, label),
                "worst": worst(prediction, told, label, listed),
            }
    if (table.directory / PLANTED).is_file():
        report["pointing"], report["pointing_by_target"] = point(bundle, table.directory, found)
        report["seen_in_training"] = seen_in_training(bundle, table.directory, split)
    return Evaluated(report, unusable)


def training_labels(bundle: Bundle, table: Table, name: str, label: np.ndarray) -> TrainingLabels:
    """What the trivial baselines know of a target: the checkpoint's training labels, as far as it tells them.

    An older checkpoint tells the share of class 1 alone; where none is told, the table's own training labels stand in,
    and the labels that are measured where it has none: that flatters the baseline, not the model.
    """
    told = bundle.metrics.get("training", {}).get(name)
    if told:
        return TrainingLabels(**told)
    own = TrainingLabels.of(table.kinds[name], np.array(table.values(name, "train") or label))
    if own.kind == "binary":
        return replace(own, positive=float(bundle.metrics.get("training_positive", {}).get(name, 0.5)))
    return own


def point(
    bundle: Bundle, directory: Path, found: list[tuple[Row, Occlusion]]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Share of clips whose top second is a decisive one, by method: of the sum over targets, and of each target."""
    planted = read_planted(directory)
    hits: dict[str, list[float]] = {"occlusion": [], "attention": [], "chance": []}
    single: dict[str, dict[str, list[float]]] = {name: {} for name in bundle.model.config.targets}
    for row, o in found:
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


def as_text(report: dict[str, Any]) -> str:
    """The report as a table for a terminal."""
    name = report["checkpoint"]["name"]
    lines = [f"{report['clips']} clips of {report['data']} ({report['split']}), checkpoint {name}"]
    lines.append(f"Model {name}. {report['checkpoint']['trained_on'].strip()}")
    if report.get("seen_in_training"):
        lines.append("WARNING: the checkpoint was trained on these very clips; the figures say nothing about others.")
    for kind, columns in SHOWN.items():
        chosen = {name: found for name, found in report["targets"].items() if found["kind"] == kind}
        if chosen:
            lines += ["", f"{'target':<28}" + "".join(f"{name:>19}" for name in columns) + f"{'clips':>8}"]
        for name, found in chosen.items():
            lines.append(f"{name:<28}" + "".join(_cell(found[c]) for c in columns) + f"{found['clips']:>8}")
            if low_high := found["interval"][MAIN[kind]]:
                lines.append(f"{'  95 % over groups':<28}{'{:.3f}–{:.3f}'.format(*low_high):>19}")
            for baseline, values in found["trivial"].items():
                label = f"  {baseline.replace('_', ' ')} (trivial)"
                lines.append(f"{label:<28}" + "".join(_cell(values[c]) for c in columns if c in values))
            if kind == "binary":
                lines.append(f"  calibration: {in_words(found['curves'])}")
            lines += [f"  farthest off: {_named(found['worst'][0])}"] if found["worst"] else []
    if "pointing" in report:
        shares = "  ".join(f"{method} {share:.3f}" for method, share in report["pointing"].items())
        lines += ["", f"top second is a decisive one:  {shares}"]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return f"{'undefined':>19}" if value is None else f"{value:>19.3f}"


def _named(clip: dict[str, Any]) -> str:
    return f"{clip['id']}, truth {clip['truth']:.3g}, prediction {clip['prediction']:.3f}"
