"""A trained checkpoint as it is published: with who judged what, on which scale, and figures on groups left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sec2sec.checkpoint_files import CheckpointError
from sec2sec.checkpoints import SCHEMA, identity, load_checkpoint
from sec2sec.datasets.learned_from import FILE as LEARNED_FROM
from sec2sec.errors import FileError
from sec2sec.explanations.out_of_distribution import TrainingSeconds, load_training_seconds, save_training_seconds
from sec2sec.explanations.training_sample import SAMPLED_SECONDS, SampledSeconds
from sec2sec.files import write_atomically, write_json
from sec2sec.scales import Scale
from sec2sec.training.card import trained_card
from sec2sec.training.settings import train_config

JUDGEMENTS = "judgements"  # key of config.json


@dataclass(frozen=True)
class Judgements:
    """What people said, as a card and every prediction name it. Sentences."""

    trained_on: str  # stands wherever a prediction is shown; {clips} is the number of training clips
    judged: tuple[str, ...]  # who judged what, how many, on which scale
    source: str  # the data set, its authors and licence
    not_for: tuple[str, ...]  # what the model must not be used for
    scales: tuple[Scale, ...] = ()  # of the targets that were not judged from 0 to 1


def publish(
    trained: Path,
    out: Path,
    judgements: Judgements,
    command: str,
    left_out: Mapping[str, Any],
    tables: Sequence[str],
    sampled: int = SAMPLED_SECONDS,
) -> None:
    """Write the checkpoint of a training to the folder `out`, all of it or nothing.

    command: what makes it again, with no path of this machine. left_out: figures of trainings that had not seen a
    group, for metrics.json; tables: the same as Markdown. sampled: training seconds to keep as tokens.
    Raises CheckpointError, or FileError where `out` holds something else or cannot be written.
    """
    if out.exists() and not _is_published(out):
        raise FileError(f"{out}: is there already and no checkpoint of this recipe; choose another folder")
    bundle = load_checkpoint(trained, "cpu")
    known = load_training_seconds(bundle)
    config, metrics = json.loads(json.dumps(bundle.config)), dict(bundle.metrics)
    provenance = config["provenance"]
    settings = train_config(provenance["config"])
    provenance["config"] |= {"data": ""}
    provenance |= {"command": command}
    clips = max(int(own["clips"]) for own in metrics["training"].values())
    config |= {
        "trained_on": judgements.trained_on.format(clips=clips),
        JUDGEMENTS: {"judged": list(judgements.judged), "source": judgements.source},
        "scales": [asdict(scale) for scale in judgements.scales],
    }
    metrics |= {"left_out": left_out}
    card = trained_card(
        config["trained_on"],
        bundle.encoders,
        bundle.model,
        settings,
        metrics,
        provenance,
        title=f"The checkpoint {out.name}",
        sections=_sections(judgements, tables),
    )
    partial = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        shutil.copyfile(trained / "model.safetensors", partial / "model.safetensors")
        write_atomically(partial / "config.json", json.dumps(config, indent=1).encode())
        write_json(partial / "metrics.json", metrics)
        write_atomically(partial / "card.md", card.encode())
        if (trained / LEARNED_FROM).is_file():
            shutil.copyfile(trained / LEARNED_FROM, partial / LEARNED_FROM)
        if known is not None:
            save_training_seconds(partial, _fewer(known, sampled), identity(partial))
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    except OSError as error:
        raise FileError(
            f"{out}: cannot be written ({error.strerror or error}); make room or give permission"
        ) from error


def _fewer(known: TrainingSeconds, sampled: int) -> TrainingSeconds:
    """The same with at most so many seconds kept."""
    if known.sample is None or len(known.sample) <= sampled:
        return known
    return replace(known, sample=SampledSeconds(known.sample.tokens.part(0, sampled)) if sampled else None)


def _is_published(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("schema") == SCHEMA and JUDGEMENTS in config


def _sections(judgements: Judgements, tables: Sequence[str]) -> list[str]:
    """Lines of the card that only a model of people's judgements has."""
    lines = ["", "## Who judged what", "", *(f"- {sentence}" for sentence in judgements.judged)]
    for scale in judgements.scales:
        lines.append(
            f"- {scale.target.capitalize()} was judged from {scale.lowest:g} to {scale.highest:g}. Predictions are "
            "shown on that scale; effects are shares of it, 0 to 1."
        )
    lines += [f"- Source: {judgements.source}", "", "## What it must not be used for", ""]
    lines += [f"- {sentence}" for sentence in judgements.not_for]
    if tables:
        lines += ["", "## On groups that a training had not seen", "", *tables]
    return lines


def left_out_of(folder: Path) -> dict[str, Any]:
    """The figures on groups left out that a published checkpoint records. Raises CheckpointError."""
    try:
        figures = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["left_out"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder}: metrics.json records no figures on groups left out; make it again") from error
    return dict(figures)
