"""From settings to a checkpoint: data, tokens, training, figures. Every step is saved; a killed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import environment
from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import Extraction, extract_steps
from sec2sec.datasets.learned_from import LEARNED_SPLITS
from sec2sec.datasets.splits import leaks
from sec2sec.encoders import Encoders
from sec2sec.lengths import KEY, measure_lengths
from sec2sec.metrics import TrainingLabels, few_groups
from sec2sec.model import Model
from sec2sec.predictions import predictions_csv
from sec2sec.progress import Progress, Steps, relay, until
from sec2sec.training.batches import Clips, FrameSource, Source, TokenSource
from sec2sec.training.citing import write_citation
from sec2sec.training.extraction import max_clip_seconds
from sec2sec.training.hardware import Hardware, command, first_process, launch
from sec2sec.training.loop import DivergedError, TrainingError, TrainLoop
from sec2sec.training.mean_attention import profile
from sec2sec.training.module import Predictions, TrainModule, predict
from sec2sec.training.run_folder import PREDICTIONS, PREDICTIONS_TABLE, RunFolder
from sec2sec.training.save import choose_thresholds, list_predictions, measure_split, save_trained
from sec2sec.training.settings import TrainConfig, selection_words
from sec2sec.training.setup import (
    check_selection,
    load_data,
    measure_references,
    set_references,
    split_clips,
    starting_networks,
    training_labels,
)

DTYPES = {
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "32-true": torch.float32,
}  # precisions of a training, as Fabric calls them


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended: with a checkpoint, or stopped between two batches, to be resumed."""

    epochs: int  # that are done
    checkpoint: Path  # where it is; where it will be, if the training was stopped
    metrics: Mapping[str, Any] = field(default_factory=dict)  # of the best weights; empty if stopped
    unusable: Mapping[str, str] = field(default_factory=dict)  # row id → what is wrong with its clip
    stopped: bool = False  # because somebody asked for it


def train_steps(
    path: Path,
    config: TrainConfig | None,
    machine: Hardware,
    *,
    resume: bool = False,
    test: bool = True,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
) -> Steps[TrainingResult]:
    """Train in a run folder, or go on there. Of several processes only the first yields, and measures.

    config None: the settings that the folder was begun with. test False: leave the test clips alone (a search does).
    stop ends it between two batches, to go on later; enough ends it there as if its epochs were done: the best weights
    so far become the checkpoint. For a single process.
    Raises SettingsError, DataError, TrainingError, CheckpointError or EncoderError, each in one line.
    """
    folder, first, existed = RunFolder(path), first_process(), path.exists()
    begun = (resume and folder.exists()) if first else (resume or config is None)
    if begun:
        config = folder.resume(config) if first else folder.config()
        _check_precision(folder, config, machine)
    elif config is None:
        raise TrainingError(f"{path}: holds no training to go on with")
    fabric = machine.fabric(unused=tunes_encoders(config))
    if first:
        if not begun:
            table, targets = load_data(config)
            labels = training_labels(table, targets, table.rows)  # refused before hours of encoding, without a folder
            check_selection(config, labels, table.split("validation"))
            folder.begin(config)
        folder.claim()
        folder.clear_stop()
    try:
        return (yield from _Training(folder, config, machine, fabric, first, test, stop, enough).run())
    except (ValueError, OSError) as error:
        if first and (begun or folder.has_state() or isinstance(error, DivergedError)):
            _write_failed(folder, error)
        elif first:
            folder.undo_begin(existed)  # nothing was learned, and the same command shall work once it can
        raise
    finally:
        folder.release()


def precision_of(config: TrainConfig, machine: Hardware) -> str:
    """The precision of a training on a machine, as Fabric calls it."""
    return machine.precision if config.precision == "auto" else config.precision


def _check_precision(folder: RunFolder, config: TrainConfig, machine: Hardware) -> None:
    """TrainingError where a training would go on in another precision than it began with."""
    before, now = (folder.read("environment.json") or {}).get("precision"), precision_of(config, machine)
    if before not in (None, now):
        raise TrainingError(
            f"{folder.path}: was begun in {before} and would go on in {now}; add --precision {before} to go on as "
            "before, or choose another folder"
        )


def _write_failed(folder: RunFolder, error: Exception) -> None:
    """For the page that polls; a disk that takes nothing takes this neither."""
    try:
        folder.write_progress("failed", " ".join(str(error).split()), 0, 0, now=True)
    except TrainingError:
        return


def tunes_encoders(config: TrainConfig) -> bool:
    """Whether encoders learn from frames; a system without encoders is tuned from its cached inputs."""
    return config.encoders == "tuned" and SYSTEMS[config.system].uses_encoder_tokens


@dataclass(frozen=True)
class _Setup:
    """What is trained."""

    encoders: Encoders
    origin: str  # of the encoders, in words
    model: Model
    cached: Encoders  # what makes the tokens of the cache: the encoders, and frozen backbones behind them
    cache: TokenCache
    learner: Model  # the part of the model that learns from the cache


@dataclass(frozen=True)
class _Data:
    """What a training learns from."""

    splits: dict[str, Clips]
    labels: dict[str, TrainingLabels]
    unusable: dict[str, str]  # row id → what is wrong with its clip


class _Training:
    """One call of train_steps."""

    def __init__(
        self,
        folder: RunFolder,
        config: TrainConfig,
        machine: Hardware,
        fabric: Fabric,
        first: bool,
        test: bool,
        stop: Callable[[], bool],
        enough: Callable[[], bool],
    ) -> None:
        self.folder, self.config, self.machine, self.fabric = folder, config, machine, fabric
        self.first, self.test, self.stop, self.enough = first, test, stop, enough
        self.tuned = tunes_encoders(config)
        self.table, self.targets = load_data(config)

    def stop_requested(self) -> bool:
        """Whether to stop, by a signal or by the file."""
        return self.stop() or self.folder.stop_requested()

    def end_requested(self) -> bool:
        """Whether to stop, or to end with the best weights so far."""
        return self.stop_requested() or self.enough()

    def run(self) -> Steps[TrainingResult]:
        """All of it."""
        words = f"{self.table.name}: {len(self.table.rows)} clips, targets {', '.join(self.targets)}"
        for sentence in (words, *self.table.notes):
            yield from self.report(Progress(0, 0, sentence, "data"))
        setup = self.build()
        if self.first:  # before other processes are started: they would wait for hours
            extraction = yield from until(self.end_requested, self.extract(setup.cached, setup.cache))
            if extraction is None:
                return self.stopped(0, "stopped before the first epoch")
            data = self.folder.note_data(self.table, extraction.sha256, extraction.unusable, setup.cache.key)
            self.note_environment(data, setup.cache.key)
        launch(self.fabric)
        self.fabric.barrier()
        learned_from = self.read_data(setup.cache)
        loop = self.prepare(setup, learned_from)
        yield from self.learn(loop)
        if loop.stopped and (self.stop_requested() or not loop.best):
            return self.stopped(loop.epochs_done, f"stopped in epoch {loop.epochs_done + 1}")
        loop.keep_best()
        metrics: Mapping[str, Any] = {}
        if self.first:
            metrics = yield from self.finish(loop, setup, learned_from)
        self.fabric.barrier()
        return TrainingResult(loop.epochs_done, self.folder.checkpoint, metrics, learned_from.unusable)

    def stopped(self, epochs: int, message: str) -> TrainingResult:
        """Tell the page, and the caller."""
        if self.first:
            self.folder.write_progress("stopped", message, epochs, self.config.epochs, now=True)
        return TrainingResult(epochs, self.folder.checkpoint, stopped=True)

    def build(self) -> _Setup:
        """Encoders and model before any training."""
        rows = self.table.split("train")
        networks = starting_networks(self.config, self.targets, rows, self.machine.decoders, self.table.features)
        encoders, origin, model = networks.encoders, networks.origin, networks.model
        cached = model.cached_encoders(encoders)
        if cached is not encoders:
            measure_references(model, rows, encoders, self.machine.decoders)
        learner = model.learner(cached.config)
        return _Setup(encoders, origin, model, cached, TokenCache(self.machine.cache, cached), learner)

    def extract(self, encoders: Encoders, cache: TokenCache) -> Steps[Extraction]:
        """Encode what the cache does not hold yet."""
        steps = extract_steps(
            self.table.rows,
            encoders,
            cache,
            device=self.fabric.device,
            workers=self.machine.workers,
            max_seconds=max_clip_seconds(self.config),
        )
        return relay(steps, self.write_progress)

    def read_data(self, cache: TokenCache) -> _Data:
        """The clips that the first process has noted. Raises DataError where there is nothing to learn."""
        noted = self.folder.read("data.json") or {}
        splits = split_clips(self.table, self.targets, cache, noted["clips"], self.config.weight_by)
        usable = [row for clips in splits.values() for row in clips.rows]
        labels = training_labels(self.table, self.targets, usable)
        check_selection(self.config, labels, splits["validation"].rows)
        return _Data(splits, labels, dict(noted["unusable"]))

    def prepare(self, setup: _Setup, data: _Data) -> TrainLoop:
        """The training loop, at its start or at its last saved state."""
        state = self.folder.load()
        if setup.cached is setup.encoders and not state:  # a state brings the reference with the weights
            set_references(setup.model, data.splits["train"], setup.encoders.config)
        module = TrainModule(
            setup.learner,
            setup.encoders if self.tuned else None,
            norms_learn=self.config.init == "random",
            precision=DTYPES[precision_of(self.config, self.machine)],
        )
        training, validation = (self.source(data.splits[name], setup.cached.config) for name in ("train", "validation"))
        loop = TrainLoop(module, training, validation, self.config, data.labels, self.fabric)
        if state:
            loop.restore(state)
        if self.first:
            self.folder.rewrite(loop.history)
        return loop

    def source(self, clips: Clips, config: EncoderConfig) -> Source:
        """Tokens for frozen encoders, frames for tuned ones."""
        if self.tuned:
            return FrameSource(clips, config, self.machine.decoders)
        return TokenSource(clips, config, self.fabric.device)

    def learn(self, loop: TrainLoop) -> Steps[None]:
        """Epochs, each of which is saved."""
        for report in loop.reports(self.end_requested):
            if self.first:
                self.folder.save(loop.state())
                self.folder.append(report)
            done, most = report["epoch"], self.config.epochs
            message = f"epoch {done} of at most {most}"
            yield from self.report(Progress(done, most, message, "training", report["seconds_left"], report))
        if loop.stopped and self.first:
            self.folder.save(loop.state())

    def report(self, progress: Progress) -> Steps[None]:
        """Tell the caller, and the page that polls."""
        if self.first:
            yield self.write_progress(progress)

    def write_progress(self, progress: Progress) -> Progress:
        """Tell the page that polls, and pass the progress on."""
        self.folder.write_progress(
            progress.stage,
            progress.message,
            int(progress.done),
            int(progress.total),
            now=progress.epoch is not None or progress.done == progress.total,
        )
        return progress

    def note_environment(self, data: str, encoders: str) -> None:
        """What this runs on, and the hashes of what it learns from."""
        about = {**environment(), "threads": torch.get_num_threads(), "command": command()}
        about |= {"data": data, "encoders": encoders, "precision": precision_of(self.config, self.machine)}
        self.folder.write("environment.json", about)

    def encode_again(self, encoders: Encoders, model: Model) -> Steps[dict[str, Clips]]:
        """Tuned encoders give other tokens: make them, and the training mean with them."""
        cache = TokenCache(self.machine.cache, encoders)
        extraction = yield from self.extract(encoders, cache)
        splits = split_clips(self.table, self.targets, cache, extraction.sha256, self.config.weight_by)
        set_references(model, splits["train"], encoders.config)
        return splits

    def finish(self, loop: TrainLoop, setup: _Setup, data: _Data) -> Steps[dict[str, Any]]:
        """The checkpoint of the best weights; returns its figures."""
        model, encoders, splits = setup.model.eval(), setup.encoders, data.splits
        if self.tuned:
            encoders.carry()
            splits = yield from self.encode_again(encoders.eval(), model)
        yield from self.report(Progress(0, 0, "measuring the best weights", "measuring"))
        metrics = self.measure(loop, setup, splits, data)
        noted = self.folder.read("data.json") or {}
        hashes = {split: [noted["clips"][row.id] for row in splits[split].rows] for split in LEARNED_SPLITS}
        provenance = {
            "command": command(),
            "data_sha256": noted["sha256"],
            "encoders": noted["encoders"],
            "encoders_from": setup.origin,
            "thresholds": metrics["thresholds"],
            "precision": precision_of(self.config, self.machine),
        }
        if self.table.features is not None:
            provenance["features"] = self.table.features.as_json()
        try:
            save_trained(
                self.folder.checkpoint,
                encoders=encoders.cpu(),
                model=model.cpu(),
                table=self.table,
                training=splits["train"],
                learned_from=hashes,
                config=self.config,
                metrics=metrics,
                provenance=provenance,
            )
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"{self.folder.checkpoint}: cannot be written ({getattr(error, 'strerror', None) or error}); "
                "the training itself is saved: make room or give permission and add --resume"
            ) from error
        write_citation(self.folder, self.config, self.table, self.machine, self.fabric.device)
        self.folder.write_progress("done", "the checkpoint is ready", loop.epochs_done, self.config.epochs, now=True)
        return metrics

    def measure(self, loop: TrainLoop, setup: _Setup, splits: Mapping[str, Clips], data: _Data) -> dict[str, Any]:
        """Figures of the best weights. Test clips are predicted here and nowhere else."""
        module = TrainModule(setup.learner).to(self.fabric.device)
        metrics: dict[str, Any] = {
            KEY: measure_lengths(splits["train"].seconds.tolist()).as_json(),
            "training_positive": {name: round(t.positive, 4) for name, t in data.labels.items() if t.kind == "binary"},
            "training": {name: target.as_json() for name, target in data.labels.items()},
            "epochs": loop.epochs_done,
            "best_epoch": loop.best_epoch,
            "ended": loop.reason,
            "warnings": [],
            "selected_by": selection_words(self.config.select_by),
            "validation_score": loop.best_score,
            "validation_loss": loop.best_loss,
            "minutes": round(sum(report["seconds"] for report in loop.history) / 60, 1),
            "unusable": len(data.unusable),
        }
        predicted: list[tuple[Clips, Predictions]] = []
        thresholds: dict[str, float] = {}
        for split in ("train", "validation", *(["test"] if self.test else [])):
            clips = splits[split]
            if not len(clips):
                continue
            source = TokenSource(clips, setup.cached.config)
            outputs = predict(module, source, self.config.batch, self.fabric.device)
            if split == "validation":
                thresholds = choose_thresholds(clips, outputs, data.labels, self.config.threshold)
                metrics["thresholds"] = thresholds
            if split != "train":
                metrics[split] = measure_split(clips, outputs, data.labels, self.config.seed, thresholds)
                metrics["warnings"] += [*leaks(self.table, split), *few_groups(metrics[split]["targets"])]
                predicted.append((clips, outputs))
                if split == "test":
                    self.folder.write(PREDICTIONS, list_predictions(clips, outputs, self.targets, thresholds))
            elif outputs.attention is not None:
                metrics["mean_attention"] = profile(outputs.attention, self.targets)
        rows = [row for clips, _ in predicted for row in clips.rows]
        probability = np.concatenate([outputs.probability for _, outputs in predicted])
        table = predictions_csv(self.targets, rows, probability.tolist(), self.config.seed, thresholds)
        self.folder.write_text(PREDICTIONS_TABLE, table)
        return metrics
