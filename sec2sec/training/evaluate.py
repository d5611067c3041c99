"""A checkpoint on a data set: metrics beside trivial baselines, and on known-truth clips the pointing game."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.known_truth import read_planted
from sec2sec.datasets.table import DataError, Row, Table
from sec2sec.encode import encode_seconds
from sec2sec.explanations.occlusion import Occlusion, joint_vectors, occlusion
from sec2sec.media import Second
from sec2sec.training.extract import decode_all
from sec2sec.training.metrics import classification, pointing

PLANTED = "planted.csv"


@dataclass(frozen=True)
class Step:
    """How many clips are done."""

    done: int
    total: int


@dataclass(frozen=True)
class Evaluated:
    """The report, and a line for each clip that could not be used."""

    report: dict[str, Any]
    unusable: list[str] = field(default_factory=list)


def evaluate_steps(
    bundle: Bundle, table: Table, *, split: str = "all", workers: int | None = None
) -> Iterator[Step | Evaluated]:
    """Predict every clip of a split and compare; yields Step, and Evaluated last.

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
    decoded = decode_all(rows, bundle.encoders.config.frames_per_second, as_decoded, workers=workers)
    for done, (row, seconds) in enumerate(decoded, start=1):
        if isinstance(seconds, str):
            unusable.append(seconds)
        else:
            tokens = encode_seconds(seconds, bundle.encoders, bundle.device)
            found.append((row, occlusion(bundle.model, joint_vectors(bundle.model, tokens))))
        yield Step(done, len(rows))
    if not found:
        raise DataError(f"{table.directory}: none of its {len(rows)} clips could be used; the first: {unusable[0]}")
    report: dict[str, Any] = {
        "checkpoint": {"name": bundle.summary.name, "sha256": bundle.summary.sha256},
        "data": str(table.directory),
        "split": split,
        "clips": len(found),
        "unusable": len(unusable),
        "targets": {},
    }
    training = bundle.metrics.get("training_positive", {})
    for k, name in enumerate(targets):
        labelled = [(float(o.prediction[k]), row.targets[name]) for row, o in found if name in row.targets]
        if labelled:
            prediction, label = (np.array(values, dtype=np.float64) for values in zip(*labelled, strict=True))
            report["targets"][name] = classification(prediction, label, float(training.get(name, 0.5)))
    if (table.directory / PLANTED).is_file():
        report["pointing"], report["pointing_by_target"] = point(bundle, table.directory, found)
        report["seen_in_training"] = seen_in_training(bundle, table.directory)
    yield Evaluated(report, unusable)


def as_decoded(seconds: list[Second]) -> list[Second]:
    """A clip's seconds as they are, without the stills that only a screen needs."""
    return [Second(s.index, s.frames, s.samples, None, s.partial) for s in seconds]


def point(
    bundle: Bundle, directory: Path, found: list[tuple[Row, Occlusion]]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Share of clips whose top second is a decisive one, by method: of the sum over targets, and of each target."""
    planted = read_planted(directory)
    hits: dict[str, list[float]] = {"occlusion": [], "attention": [], "chance": []}
    single: dict[str, dict[str, list[float]]] = {name: {} for name in bundle.model.config.targets}
    for row, o in found:
        decisive = planted[row.id].decisive[: len(o.effect)]
        if not decisive.any():
            continue
        scores = {"occlusion": o.effect.abs().cpu().numpy()}  # (T, K)
        if o.attention is not None:
            scores["attention"] = o.attention.T.cpu().numpy()
        for method, values in scores.items():
            hits[method].append(pointing(values.sum(1), decisive))
            for k, name in enumerate(bundle.model.config.targets):
                single[name].setdefault(method, []).append(pointing(values[:, k], decisive))
        hits["chance"].append(float(decisive.mean()))
    means = {method: float(np.mean(values)) for method, values in hits.items() if values}
    return means, {n: {m: float(np.mean(v)) for m, v in methods.items()} for n, methods in single.items() if methods}


def seen_in_training(bundle: Bundle, directory: Path) -> bool | None:
    """Whether these generated clips share seed and level with training clips of the checkpoint; None where unknown."""
    try:
        made = json.loads((directory / "generator.json").read_text())
        trained = bundle.config["provenance"]["data"]
        return any(all(made[k] == data[k] for k in ("seed", "level")) for data in trained)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def as_text(report: dict[str, Any]) -> str:
    """The report as a table for a terminal."""
    name = report["checkpoint"]["name"]
    lines = [f"{report['clips']} clips of {report['data']} ({report['split']}), checkpoint {name}"]
    if report.get("seen_in_training"):
        lines.append("WARNING: the checkpoint was trained on these very clips; the figures say nothing about others.")
    columns = ("accuracy", "f1", "balanced_accuracy", "macro_f1")
    lines += ["", f"{'target':<28}" + "".join(f"{name:>19}" for name in (*columns, "auroc")) + f"{'clips':>8}"]
    for name, found in report["targets"].items():
        auroc = f"{found['auroc']:>19.3f}" if found["auroc"] is not None else f"{'one class':>19}"
        lines.append(f"{name:<28}" + "".join(f"{found[c]:>19.3f}" for c in columns) + auroc + f"{found['clips']:>8}")
        for baseline, values in found["trivial"].items():
            label = f"  {baseline.replace('_', ' ')} (trivial)"
            lines.append(f"{label:<28}" + "".join(f"{values[c]:>19.3f}" for c in columns))
    if "pointing" in report:
        shares = "  ".join(f"{method} {share:.3f}" for method, share in report["pointing"].items())
        lines += ["", f"top second is a decisive one:  {shares}"]
    return "\n".join(lines)
