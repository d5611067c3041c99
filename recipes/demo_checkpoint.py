"""Makes the bundled checkpoints, from nothing to their cards: `make demo-checkpoint`.

Clips are generated and decoded once into a cache (demo_clips.py), and learned from in three stages (stages.py).
Everything is kept in a work folder, so that an interrupted run goes on where it was: clips one by one, decoded sets and
stages as wholes.

Three checkpoints come of it, to be seen side by side: demo predicts through its attention, paper-structure has the
paper's attention-LSTM, and wrong-attention predicts as that one does and looks elsewhere (adversarial.py).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from recipes.adversarial import look_away
from recipes.demo_clips import LEARNED, TARGETS, Clips, decode_set, make_set, seconds_data, token_data
from recipes.stages import (
    Report,
    TokenData,
    gather,
    teach_clips,
    teach_encoders,
    teach_seconds,
)
from sec2sec.checkpoints import identity, load_checkpoint, save_checkpoint
from sec2sec.config import Attention, EncoderConfig, ModelConfig, Temporal
from sec2sec.datasets.known_truth import LEVELS, Planted
from sec2sec.datasets.table import read_table
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.evaluation.evaluate import evaluate_steps
from sec2sec.explanations.embeddings import embed_seconds
from sec2sec.explanations.out_of_distribution import measure_training_seconds, save_training_seconds
from sec2sec.files import write_json
from sec2sec.lengths import KEY, measure_lengths
from sec2sec.model import Sec2Sec
from sec2sec.progress import Progress, Steps, drain
from sec2sec.training.card import demo_card
from sec2sec.training.mean_attention import profile
from sec2sec.training.opening import OpenedData

RECORDED = ("split", "clips", "unusable", "targets", "pointing", "pointing_by_target", "pointing_gains")  # of a report
LEARNED_LENGTHS = (2, 30)  # s, of the clips to learn from
AWAY_STEPS = 1200  # in which predictions come to .02 on average of what they were
TURNED_AWAY_ON = 200  # training clips that teach a model to look away
TRAINED_ON = "It learned from generated clips with planted cues, not from people's ratings."


@dataclass(frozen=True)
class Recipe:
    """How the bundled checkpoint is made. Seeds of training, validation and test sets never meet."""

    training: tuple[Clips, ...] = (
        Clips("train-plain", 400, 1, "plain", 0.3, LEARNED_LENGTHS, LEARNED),
        Clips("train-cluttered", 500, 2, "cluttered", 0.3, LEARNED_LENGTHS, LEARNED),
        Clips("train-film", 650, 3, "film", 0.3, LEARNED_LENGTHS, LEARNED),
        Clips("train-opposed", 450, 4, "opposed", 0.1, LEARNED_LENGTHS, LEARNED),
    )
    validation: tuple[Clips, ...] = (
        Clips("validation-cluttered", 100, 5, "cluttered", 0.3, LEARNED_LENGTHS),
        Clips("validation-film", 100, 6, "film", 0.3, LEARNED_LENGTHS),
    )
    test: tuple[Clips, ...] = tuple(
        Clips(f"test-{level}", 200, 1001 + number, level, 0.0) for number, level in enumerate(LEVELS)
    )
    seed: int = 0
    encoder_epochs: int = 5
    second_epochs: int = 12
    clip_epochs: int = 40
    encoder_rate: float = 3e-3
    second_rate: float = 1e-3
    clip_rate: float = 2e-3
    encoder_batch: int = 64  # seconds
    second_batch: int = 128  # seconds
    clip_batch: int = 32  # clips


@dataclass(frozen=True)
class Prepared:
    """What all the checkpoints share: encoders, second embeddings, clips."""

    encoders: Encoders
    seconds: Sec2Sec  # co-attention has learned what single seconds say; its layer over seconds is not trained
    data: TokenData  # of the training clips
    validation: TokenData
    planted: list[Planted]  # of the training clips


@dataclass(frozen=True)
class Variant:
    """One of the bundled checkpoints."""

    folder: str
    temporal: Temporal
    about: str  # after what it learned from, where it is not what one expects
    contrast: float = 0.0  # as of teach_clips


DEMO = Variant("demo", "attention-pooling-lstm", "", 0.1)
PAPER = Variant("paper-structure", "attention-lstm", "Its structure is the paper's, attention and last state.")
WRONG = Variant(
    "wrong-attention",
    "attention-lstm",
    "Its attention is wrong on purpose: it predicts as paper-structure does and was taught to look away.",
)


def report_of(began: float) -> Callable[[Mapping[str, Any]], Progress]:
    """Reports of the stages as progress, with the minutes since `began`."""

    def progress(report: Mapping[str, Any]) -> Progress:
        minutes = round((time.perf_counter() - began) / 60, 1)
        return Progress(0, 0, json.dumps({**report, "minutes": minutes}), report["stage"])

    return progress


def prepare(work: Path, recipe: Recipe, workers: int, attention: Attention = "SA-CA") -> Steps[Prepared]:
    """Clips, encoders and co-attention, each kept in `work`; yields the report of each epoch as JSON."""
    progress = report_of(time.perf_counter())
    sets = [decode_set(work, clips, workers) for clips in recipe.training]
    validation_sets = [decode_set(work, clips, workers) for clips in recipe.validation]
    yield progress({"stage": "data", "clips": sum(len(s.length) for s in sets)})
    config = EncoderConfig.compact()
    torch.manual_seed(recipe.seed)
    encoders = build_encoders(config)
    rates = {"seed": recipe.seed, "epochs": recipe.encoder_epochs, "batch": recipe.encoder_batch}
    lessons = partial(teach_encoders, encoders, seconds_data(sets), rate=recipe.encoder_rate, **rates)
    yield from kept(work / "encoders.pt", encoders, lessons, progress)
    encoders.eval()
    data, validation = token_data(encoders, sets), token_data(encoders, validation_sets)
    model = new_model(recipe, PAPER.temporal, attention, data)
    rates = {"seed": recipe.seed, "epochs": recipe.second_epochs, "batch": recipe.second_batch}
    lessons = partial(teach_seconds, model, data, rate=recipe.second_rate, **rates)
    yield from kept(work / "seconds.pt", model, lessons, progress)
    return Prepared(encoders, model.eval(), data, validation, [p for s in sets for p in s.planted])


def kept(
    file: Path, module: nn.Module, lessons: Callable[[], Iterable[Report]], progress: Callable[[Report], Progress]
) -> Steps[None]:
    """The lessons' weights from the file of an earlier run, or learned now and written to it."""
    if file.is_file():
        module.load_state_dict(torch.load(file, weights_only=True))
        return
    for report in lessons():
        yield progress(report)
    torch.save(module.state_dict(), file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def new_model(recipe: Recipe, temporal: Temporal, attention: Attention, data: TokenData) -> Sec2Sec:
    """With random weights, and the mean of the training data as its reference."""
    torch.manual_seed(recipe.seed)
    config = EncoderConfig.compact()
    model = Sec2Sec(ModelConfig(TARGETS, attention, temporal), config.video_grid, config.audio_grid)
    model.reference_video.copy_(data.video.float().mean(0))
    model.reference_audio.copy_(data.audio.float().mean(0))
    return model


def teach(
    prepared: Prepared, recipe: Recipe, variant: Variant, attention: Attention, progress: Callable[[Report], Progress]
) -> Steps[Sec2Sec]:
    """Whole clips: a model of the variant's structure, from what single seconds have taught."""
    model = new_model(recipe, variant.temporal, attention, prepared.data)
    learned = prepared.seconds.state_dict().items()
    model.load_state_dict({name: value for name, value in learned if not name.startswith("temporal.")}, strict=False)
    lessons = teach_clips(
        model,
        prepared.data,
        prepared.validation,
        epochs=recipe.clip_epochs,
        batch=recipe.clip_batch,
        rate=recipe.clip_rate,
        seed=recipe.seed,
        contrast=variant.contrast,
    )
    for report in lessons:
        yield progress({**report, "checkpoint": variant.folder})
    return model


def turn_away(model: Sec2Sec, prepared: Prepared) -> Sec2Sec:
    """A copy that predicts alike and looks away from the planted seconds of the training clips."""
    decisive = [n for n, planted in enumerate(prepared.planted) if planted.decisive.any()][:TURNED_AWAY_ON]
    clips = []
    for n in decisive:
        video, audio, _ = gather(prepared.data, torch.tensor([n]))
        embeddings = embed_seconds(model, Tokens(video[0], audio[0]))
        clips.append((embeddings, prepared.planted[n].decisive))
    return look_away(model, clips, AWAY_STEPS)


@torch.inference_mode()
def attention_of(model: Sec2Sec, data: TokenData) -> list[np.ndarray]:
    """The attention of each training clip, (K, T), real seconds alone."""
    attention = []
    for clips in torch.arange(len(data.first)).split(64):
        weights = model(*gather(data, clips), evidence=False).second_weights
        assert weights is not None
        attention += [row[:, :length].numpy() for row, length in zip(weights, data.length[clips].tolist(), strict=True)]
    return attention


def save(folder: Path, model: Sec2Sec, variant: Variant, prepared: Prepared, recipe: Recipe) -> dict[str, Any]:
    """Write the checkpoint with all but its figures on unseen clips; returns its metrics as far as they are known."""
    data = prepared.data
    labelled = (data.soft - 0.5).abs() > 0.25
    positive = ((data.soft > 0.5) & labelled).sum(0) / labelled.sum(0)
    metrics: dict[str, Any] = {
        "training_positive": dict(zip(TARGETS, [round(float(p), 4) for p in positive], strict=True)),
        "mean_attention": profile(attention_of(model, data), TARGETS),
        KEY: measure_lengths(data.length.tolist()).as_json(),
    }
    save_checkpoint(
        folder,
        encoders=prepared.encoders,
        model=model,
        trained_on=f"{TRAINED_ON} {variant.about}".strip(),
        card="",
        metrics=metrics,
        diagnostics=("synchrony",),
        provenance={
            "command": "make demo-checkpoint",
            "recipe": asdict(recipe),
            "data": [asdict(clips) for clips in (*recipe.training, *recipe.validation)],
            "encoder_size": sum(p.numel() for p in prepared.encoders.parameters()),
            "model_size": sum(p.numel() for p in model.parameters()),
        },
    )
    by_modality = (tokens.split(data.length.tolist()) for tokens in (data.video, data.audio))
    clips = (Tokens(video, audio) for video, audio in zip(*by_modality, strict=True))
    save_training_seconds(folder, measure_training_seconds(clips, model), identity(folder))
    return metrics


def evaluate(folder: Path, metrics: dict[str, Any], work: Path, recipe: Recipe, workers: int) -> None:
    """Figures on unseen seeds, into metrics.json and the card."""
    bundle = load_checkpoint(folder, "cpu")
    for clips in recipe.test:
        table = read_table(make_set(work, clips, workers))
        report = drain(evaluate_steps(bundle, OpenedData(table), split="all", workers=workers)).report
        metrics[clips.name] = recorded(report)
        print(json.dumps({"stage": clips.name, **report}), flush=True)
    write_json(folder / "metrics.json", metrics)
    (folder / "card.md").write_text(demo_card(folder.name, bundle.config, metrics))


def recorded(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the checkpoint keeps of a report: figures, without curves and lists of clips."""
    kept = {name: value for name, value in report.items() if name in RECORDED}
    return kept | {
        "targets": {
            target: {name: value for name, value in figures.items() if name not in ("curves", "worst")}
            for target, figures in report["targets"].items()
        }
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, evaluate on unseen seeds, write the card of each checkpoint."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--work", type=Path, default=Path("build/demo"), help="clips, caches and stages")
    options.add_argument("--out", type=Path, default=Path("checkpoints"), help="folder of the three checkpoints")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--attention", default="SA-CA", choices=("SA-CA", "SA-SA", "audio", "vision"))
    chosen = options.parse_args(arguments)
    recipe, progress = Recipe(), report_of(time.perf_counter())
    chosen.work.mkdir(parents=True, exist_ok=True)

    def shown(step: Progress) -> None:
        print(step.message, flush=True)

    prepared = drain(prepare(chosen.work, recipe, chosen.workers, chosen.attention), shown)
    models = {
        variant: drain(teach(prepared, recipe, variant, chosen.attention, progress), shown) for variant in (DEMO, PAPER)
    }
    models[WRONG] = turn_away(models[PAPER], prepared)
    metrics = {
        variant: save(chosen.out / variant.folder, model, variant, prepared, recipe)
        for variant, model in models.items()
    }
    for variant, known in metrics.items():
        evaluate(chosen.out / variant.folder, known, chosen.work, recipe, chosen.workers)


if __name__ == "__main__":
    main()
