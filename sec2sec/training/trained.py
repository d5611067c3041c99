"""The end of a training: figures beside trivial baselines, and a checkpoint with its card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import environment, identity, save_checkpoint
from sec2sec.datasets.cache import read_tokens
from sec2sec.datasets.known_truth.generate import MANIFEST
from sec2sec.datasets.table import Table
from sec2sec.encoders import Encoders
from sec2sec.explanations.familiarity import familiarity_statistics, save_familiarity
from sec2sec.model import Model
from sec2sec.training.batches import Clips
from sec2sec.training.fit import Predictions
from sec2sec.training.metrics import SHOWN, TrainingLabels, figure, measure, span, title_of
from sec2sec.training.settings import TrainConfig, as_json


def measured(clips: Clips, found: Predictions, labels: Mapping[str, TrainingLabels], seed: int) -> dict[str, Any]:
    """The report of a split: metrics of each target with intervals over groups, beside trivial baselines."""
    truth, groups = clips.labels.numpy(), np.array([row.group for row in clips.rows])
    report: dict[str, Any] = {"clips": len(clips), "targets": {}}
    for k, (name, target) in enumerate(labels.items()):
        known = ~np.isnan(truth[:, k])
        if known.any():
            said, label = found.probability[known, k], truth[known, k].astype(np.float64)
            report["targets"][name] = measure(target, said, label, groups[known].tolist(), seed)
    return report


def predictions(clips: Clips, found: Predictions, targets: Sequence[str]) -> dict[str, Any]:
    """Every clip of a split with its truth, prediction and attention over seconds, for tables made later."""
    truth = clips.labels.double().numpy()
    return {
        "targets": list(targets),
        "id": [row.id for row in clips.rows],
        "group": [row.group for row in clips.rows],
        "label": [[None if np.isnan(value) else round(float(value), 6) for value in each] for each in truth],
        "probability": [[float(value) for value in each] for each in found.probability],
        "attention": None
        if found.attention is None
        else [[[round(float(x), 6) for x in weights] for weights in each] for each in found.attention],
    }


def planted(table: Table) -> dict[str, Any] | None:
    """How the clips of this data set were generated; None for clips of the world."""
    try:
        return dict(json.loads((table.directory / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def trained_on(table: Table, clips: int) -> str:
    """The sentence that stands wherever a prediction of the model is shown."""
    if planted(table) is not None:
        return f"It learned from {clips} generated clips with planted cues, not from people's ratings."
    return f"It learned from {clips} clips of {table.name}."


def save_trained(
    folder: Path,
    *,
    encoders: Encoders,
    model: Model,
    table: Table,
    training: Clips,
    config: TrainConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write the checkpoint beside its place, then move it there: a half-written one is never loaded."""
    made = planted(table)
    sentence = trained_on(table, len(training))
    targets = model.config.targets
    provenance = {
        **provenance,
        "config": as_json(config),
        "data": [{"name": table.name, "clips": len(training), **(made or {}), "learned_from": ["train", "validation"]}],
        "notes": list(table.notes),
        "encoder_size": sum(p.numel() for p in encoders.parameters()),
        "model_size": sum(p.numel() for p in model.parameters()),
    }
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    save_checkpoint(
        part,
        encoders=encoders,
        model=model,
        trained_on=sentence,
        card=card(sentence, encoders, model, config, metrics, provenance),
        metrics=metrics,
        # synchrony is defined for generated clips alone
        diagnostics=("synchrony",) if made is not None and "synchrony" in targets else (),
        provenance=provenance,
    )
    tokens = (read_tokens(file, encoders.config) for file in training.files)
    save_familiarity(part, familiarity_statistics(found for found in tokens if found is not None), identity(part))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def card(
    sentence: str,
    encoders: Encoders,
    model: Model,
    config: TrainConfig,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Markdown: what the model is, what it learned from, how good it is beside trivial baselines, and its limits."""
    e, m = encoders.config, model.config
    system = SYSTEMS[m.system]
    tuned = "tuned with the rest" if config.encoders == "tuned" else "frozen: only what stands right of them learned"
    about = [f"- System: {system.title}{f', {m.temporal}' if system.recurrent else ''}, targets {', '.join(m.targets)}"]
    if system.reads_tokens:
        about[0] += f"; D = {m.width}, {m.heads} heads."
        about += [
            f"- Encoders: {e.preset}, from {provenance['encoders_from']}; {tuned}. "
            f"Token grids {list(e.video_grid)} and {list(e.audio_grid)} a second."
        ]
    else:
        learned = tuned if m.size == "published" else "learned whole"
        about[0] += f"; {m.size} size."
        about += [f"- Starts from {provenance['encoders_from']}; {learned}. Reads {system.modalities} itself."]
    lines = [
        "# A trained checkpoint",
        "",
        f"**{sentence}** Its predictions say how a clip may be perceived, never how a person is or feels.",
        "",
        *about,
        f"- Parameters: {provenance['encoder_size'] + provenance['model_size']:,} in all, "
        f"{provenance['model_size']:,} "
        f"{'right of the tokens' if system.reads_tokens else 'in the model'}.",
        f"- Trained for {metrics['epochs']} epochs; these are the weights of epoch {metrics['best_epoch']}, "
        "the best by validation score (paper §4.2).",
        *(f"- {note}" for note in provenance["notes"]),
        "- Intended use: research and teaching. Not for hiring, not for monitoring pupils or staff.",
    ]
    for split in ("test", "validation"):
        if metrics.get(split):
            lines += ["", *_table(split, metrics[split])]
    lines += [
        "",
        "## Limits",
        "",
        "- A figure means something only beside its trivial baseline: a gain whose interval holds 0 may be chance.",
        "- The validation clips chose the weights: their figures flatter."
        if metrics.get("test")
        else "- There was no test split: the validation clips chose the weights, so the figures above flatter.",
        "- Attention shows where the model looked. The measured effect beside it shows what changed the prediction.",
        "",
        f"Made by `{provenance['command']}` in {metrics['minutes']} minutes; versions: "
        + ", ".join(f"{name} {number}" for name, number in environment().items())
        + ".",
        "",
    ]
    return "\n".join(lines)


def _table(split: str, report: Mapping[str, Any]) -> list[str]:
    """One split: each target's metrics with intervals, its baselines below."""
    lines = [f"## On {report['clips']} {split} clips, with 95 % intervals by bootstrap over groups"]
    for kind, keys in SHOWN.items():
        chosen = {name: found for name, found in report["targets"].items() if found["kind"] == kind}
        if not chosen:
            continue
        lines += ["", "| target | " + " | ".join(title_of(key) for key in keys) + " | gain |"]
        lines += ["|---|" + "---|" * (len(keys) + 1)]
        for name, found in chosen.items():
            gain = found["gain"]
            over = f"{gain['value']:+.3f}{span(gain['interval'])} over {gain['over'].replace('_', ' ')}"
            cells = [figure(found[key]) + span(found["interval"].get(key)) for key in keys]
            lines.append(f"| {name} | " + " | ".join([*cells, over]) + " |")
            for baseline, values in found["trivial"].items():
                cells = [figure(values.get(key)) for key in keys]
                lines.append(f"| {name}, {baseline.replace('_', ' ')} (trivial) | " + " | ".join([*cells, ""]) + " |")
    return lines


def as_text(metrics: Mapping[str, Any]) -> str:
    """The figures for a terminal: the main ones, beside the best trivial baseline."""
    split = "test" if metrics.get("test") else "validation"
    report = metrics[split]
    lines = [f"{report['clips']} {split} clips, weights of epoch {metrics['best_epoch']} of {metrics['epochs']}"]
    for name, found in report["targets"].items():
        gain = found["gain"]
        main = gain["metric"]
        lines.append(
            f"{name:<20}{main.replace('_', ' ')} {found[main]:.3f}{span(found['interval'][main])}, "
            f"{gain['value']:+.3f}{span(gain['interval'])} over {gain['over'].replace('_', ' ')} (trivial)"
        )
    return "\n".join(lines)
