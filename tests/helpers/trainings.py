"""Small trainings, in this process or as a command."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sec2sec.training.settings import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
SMALL = {"width": 16, "heads": 2, "batch": 4, "rate": 3e-3, "dropout": 0.1, "patience": 250}


def settings(made: Path, **other) -> TrainConfig:
    return TrainConfig(**{"data": str(made / "data"), "init": str(made / "tiny"), "epochs": 3, **SMALL, **other})


def weights(folder: Path) -> bytes:
    return (folder / "checkpoint" / "model.safetensors").read_bytes()


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "sec2sec", *map(str, arguments)]


def arguments(made: Path, out: Path, **other) -> list[str]:
    """Of a small training, for main()."""
    chosen = {"data": made / "data", "init": made / "tiny", **SMALL, "epochs": 3, "out": out, **other}
    chosen |= {"cache": made / "tokens", "workers": 0, "device": "cpu"}
    return ["train", *(str(part) for name, value in chosen.items() for part in (f"--{name}", value))]


def flags(made: Path, out: Path, **other) -> list[str]:
    """The same as a process: to be killed, or to start others."""
    return command(*arguments(made, out, **other))
