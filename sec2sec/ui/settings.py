"""What a host of the app may choose, from the environment (SEC2SEC_…) or the command line; only this reads either."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from sec2sec.config import MediaLimits

Device = Literal["auto", "cpu", "cuda"]
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """The defaults suit a person at their own machine; a public server tightens the limits."""

    host: str = "127.0.0.1"
    port: int = 7860
    checkpoints: Path = ROOT / "checkpoints"  # each folder in it is a checkpoint
    examples: Path = ROOT / "assets" / "clips"  # *.mp4, offered as they are
    device: Device = "auto"
    max_seconds: float = 600.0  # of the part that is analysed
    max_megabytes: int = 500  # of an upload
    delete_after: float = 3600.0  # s; uploads and what was derived from them are deleted when they are older
    concurrency: int = 2  # clips explained at once; encoding itself takes turns on each device
    queue: int = 40  # clips that may wait
    training: bool = True  # whether models can be trained from the app; off by default on a Hugging Face Space
    runs: Path = ROOT / "runs" / "app"  # of trainings, each a folder
    private_runs: bool = False  # visitors see their own trainings and models alone; on by default on a Space
    data_sets: Path = ROOT / "data"  # each folder in it is a data set to train and evaluate on
    server_folders: bool = False  # whether visitors may train on any folder of this machine, by its path
    train_clips: int = 20_000  # of a training's data set, at most
    train_epochs: int = 1_000  # at most
    train_minutes: float = math.inf  # of work, at most; then the best weights so far are kept
    train_megabytes: int = 4_000  # of an uploaded data set, at most, packed or unpacked

    def __post_init__(self) -> None:
        limits = ("train_clips", "train_epochs", "train_minutes", "train_megabytes")
        for name in ("max_seconds", "max_megabytes", "delete_after", "concurrency", "queue", *limits):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.device not in get_args(Device):
            raise ValueError(f"device must be auto, cpu or cuda, not {self.device!r}")

    @property
    def limits(self) -> MediaLimits:
        """What a clip may cost before it is refused."""
        return MediaLimits(max_bytes=self.max_megabytes * 1024**2, max_seconds=self.max_seconds)

    @property
    def largest_upload(self) -> int:
        """MB of any file that is taken; what it is for has its own limit."""
        return max(self.max_megabytes, self.train_megabytes) if self.training else self.max_megabytes

    @staticmethod
    def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
        """--port before SEC2SEC_PORT before the default; gradio's own two variables count as well (Spaces set them)."""
        on_a_space = {"training": False, "private_runs": True} if "SPACE_ID" in environment else {}
        parser = argparse.ArgumentParser(prog="app.py", description="The app of sec2sec, on http://HOST:PORT.")
        gradio = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}
        default = Settings()
        for setting in fields(Settings):
            value = on_a_space.get(setting.name, getattr(default, setting.name))
            name = f"SEC2SEC_{setting.name.upper()}"
            kind: Any = type(value) if not isinstance(value, Path) else Path
            given = environment.get(name, environment.get(gradio.get(setting.name, ""), value))
            parser.add_argument(
                f"--{setting.name.replace('_', '-')}",
                type=_yes_or_no if kind is bool else kind,
                default=given
                if isinstance(given, kind)
                else str(given),  # argparse converts strings, and says if it cannot
                help=f"default {_said(value)}; or {name}",
            )
        chosen = vars(parser.parse_args(arguments))
        try:
            return Settings(**chosen)
        except ValueError as error:
            parser.error(str(error))


def _yes_or_no(text: str) -> bool:
    """A switch, as people and environments write it."""
    if text.lower() not in ("yes", "no", "1", "0", "true", "false", "on", "off"):
        raise argparse.ArgumentTypeError(f"expected yes or no, not {text!r}")
    return text.lower() in ("yes", "1", "true", "on")


def _said(value: Any) -> str:
    """A default in words."""
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else "no limit"
        if value == math.inf
        else str(value)
    )
