"""Trainings on the GPU, through `train_steps` as the command line's: do they run, how fast, and do they resume."""

from __future__ import annotations

import csv
import math
import os
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.video import R2Plus1D_18_Weights, r2plus1d_18

from bench.gpu.setting import Setting
from bench.row import Row
from sec2sec.baselines import SYSTEMS
from sec2sec.checkpoints import load_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.datasets.cache import TokenCache
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import Row as Clip
from sec2sec.device import training_dtype
from sec2sec.encoders.tokens import Tokens
from sec2sec.files import file_sha256
from sec2sec.model import Sec2Sec
from sec2sec.progress import Progress, drain
from sec2sec.training.batches import Clips, ResidentTokens, TokenSource
from sec2sec.training.hardware import Hardware
from sec2sec.training.losses import clip_loss
from sec2sec.training.module import TrainModule
from sec2sec.training.settings import TrainConfig
from sec2sec.training.setup import starting_networks
from sec2sec.training.train import TrainingResult, train_steps
from tests.helpers import clips

LIRIS = 6860  # clips that the paper trains on, 7:1:2 of 9,800
PAPER_EPOCH = 134  # s on its RTX 3090 (table 1, SA-CA, arousal)
SMALL: dict[str, Any] = {"width": 16, "heads": 2}
EPOCHS = 4  # the first reads the tokens
NOISES = 16  # different token tensors; a clip's are one of them


def trained(
    setting: Setting, name: str, config: TrainConfig, **ways: Any
) -> tuple[TrainingResult, list[Progress], float]:
    """How a training in a folder of its own ended, what it said, and how many seconds it took."""
    machine = Hardware(setting.work / "tokens", device=setting.device.type, workers=0)
    began = time.perf_counter()
    progress: list[Progress] = []
    result = drain(train_steps(setting.work / "runs" / name, config, machine, **ways), progress.append)
    return result, progress, time.perf_counter() - began


def rows_of(setting: Setting, name: str, config: TrainConfig) -> Iterator[Row]:
    """A small training to its checkpoint, which is read back onto the device."""
    result, _, taken = trained(setting, name, config)
    score = float(result.metrics["validation_score"])
    assert math.isfinite(score), score
    load_checkpoint(result.checkpoint, setting.device.type)
    yield Row("two epochs of six clips and all around them", taken, "s")
    yield Row("validation score", score)


def small(setting: Setting, system: str, **changes: Any) -> TrainConfig:
    """Two epochs on the small data set."""
    if SYSTEMS[system].uses_encoder_tokens:
        changes = {**SMALL, "init": str(setting.tiny), **changes}
    return TrainConfig(**{"data": str(setting.data), "epochs": 2, "batch": 4, "system": system, **changes})


def frozen(setting: Setting, **changes: Any) -> Iterator[Row]:
    """SA-CA from cached tokens, with these settings changed."""
    name = "-".join(["frozen", *map(str, changes.values())])
    yield from rows_of(setting, name, small(setting, "sec2sec-sa-ca", **changes))


def tuned(setting: Setting) -> Iterator[Row]:
    """SA-CA and its encoders, from frames."""
    yield from rows_of(setting, "tuned", small(setting, "sec2sec-sa-ca", encoders="tuned"))


def system(setting: Setting, name: str) -> Iterator[Row]:
    """One of the ten in its small size."""
    yield from rows_of(setting, name, small(setting, name))


def published(setting: Setting, name: str) -> Iterator[Row]:
    """A system that learns whole, in its published size from random weights; in its small size in a dry run."""
    large: dict[str, Any] = {"preset": "paper", "init": "random", "encoders": "tuned"}
    yield from rows_of(setting, f"{name}-published", small(setting, name, **setting.size(large, {})))


def resumed(setting: Setting) -> Iterator[Row]:
    """The same training whole, whole once more, and stopped in its second epoch and resumed."""
    config = small(setting, "sec2sec-sa-ca", epochs=3)
    for name in ("whole", "again"):
        trained(setting, name, config)
    stops = iter([False] * 3 + [True] * 1000)
    trained(setting, "resumed", config, stop=lambda: next(stops))
    result, _, _ = trained(setting, "resumed", config, resume=True)
    assert not result.stopped
    whole, again, other = (
        load_file(setting.work / "runs" / name / "checkpoint" / "model.safetensors")
        for name in ("whole", "again", "resumed")
    )

    def apart(one: dict[str, torch.Tensor]) -> float:
        return max(float((whole[name].double() - one[name].double()).abs().max()) for name in whole)

    yield Row("stopped and resumed, beside one that never was: largest difference of a weight", apart(other))
    yield Row("the same training twice: largest difference of a weight", apart(again))


def step(setting: Setting) -> Iterator[Row]:
    """One step of SA-CA on 32 clips of 10 s at each grid, and what makes its batch."""
    for title, config in (("full", EncoderConfig.paper()), ("pooled", EncoderConfig.paper_pooled())):
        yield from step_rows(setting, title, config)


def step_rows(setting: Setting, title: str, config: EncoderConfig) -> Iterator[Row]:
    """The parts of a step of one batch, each alone and waited for."""
    count, seconds = setting.size((32, 10), (4, 2))
    folder = setting.work / f"step-{title}"
    folder.mkdir()
    files = [folder / f"{number}.safetensors" for number in range(count)]
    for file in files:
        save_file({name: torch.randn(seconds, *shape).half() for name, shape in config.shapes.items()}, file)
    rows = [Clip(file.stem, file, {}, "train", file.stem) for file in files]
    some = Clips(rows, files, torch.full((count,), seconds), torch.rand(count, 2).round())
    source, everything = TokenSource(some, config, setting.device), list(range(count))
    resident = ResidentTokens(some, config, setting.device)
    batch = source.gather(everything)
    moved = batch.to(setting.device)
    sizes = ModelConfig(input_width=config.width, width=256, heads=8, hidden=256)
    model = Sec2Sec(sizes, config.video_grid, config.audio_grid)
    trainee = TrainModule(model, precision=training_dtype(setting.device)).to(setting.device).train()
    optimiser = torch.optim.AdamW(trainee.parameters(), 1e-4, fused=True)

    def learn() -> None:
        logits, _ = trainee(moved)
        total, labels = clip_loss(logits, moved.labels, ["binary", "binary"])
        optimiser.zero_grad()
        (total / labels).backward()
        torch.nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
        optimiser.step()

    name = f"{title} grids, {count} clips of {seconds} s"
    yield Row(f"{name}: one step", setting.milliseconds(learn, 10), "ms")
    yield Row(f"{name}: its batch from the disk", setting.milliseconds(lambda: source.gather(everything)), "ms")
    yield Row(f"{name}: its way to the device", setting.milliseconds(lambda: batch.to(setting.device)), "ms")
    yield Row(f"{name}: from resident tokens", setting.milliseconds(lambda: resident.gather(everything)), "ms")


def paper_epoch(setting: Setting, grids: str) -> Iterator[Row]:
    """SA-CA with the paper preset at D = 256, from cached random tokens of 10-second clips, through `train_steps`.

    Stated for 6,860 training clips and, as in the paper's split, a seventh as many to validate; measured on fewer. The
    first epoch reads the tokens from the disk; the limit is for those that follow.
    """
    count, seconds = setting.size((1000, 10), (16, 2))
    data = cached_clips(setting.work / "cached", count)
    tokens = EncoderConfig.paper() if grids == "full" else EncoderConfig.paper_pooled()
    config = TrainConfig(
        data=str(data),
        preset="paper",
        video_grid=tokens.video_grid,
        audio_grid=tokens.audio_grid,
        heads=8,
        epochs=EPOCHS,
        patience=EPOCHS,
    )
    with random_published_weights(setting.work / "torch"):
        fill_cache(config, setting.work / "tokens", seconds)
        result, progress, taken = trained(setting, f"paper-{grids}", config, test=False)
        load_checkpoint(result.checkpoint, setting.device.type)
    encoded = [step.message for step in progress if step.stage == "tokens" and not math.isnan(step.seconds_left)]
    assert not encoded, f"clips were encoded, which the cache was to hold: {encoded[-1]}"
    epochs = [float(step.epoch["seconds"]) for step in progress if step.epoch is not None]
    shape = f"{tokens.visual_tokens} + {tokens.audio_tokens} tokens"
    limit = 20.0 if grids == "full" else None
    scale = LIRIS / count
    title = f"an epoch of {LIRIS} clips, {shape} per second (from {count}; the paper's RTX 3090: {PAPER_EPOCH} s)"
    yield Row(title, median(epochs[1:]) * scale, "s", limit)
    yield Row("the first epoch, which reads the tokens", epochs[0] * scale, "s")
    yield Row(
        f"the whole training of {len(epochs)} epochs of {count} clips, checkpoint and figures included", taken, "s"
    )


def cached_clips(folder: Path, count: int) -> Path:
    """A data set of `count` training clips and a seventh as many to validate: one short clip with other ends.

    Readers of MP4 pass over a box named `free`, and the cache sees another file.
    """
    if (folder / "clips.csv").is_file():
        return folder
    folder.mkdir(parents=True)
    source = clips.make_clip(folder / "source.mp4", seconds=0.6, fps=8, size=(32, 32))
    splits = ["train"] * count + ["validation"] * max(4, count // 7)
    rows = [
        (str(n), path.name, n % 2, int(n % 3 == 0), split, n)
        for n, (split, path) in enumerate(zip(splits, copies(source, folder, len(splits)), strict=True))
    ]
    with (folder / "clips.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "path", "arousal", "valence", "split", "group"), *rows])
    return folder


def copies(source: Path, folder: Path, count: int) -> Iterator[Path]:
    """Files that decode as `source` does, each with another hash."""
    data = source.read_bytes()
    for number in range(count):
        path = folder / f"{number:05}.mp4"
        path.write_bytes(data + struct.pack(">I4sQ", 16, b"free", number))
        yield path


def fill_cache(config: TrainConfig, folder: Path, seconds: int) -> None:
    """Random tokens of every clip of a data set, where a training with these settings looks for them."""
    table = open_data(config.data)
    encoders = starting_networks(config, table.targets, table.split("train"), 0).encoders
    cache = TokenCache(folder, encoders)
    generator = torch.Generator().manual_seed(0)
    noises = [
        [torch.randn(seconds, *shape, generator=generator).half() for shape in cache.config.shapes.values()]
        for _ in range(NOISES)
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(
            pool.map(lambda row: cache.write(file_sha256(row.path), Tokens(*noises[int(row.id) % NOISES])), table.rows)
        )


@contextmanager
def random_published_weights(folder: Path) -> Iterator[None]:
    """Random weights where torchvision's would be downloaded to, while it lasts: they cost what trained ones cost."""
    (folder / "hub/checkpoints").mkdir(parents=True, exist_ok=True)
    for build, weights in (
        (r2plus1d_18, R2Plus1D_18_Weights.KINETICS400_V1),
        (resnet18, ResNet18_Weights.IMAGENET1K_V1),
    ):
        file = folder / "hub/checkpoints" / weights.url.rsplit("/", 1)[-1]
        if not file.is_file():
            torch.manual_seed(0)
            torch.save(build().state_dict(), file)
    before = os.environ.get("TORCH_HOME")
    os.environ["TORCH_HOME"] = str(folder.resolve())
    try:
        yield
    finally:
        del os.environ["TORCH_HOME"]
        if before is not None:
            os.environ["TORCH_HOME"] = before
