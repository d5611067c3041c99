"""What every check is given: the device, how large to measure, and clips and checkpoints that several of them use."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch

from sec2sec import DEMO
from sec2sec.checkpoints import Bundle, CheckpointSummary, environment, load_checkpoint
from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.device import pick_device
from sec2sec.encoders import build_encoders
from sec2sec.model import Sec2Sec
from tests.helpers import clips
from tests.helpers.datasets import clip_folder
from tests.helpers.models import save_tiny

T = TypeVar("T")
CPU = torch.device("cpu")
EXAMPLES = Path("assets/clips")
FLIGHT = EXAMPLES / "sintel-flight.mp4"  # 10 s, 480×270, 24 frames per second


class Setting:
    """One process of checks."""

    def __init__(self, dry: bool, work: Path) -> None:
        """dry: small, on the CPU. work: a folder of its own for clips, tokens and runs."""
        self.dry, self.work = dry, work
        self.device = pick_device("cpu" if dry else "cuda")
        work.mkdir(parents=True, exist_ok=True)

    @property
    def cuda(self) -> bool:
        """Whether the figures are of a GPU."""
        return self.device.type == "cuda"

    def size(self, full: T, dry: T) -> T:
        """One of two sizes of a measurement."""
        return dry if self.dry else full

    def wait(self) -> None:
        """Until the device has done all that it was told to."""
        if self.cuda:
            torch.cuda.synchronize()

    def milliseconds(self, run: Callable[[], object], turns: int = 5) -> float:
        """Median of some runs, each to its end on the device, after one for warming up; of one alone in a dry run."""
        if not self.dry:
            run()
        taken = []
        for _ in range(self.size(turns, 1)):
            self.wait()
            began = time.perf_counter()
            run()
            self.wait()
            taken.append(time.perf_counter() - began)
        return 1000 * median(taken)

    @cached_property
    def clip(self) -> Path:
        """Five seconds of numbered pictures and a tone."""
        return clips.make_clip(self.work / "clip.mp4", seconds=5)

    @cached_property
    def tiny(self) -> Path:
        """A checkpoint of width 16 with large random weights."""
        return save_tiny(self.work / "tiny")

    @cached_property
    def data(self) -> Path:
        """A data set of ten clips of 1–3 s, some without sound, picture or label."""
        return clip_folder(self.work / "data")

    def both(self, checkpoint: Path = DEMO) -> tuple[Bundle, Bundle]:
        """A checkpoint on the CPU and on the device."""
        return load_checkpoint(checkpoint, "cpu"), load_checkpoint(checkpoint, self.device.type)

    def paper(self, config: EncoderConfig) -> Bundle:
        """The paper preset at D = 256 on the device, with random weights, which cost what trained ones cost."""
        torch.manual_seed(0)
        model = Sec2Sec(
            ModelConfig(input_width=config.width, width=256, heads=8, hidden=256), config.video_grid, config.audio_grid
        )
        encoders = build_encoders(config, pretrained=False, seed=0).for_inference(self.device)
        summary = CheckpointSummary("random", "", "Random weights, for timing.")
        return Bundle(summary, encoders, model.eval().to(self.device), {}, {}, "", self.device)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether cuDNN may round the factors of float32 products to 10 bits, while it lasts."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@contextmanager
def searched_kernels() -> Iterator[None]:
    """cuDNN measures its kernels for each new shape, while it lasts."""
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = False


def machine(setting: Setting, commit: str) -> dict[str, Any]:
    """What the figures were measured on. commit: as the caller says, where this is no clone."""
    about: dict[str, Any] = {
        "device": "CPU (dry run)",
        "capability": "",
        "memory_gb": None,
        "driver": "",
        "cuda": torch.version.cuda or "",
        "cudnn": torch.backends.cudnn.version() or 0,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "commit": commit or first_line("git", "describe", "--always", "--dirty", "--abbrev=40"),
    }
    if setting.cuda:
        properties = torch.cuda.get_device_properties(setting.device)
        about |= {
            "device": properties.name,
            "capability": f"{properties.major}.{properties.minor}",
            "memory_gb": round(properties.total_memory / 1e9, 1),
            "driver": first_line("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        }
    return about | environment()


def first_line(*command: str) -> str:
    """The first line that a command prints; "unknown" where it is not installed or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0].strip() if done.returncode == 0 else "unknown"
