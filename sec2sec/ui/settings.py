"""What a host of the app may choose, from the environment (SEC2SEC_…) or the command line; only this reads either."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from sec2sec.config import MediaLimits
from sec2sec.errors import SettingsError
from sec2sec.paths import program_paths

Device = Literal["auto", "cpu", "cuda"]
PATHS = program_paths()


@dataclass(frozen=True)
class Settings:
    """The defaults suit a person at their own machine; a public server tightens the limits.

    The sentence beside each field is its help.
    """

    host: Annotated[str, "address to listen on; 0.0.0.0 for every network of this machine"] = "127.0.0.1"
    port: Annotated[int, "port to listen on"] = 7860
    checkpoints: Annotated[Path, "folder of checkpoints to choose from, each a folder"] = PATHS.checkpoints
    examples: Annotated[Path, "folder of example clips (*.mp4)"] = PATHS.examples
    device: Annotated[Device, "device to compute on; auto takes a GPU where there is one"] = "auto"
    max_seconds: Annotated[float, "longest part of a clip that is analysed, in seconds"] = 600.0
    max_megabytes: Annotated[int, "largest clip that may be uploaded, in MB"] = 500
    delete_after: Annotated[float, "age at which uploads and what was derived from them are deleted, in seconds"] = (
        3600.0
    )
    visitor_megabytes: Annotated[int, "largest amount that one address may upload within delete_after, in MB"] = 8_000
    stored_megabytes: Annotated[int, "largest amount of all visitors' files at once, in MB"] = 20_000
    behind_proxy: Annotated[
        bool, "whether a proxy of yours is in front, so that X-Forwarded-For tells who asks; on on a Hugging Face Space"
    ] = False
    concurrency: Annotated[int, "clips that are explained at once; encoding itself takes turns on each device"] = 2
    queue: Annotated[int, "clips that may wait"] = 40
    training: Annotated[bool, "whether models can be trained from the app; off on a Hugging Face Space"] = True
    runs: Annotated[Path, "folder of the trainings, each a folder"] = PATHS.runs / "app"
    private_runs: Annotated[
        bool, "whether visitors see their own trainings and models alone; on on a Hugging Face Space"
    ] = False
    data_sets: Annotated[Path, "folder of data sets to train and evaluate on, each a folder"] = PATHS.data_sets
    server_folders: Annotated[bool, "whether visitors may train on any folder of this machine, by its path"] = False
    train_clips: Annotated[int, "largest number of clips in a training's data set"] = 20_000
    train_epochs: Annotated[int, "largest number of epochs of a training"] = 1_000
    train_minutes: Annotated[float, "longest work of a training, in minutes; then the best weights so far are kept"] = (
        math.inf
    )
    train_megabytes: Annotated[int, "largest data set that may be uploaded, packed or unpacked, in MB"] = 4_000

    def __post_init__(self) -> None:
        for name in ("checkpoints", "examples", "runs", "data_sets"):  # trainings are processes with another folder
            object.__setattr__(self, name, getattr(self, name).absolute())
        limits = ("train_clips", "train_epochs", "train_minutes", "train_megabytes")
        for name in ("max_seconds", "max_megabytes", "delete_after", "concurrency", "queue", *limits):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.device not in get_args(Device):
            raise SettingsError(f"device must be auto, cpu or cuda, not {self.device!r}")

    @property
    def limits(self) -> MediaLimits:
        """What a clip may cost before it is refused."""
        return MediaLimits(max_bytes=self.max_megabytes * 1024**2, max_seconds=self.max_seconds)

    @property
    def largest_upload(self) -> int:
        """MB of any file that is taken; what it is for has its own limit."""
        return max(self.max_megabytes, self.train_megabytes) if self.training else self.max_megabytes

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
        """One option a setting; where it is left out, SEC2SEC_… counts, and then the default."""
        on_a_space = (
            {"training": False, "private_runs": True, "behind_proxy": True} if "SPACE_ID" in environment else {}
        )
        gradio = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}  # Spaces set them
        default, hints = Settings(), get_type_hints(Settings, include_extras=True)
        for setting in fields(Settings):
            value = on_a_space.get(setting.name, getattr(default, setting.name))
            name = f"SEC2SEC_{setting.name.upper()}"
            kind: Any = type(value) if not isinstance(value, Path) else Path
            chosen = environment.get(name, environment.get(gradio.get(setting.name, ""), value))
            parser.add_argument(
                f"--{setting.name.replace('_', '-')}",
                type=_yes_or_no if kind is bool else kind,
                # argparse converts strings, and says if it cannot
                default=chosen if isinstance(chosen, kind) else str(chosen),
                choices=get_args(Device) if setting.name == "device" else None,
                metavar=None if setting.name == "device" else METAVARS[kind],
                help=f"{get_args(hints[setting.name])[1]} (default: {_in_words(value)}; or {name})".replace("%", "%%"),
            )

    @staticmethod
    def of(options: argparse.Namespace) -> Settings:
        """The settings among a command's options. Raises SettingsError."""
        return Settings(**{setting.name: getattr(options, setting.name) for setting in fields(Settings)})

    @staticmethod
    def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
        """--port before SEC2SEC_PORT before the default; gradio's own two variables count as well (Spaces set them)."""
        parser = argparse.ArgumentParser(prog="app.py", description="The app of sec2sec, on http://HOST:PORT.")
        Settings.add_arguments(parser, environment)
        options = parser.parse_args(arguments)
        try:
            return Settings.of(options)
        except SettingsError as error:
            parser.error(str(error))


METAVARS: Mapping[type, str] = {bool: "yes|no", int: "N", float: "X", str: "TEXT", Path: "DIR"}


def _yes_or_no(text: str) -> bool:
    """A switch, as people and environments write it."""
    if text.lower() not in ("yes", "no", "1", "0", "true", "false", "on", "off"):
        raise argparse.ArgumentTypeError(f"expected yes or no, not {text!r}")
    return text.lower() in ("yes", "1", "true", "on")


def _in_words(value: Any) -> str:
    """A default in words."""
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else "no limit"
        if value == math.inf
        else str(value)
    )
