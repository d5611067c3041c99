"""The end of a training: figures beside trivial baselines, and a checkpoint with its card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.checkpoints import identity, save_checkpoint
from sec2sec.datasets.cache import read_tokens
from sec2sec.datasets.known_truth.generate import MANIFEST_FILE
from sec2sec.datasets.learned_from import LEARNED_SPLITS, write_learned_from
from sec2sec.datasets.table import Table
from sec2sec.encoders import Encoders
from sec2sec.explanations.out_of_distribution import measure_training_seconds, save_training_seconds
from sec2sec.metrics import (
    DEFAULT_THRESHOLD,
    TrainingLabels,
    best_threshold,
    figure,
    gain_words,
    measure,
    span,
    threshold_words,
    thresholds_of,
    title_of,
)
from sec2sec.model import Model
from sec2sec.training.batches import Clips
from sec2sec.training.card import trained_card
from sec2sec.training.module import Predictions
from sec2sec.training.settings import TrainConfig, as_json

# The metrics that stand beside the main one in a line
BESIDE = {"binary": ("f1", "balanced_accuracy"), "score": ("r2", "ccc")}


def measure_split(
    clips: Clips,
    outputs: Predictions,
    labels: Mapping[str, TrainingLabels],
    seed: int,
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """The report of a split: metrics of each target with intervals over groups, beside trivial baselines.

    thresholds: of the binary targets.
    """
    truth, groups = clips.labels.numpy(), np.array([row.group for row in clips.rows])
    report: dict[str, Any] = {"clips": len(clips), "targets": {}}
    for k, (name, target) in enumerate(labels.items()):
        labelled = ~np.isnan(truth[:, k])
        if labelled.any():
            probability, label = outputs.probability[labelled, k], truth[labelled, k].astype(np.float64)
            threshold = thresholds.get(name, DEFAULT_THRESHOLD)
            report["targets"][name] = measure(target, probability, label, groups[labelled].tolist(), seed, threshold)
    return report


def choose_thresholds(
    validation: Clips, outputs: Predictions, labels: Mapping[str, TrainingLabels], rule: str
) -> dict[str, float]:
    """Above which prediction class 1 is predicted, of each binary target. rule: of TrainConfig.threshold."""
    truth, thresholds = validation.labels.numpy(), {}
    for k, (name, target) in enumerate(labels.items()):
        if target.kind == "binary":
            labelled = ~np.isnan(truth[:, k])
            thresholds[name] = (
                best_threshold(outputs.probability[labelled, k], truth[labelled, k])
                if rule == "validation"
                else DEFAULT_THRESHOLD
            )
    return thresholds


def list_predictions(
    clips: Clips, outputs: Predictions, targets: Sequence[str], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Every clip of a split with its truth, prediction and attention over seconds, for tables made later."""
    truth = clips.labels.double().numpy()
    return {
        "targets": list(targets),
        "thresholds": dict(thresholds),
        "id": [row.id for row in clips.rows],
        "group": [row.group for row in clips.rows],
        "label": [[None if np.isnan(value) else round(float(value), 6) for value in row] for row in truth],
        "probability": [[float(value) for value in row] for row in outputs.probability],
        "attention": None
        if outputs.attention is None
        else [[[round(float(x), 6) for x in weights] for weights in row] for row in outputs.attention],
    }


def generator_settings(table: Table) -> dict[str, Any] | None:
    """How the clips of this data set were generated; None for clips of the world."""
    try:
        return dict(json.loads((table.directory / MANIFEST_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def origin_sentence(table: Table, clips: int) -> str:
    """The sentence that stands wherever a prediction of the model is shown."""
    if generator_settings(table) is not None:
        return f"It learned from {clips} generated clips with planted cues, not from people's ratings."
    return f"It learned from {clips} clips of {table.name}."


def save_trained(
    folder: Path,
    *,
    encoders: Encoders,
    model: Model,
    table: Table,
    training: Clips,
    learned_from: Mapping[str, Iterable[str]],
    config: TrainConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write the checkpoint beside its place, then move it there: a half-written one is never loaded.

    learned_from: the SHA-256 of each clip's file, by split.
    """
    generated = generator_settings(table)
    sentence = origin_sentence(table, len(training))
    targets = model.config.targets
    provenance = {
        **provenance,
        "config": as_json(config),
        "data": [
            {"name": table.name, "clips": len(training), **(generated or {}), "learned_from": list(LEARNED_SPLITS)}
        ],
        "notes": list(table.notes),
        "encoder_size": sum(p.numel() for p in encoders.parameters()),
        "model_size": sum(p.numel() for p in model.parameters()),
    }
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    save_checkpoint(
        partial,
        encoders=encoders,
        model=model,
        trained_on=sentence,
        card=trained_card(sentence, encoders, model, config, metrics, provenance),
        metrics=metrics,
        # synchrony is defined for generated clips alone
        diagnostics=("synchrony",) if generated is not None and "synchrony" in targets else (),
        provenance=provenance,
    )
    tokens = (read_tokens(file, encoders.config) for file in training.files)
    seconds = measure_training_seconds((own for own in tokens if own is not None), model)
    save_training_seconds(partial, seconds, identity(partial))
    write_learned_from(partial, learned_from)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def as_text(metrics: Mapping[str, Any]) -> str:
    """The figures for a terminal: the main ones, beside the best trivial baseline."""
    split = "test" if metrics.get("test") else "validation"
    report = metrics[split]
    lines = [
        f"ended because {metrics['ended']}",
        f"{report['clips']} {split} clips, weights of epoch {metrics['best_epoch']} of {metrics['epochs']}, "
        f"the best by {metrics['selected_by']}, then by loss",
    ]
    for name, figures in report["targets"].items():
        gain = figures["gain"]
        main = gain["metric"]
        beside = "".join(f", {title_of(m)} {figure(figures[m])}" for m in BESIDE[figures["kind"]])
        beside += f"; {words}" if (words := threshold_words(thresholds_of({name: figures}))) else ""
        lines.append(
            f"{name:<20}{title_of(main)} {figures[main]:.3f}{span(figures['interval'][main])}, "
            f"{gain_words(gain)} (trivial){beside}"
        )
    return "\n".join([*lines, *(f"WARNING: {sentence}" for sentence in metrics["warnings"])])
