"""From settings to a checkpoint: data, tokens, training, figures. Every step is saved; a killed run goes on."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError

from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import environment
from sec2sec.config import EncoderConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.extract import LONGEST, Extraction, extract_steps
from sec2sec.datasets.table import Table
from sec2sec.device import pick_device, training_dtype
from sec2sec.encoders import Encoders
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Model
from sec2sec.training.batches import Clips, FrameSource, Source, TokenSource
from sec2sec.training.loop import Report, TrainingError, TrainLoop, TrainModule, mixed, predict
from sec2sec.training.mean_attention import profile
from sec2sec.training.run_folder import PREDICTIONS, RunFolder
from sec2sec.training.save import measured, predictions, save_trained
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import (
    data_of,
    labels_of,
    measure_references,
    set_references,
    split_clips,
    starting_encoders,
    starting_model,
)

MIXED = {"bf16-mixed": torch.bfloat16, "32-true": torch.float32}  # precisions of a training, as Fabric calls them
RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


@dataclass(frozen=True)
class Hardware:
    """What a training runs on; none of it changes what is learned, beyond rounding."""

    cache: Path  # of tokens, shared by all trainings
    device: str = "auto"
    devices: int = 1  # GPUs, or processes on a CPU, of each machine
    nodes: int = 1  # machines
    workers: int | None = None  # decoding processes; the cores if None

    @property
    def decoders(self) -> int:
        """Decoding processes."""
        return os.cpu_count() or 1 if self.workers is None else self.workers

    def fabric(self, unused: bool = False) -> Fabric:
        """The devices that train together. Raises TrainingError where there are not as many.

        unused: a step may leave parameters without a gradient, as tuned encoders of pictures in a batch without any:
        several processes then look which, or would wait for them in the next step.
        """
        device = pick_device(self.device)
        if self.devices < 1 or self.nodes < 1:
            raise TrainingError(f"devices and nodes must be at least 1, not {self.devices} and {self.nodes}")
        if device.type == "cuda" and self.devices > torch.cuda.device_count():
            raise TrainingError(f"{self.devices} GPUs were asked for, but torch sees {torch.cuda.device_count()}")
        several = self.devices * self.nodes > 1
        if several and device.index is not None:
            raise TrainingError(f"{self.device} is one GPU, but {self.devices} on {self.nodes} machines were asked for")
        together = "ddp_find_unused_parameters_true" if unused else "ddp"
        return Fabric(
            accelerator=device.type,
            devices=self.devices if device.index is None else [device.index],
            num_nodes=self.nodes,
            strategy=together if several else "auto",
            precision="32-true",
        )

    @property
    def precision(self) -> Literal["bf16-mixed", "32-true"]:
        """bfloat16 where the GPU computes in it natively; float32 elsewhere. TrainModule sees to it, not Fabric."""
        native = training_dtype(pick_device(self.device)) == torch.bfloat16
        return "bf16-mixed" if native else "32-true"


@dataclass(frozen=True)
class Note:
    """What is happening, in words."""

    text: str


@dataclass(frozen=True)
class Epoch:
    """An epoch has ended."""

    report: Report


@dataclass(frozen=True)
class Stopped:
    """The training ended between two batches because somebody asked for it; it can go on."""

    epoch: int


@dataclass(frozen=True)
class Trained:
    """The checkpoint is there."""

    checkpoint: Path
    metrics: dict[str, Any]
    unusable: dict[str, str]


Step = Note | Extraction | Epoch | Stopped | Trained


def first_process() -> bool:
    """Whether this is the only process of a training, or the one that starts the others and writes for all."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


def train_steps(
    path: Path,
    config: TrainConfig | None,
    machine: Hardware,
    *,
    resume: bool = False,
    test: bool = True,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Train in a run folder, or go on there; yields what happens, Trained or Stopped last.

    config None: the settings that the folder was begun with. test False: leave the test clips alone (a search does).
    stop ends it between two batches, to go on later; enough ends it there as if its epochs were done: the best weights
    so far become the checkpoint. For a single process.
    Raises SettingsError, DataError, TrainingError, CheckpointError or EncoderError, each in one line.
    """
    folder, first = RunFolder(path), first_process()
    begun = (resume and folder.exists()) if first else (resume or config is None)
    if begun:
        config = folder.resume(config) if first else folder.config()
    elif config is None:
        raise TrainingError(f"{path}: holds no training to go on with")
    fabric = machine.fabric(unused=tunes_encoders(config))
    if first:
        if not begun:
            table, targets = data_of(config)
            labels_of(table, targets, table.rows)  # said before hours of encoding, and leaves no folder behind
            folder.begin(config)
        folder.claim()
        folder.forget_stop()
    try:
        yield from _Run(folder, config, machine, fabric, first, test, stop, enough).steps()
    except (ValueError, OSError) as error:
        if first:
            _say_failed(folder, error)
        raise
    finally:
        folder.release()


def _say_failed(folder: RunFolder, error: Exception) -> None:
    """For the page that polls; a disk that takes nothing takes this neither."""
    try:
        folder.say("failed", " ".join(str(error).split()), 0, 0, now=True)
    except TrainingError:
        return


def extract_all(config: TrainConfig, machine: Hardware, share: tuple[int, int] = (1, 1)) -> Iterator[Extraction]:
    """Fill the token cache for trainings with these settings. share: (i, n), this process's part of the clips."""
    table, _ = data_of(config)
    encoders, _ = starting_encoders(config, table.split("train"), machine.decoders)
    encoders = starting_model(config, ("any",), encoders.config).cached_encoders(encoders)
    cache = TokenCache(machine.cache, encoders)
    rows = table.rows[share[0] - 1 :: share[1]]
    longest, device = min(LONGEST, SYSTEMS[config.system].longest), pick_device(machine.device)
    yield from extract_steps(rows, encoders, cache, device=device, workers=machine.workers, longest=longest)


def tunes_encoders(config: TrainConfig) -> bool:
    """Whether encoders learn from frames; a system without encoders is tuned from its cached inputs."""
    return config.encoders == "tuned" and SYSTEMS[config.system].reads_tokens


class _Run:
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
        self.began = time.monotonic()

    def asked(self) -> bool:
        """Whether to stop, by a signal or by the file."""
        return self.stop() or self.folder.asked_to_stop()

    def steps(self) -> Iterator[Step]:
        table, targets = data_of(self.config)
        yield from self.say(Note(f"{table.name}: {len(table.rows)} clips, targets {', '.join(targets)}"), "data")
        training_rows = table.split("train")
        encoders, origin = starting_encoders(self.config, training_rows, self.machine.decoders)
        torch.manual_seed(mixed(self.config.seed))
        model = starting_model(self.config, targets, encoders.config)
        cached = model.cached_encoders(encoders)
        if cached is not encoders:
            measure_references(model, training_rows, encoders, self.machine.decoders)
        learner = model.learner(cached.config)
        cache = TokenCache(self.machine.cache, cached)
        if self.first:  # before other processes are started: they would wait for hours
            longest = min(LONGEST, SYSTEMS[self.config.system].longest)
            for step in extract_steps(
                table.rows, cached, cache, device=self.device, workers=self.machine.workers, longest=longest
            ):
                yield from self.say(step, "tokens")
                if self.asked() or self.enough():
                    self.folder.say("stopped", "stopped before the first epoch", 0, self.config.epochs, now=True)
                    yield Stopped(0)
                    return
            data = self.folder.note_data(table, step.sha256, step.unusable, cache.key)
            self.note_environment(data, cache.key)
        self.fabric.launch()
        self.fabric.barrier()
        noted = self.folder.read("data.json") or {}
        splits, unusable = split_clips(table, targets, cache, noted["clips"]), dict(noted["unusable"])
        usable = [row for clips in splits.values() for row in clips.rows]
        labels = labels_of(table, targets, usable)
        state = self.folder.load()
        if cached is encoders and not state:  # a state brings the reference with the weights
            set_references(model, splits["train"], encoders.config)
        tuned = tunes_encoders(self.config)
        trainee = TrainModule(
            learner,
            encoders if tuned else None,
            norms_learn=self.config.init == "random",
            precision=MIXED[self.machine.precision],
        )
        sources = {name: self.source(splits[name], cached.config, tuned) for name in ("train", "validation")}
        fit = TrainLoop(trainee, sources["train"], sources["validation"], self.config, labels, self.fabric)
        if state:
            fit.restore(state)
        if self.first:
            self.folder.rewrite(fit.history)
        for report in fit.reports(lambda: self.asked() or self.enough()):
            if self.first:
                self.folder.save(fit.state())
                self.folder.append(report)
            yield from self.say(Epoch(report), "training")
        if fit.stopped and self.first:
            self.folder.save(fit.state())
        if fit.stopped and (self.asked() or not fit.best):
            if self.first:
                self.folder.say("stopped", f"stopped in epoch {fit.epoch + 1}", fit.epoch, self.config.epochs, now=True)
            yield Stopped(fit.epoch)
            return
        fit.keep_best()
        if self.first:
            model = model.eval()
            if tuned:
                encoders = encoders.eval()
                splits = yield from self.encode_again(encoders, model, table, targets)
            predicts = learner, cached.config
            yield from self.finish(fit, model, encoders, predicts, table, splits, labels, unusable, origin)
        self.fabric.barrier()

    @property
    def device(self) -> torch.device:
        """Of this process."""
        return self.fabric.device

    def say(self, step: Step, stage: str) -> Iterator[Step]:
        """Tell the caller and the page that polls."""
        if self.first:
            if isinstance(step, Extraction):
                self.folder.say(stage, step.line, step.done, step.total, now=step.done == step.total)
            elif isinstance(step, Epoch):
                done = step.report["epoch"]
                self.folder.say(
                    stage, f"epoch {done} of at most {self.config.epochs}", done, self.config.epochs, now=True
                )
            elif isinstance(step, Note):
                self.folder.say(stage, step.text, 0, 0, now=True)
            yield step

    def note_environment(self, data: str, encoders: str) -> None:
        """What this runs on, and the hashes of what it learns from."""
        about = {**environment(), "threads": torch.get_num_threads(), "command": command()}
        about |= {"data": data, "encoders": encoders, "precision": self.machine.precision}
        self.folder.write("environment.json", about)

    def source(self, clips: Clips, config: EncoderConfig, tuned: bool) -> Source:
        """Tokens for frozen encoders, frames for tuned ones."""
        if not tuned:
            return TokenSource(clips, config, self.device)
        return FrameSource(clips, config, self.machine.decoders)

    def encode_again(
        self, encoders: Encoders, model: Model, table: Table, targets: tuple[str, ...]
    ) -> Generator[Step, None, dict[str, Clips]]:
        """Tuned encoders give other tokens: make them, and the training mean with them."""
        cache = TokenCache(self.machine.cache, encoders)
        for step in extract_steps(table.rows, encoders, cache, device=self.device, workers=self.machine.workers):
            yield from self.say(step, "tokens")
        splits = split_clips(table, targets, cache, step.sha256)
        set_references(model, splits["train"], encoders.config)
        return splits

    def finish(
        self,
        fit: TrainLoop,
        model: Model,
        encoders: Encoders,
        predicts: tuple[Model, EncoderConfig],
        table: Table,
        splits: dict[str, Clips],
        labels: dict[str, TrainingLabels],
        unusable: dict[str, str],
        origin: str,
    ) -> Iterator[Step]:
        """Figures of the best weights, and the checkpoint. Test clips are predicted here and nowhere else.

        predicts: what predicts from the token cache, and what that holds; for frozen backbones not the whole model.
        """
        yield from self.say(Note("measuring the best weights"), "measuring")
        trainee = TrainModule(predicts[0]).to(self.device)
        metrics: dict[str, Any] = {
            "training_positive": {name: round(t.positive, 4) for name, t in labels.items() if t.kind == "binary"},
            "training": {name: target.as_json() for name, target in labels.items()},
            "epochs": fit.epoch,
            "best_epoch": fit.best_epoch,
            "validation_score": fit.best_score,
            "minutes": round(sum(report["seconds"] for report in fit.history) / 60, 1),
            "unusable": len(unusable),
        }
        for split in ("train", "validation", *(["test"] if self.test else [])):
            clips = splits[split]
            if not len(clips):
                continue
            found = predict(trainee, TokenSource(clips, predicts[1]), self.config.batch, self.device)
            if split != "train":
                metrics[split] = measured(clips, found, labels, self.config.seed)
                if split == "test":
                    self.folder.write(PREDICTIONS, predictions(clips, found, model.config.targets))
            elif found.attention is not None:
                metrics["mean_attention"] = profile(found.attention, model.config.targets)
        noted = self.folder.read("data.json") or {}
        provenance = {
            "command": command(),
            "data_sha256": noted["sha256"],
            "encoders": noted["encoders"],
            "encoders_from": origin,
        }
        try:
            save_trained(
                self.folder.checkpoint,
                encoders=encoders.cpu(),
                model=model.cpu(),
                table=table,
                training=splits["train"],
                config=self.config,
                metrics=metrics,
                provenance=provenance,
            )
        except (OSError, SafetensorError) as error:
            raise TrainingError(
                f"{self.folder.checkpoint}: cannot be written ({getattr(error, 'strerror', None) or error}); "
                "the training itself is saved: make room or give permission and add --resume"
            ) from error
        self.folder.say("done", "the checkpoint is ready", fit.epoch, self.config.epochs, now=True)
        yield Trained(self.folder.checkpoint, metrics, unusable)


def command() -> str:
    """How this process was called."""
    return shlex.join(["python -m sec2sec", *sys.argv[1:]]).replace("'python -m sec2sec'", "python -m sec2sec")
