"""What a host of the app may choose, from the environment (SEC2SEC_…) or the command line; only this reads either."""

from __future__ import annotations

import argparse
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sec2sec.config import MediaLimits
from sec2sec.errors import SettingsError
from sec2sec.fields import Validated, add_flags, fields_of, flag_values, setting
from sec2sec.paths import program_paths

Device = Literal["auto", "cpu", "cuda"]
PATHS = program_paths()
PREFIX = "SEC2SEC_"  # of the environment variables: SEC2SEC_MAX_SECONDS sets max_seconds
SPACE_VARIABLES = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT"}  # gradio's own, which a Space sets
HOST = "127.0.0.1"
MIN_CODE_LENGTH = 8  # of the class code: shorter ones can be guessed
# Defaults on a public server: where --host is not this machine alone, with a class code, and on a Hugging Face Space
PUBLIC: Mapping[str, Any] = {
    "private_runs": True,
    "job_seconds": 600.0,
    "train_clips": 1_000,
    "train_epochs": 200,
    "train_minutes": 30.0,
    "train_megabytes": 1_000,
    "train_visitor_megabytes": 2_000.0,
    "train_stored_megabytes": 20_000.0,
    "keep_trainings": 168.0,
}
SERVER, FOLDERS, CLIPS, TRAINING = "server", "folders", "clips of visitors", "training"


@dataclass(frozen=True)
class Settings(Validated):
    """The defaults suit a person at their own machine; those of a public server are `PUBLIC`."""

    host: str = setting(HOST, "address to listen on; 0.0.0.0 for every network of this machine", SERVER)
    port: int = setting(7860, "port to listen on", SERVER, ge=0, le=65535)
    origins: str = setting(
        "",
        "addresses under which the page is reached where they differ from what a proxy tells as Host, "
        "e.g. https://class.example.org; several are separated by spaces",
        SERVER,
    )
    class_code: str = setting(
        "",
        "code that visitors have to enter before they see anything, of at least 8 characters; other users of this "
        "machine can read options, so that the variable is the better place",
        SERVER,
    )
    behind_proxy: bool = setting(
        False,
        "whether a proxy of yours is in front, whose X-Forwarded-For tells who asks; on a Hugging Face Space the "
        "default is yes",
        SERVER,
    )
    device: Device = setting("auto", "device to compute on; auto takes every GPU there is, or else the CPU", SERVER)
    checkpoints: Path = setting(PATHS.checkpoints, "folder of checkpoints to choose from, each a folder", FOLDERS)
    examples: Path = setting(PATHS.examples, "folder of example clips (*.mp4)", FOLDERS)
    data_sets: Path = setting(PATHS.data_sets, "folder of data sets to train and evaluate on, each a folder", FOLDERS)
    runs: Path = setting(PATHS.runs / "app", "folder of the trainings, each a folder", FOLDERS)
    max_seconds: float = setting(600.0, "longest part of a clip that is analysed, in seconds", CLIPS, gt=0)
    max_megabytes: int = setting(500, "largest clip that may be uploaded, in MB", CLIPS, ge=1)
    clip_pixels: float = setting(
        4e10,
        "largest number of pixels that are decoded of one clip, all its frames together; "
        "ten minutes of 1920×1080 at 30 frames per second have 3.7e10",
        CLIPS,
        gt=0,
    )
    delete_after: float = setting(
        3600.0,
        "age at which uploads and what was derived from them are deleted, in seconds; "
        "an uploaded training set is deleted with its training, see --keep-trainings",
        CLIPS,
        gt=0,
    )
    visitor_megabytes: int = setting(
        8_000, "largest amount that one address may upload within the time of --delete-after, in MB", CLIPS, ge=1
    )
    stored_megabytes: int = setting(20_000, "largest amount of all visitors' files at once, in MB", CLIPS, ge=1)
    address_queue: int = setting(40, "clips of one address that may wait or be explained", CLIPS, ge=1)
    isolated_decoding: bool = setting(
        True, "whether clips are decoded in processes of their own, with limits on memory and time", CLIPS
    )
    concurrency: int = setting(
        2, "clips that are explained at once; encoding itself takes turns on each device", CLIPS, ge=1
    )
    queue: int = setting(120, "number of clips that may wait for their turn", CLIPS, ge=1)
    job_seconds: float = setting(
        math.inf,
        "longest work on one request (an explanation, a film, an evaluation), in seconds; waiting does not count; "
        "600 on a public server",
        CLIPS,
        gt=0,
    )
    training: bool = setting(
        True, "whether models can be trained from the app; on a Hugging Face Space the default is no", TRAINING
    )
    private_runs: bool = setting(
        False,
        "whether visitors see only their own trainings and models; yes on a public server",
        TRAINING,
    )
    server_folders: bool = setting(
        False, "whether visitors may train on any folder of this machine, by its path", TRAINING
    )
    train_clips: int = setting(
        20_000, "largest number of clips in a training's data set; 1000 on a public server", TRAINING, ge=1
    )
    train_epochs: int = setting(1_000, "largest number of epochs of a training; 200 on a public server", TRAINING, ge=1)
    train_minutes: float = setting(
        math.inf,
        "longest work of a training, in minutes; then the best weights so far are kept; 30 on a public server",
        TRAINING,
        gt=0,
    )
    train_megabytes: int = setting(
        4_000,
        "largest data set that may be uploaded, packed or unpacked, in MB; 1000 on a public server",
        TRAINING,
        ge=1,
    )
    train_visitor_megabytes: float = setting(
        math.inf,
        "largest amount that the trainings of one visitor may take, in MB; 2000 on a public server",
        TRAINING,
        gt=0,
    )
    train_stored_megabytes: float = setting(
        math.inf, "largest amount that all trainings may take, in MB; 20000 on a public server", TRAINING, gt=0
    )
    keep_trainings: float = setting(
        math.inf,
        "time after which a training that has ended is deleted with its data and its model, in hours; 168 (a week) on "
        "a public server",
        TRAINING,
        gt=0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("checkpoints", "examples", "runs", "data_sets"):  # trainings are processes with another folder
            object.__setattr__(self, name, getattr(self, name).absolute())
        if self.class_code and len(self.class_code.strip()) < MIN_CODE_LENGTH:
            raise SettingsError(
                f"--class-code must have at least {MIN_CODE_LENGTH} characters, so that nobody guesses it"
            )

    @property
    def limits(self) -> MediaLimits:
        """What a clip may cost before it is refused."""
        return MediaLimits(
            max_bytes=self.max_megabytes * 1024**2,
            max_seconds=self.max_seconds,
            max_decoded=self.clip_pixels,
            isolated=self.isolated_decoding,
        )

    @property
    def largest_upload(self) -> int:
        """MB of any file that is taken; what it is for has its own limit."""
        return max(self.max_megabytes, self.train_megabytes) if self.training else self.max_megabytes

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """One option for each setting."""
        add_flags(parser, Settings, variables=PREFIX)

    @staticmethod
    def choose(options: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
        """--port before SEC2SEC_PORT before the default. Raises SettingsError that names the option or the variable."""
        values = environment_values(environment) | flag_values(options, Settings)
        is_public = (
            "SPACE_ID" in environment or bool(values.get("class_code")) or not is_loopback(values.get("host", HOST))
        )
        return Settings(**({**PUBLIC, **values} if is_public else values))

    @staticmethod
    def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
        """The settings of app.py; ends the process with one line where they cannot be used."""
        parser = argparse.ArgumentParser(prog="app.py", description="The app of sec2sec, on http://HOST:PORT.")
        Settings.add_arguments(parser)
        options = parser.parse_args(arguments)
        try:
            return Settings.choose(options, environment)
        except SettingsError as error:
            parser.error(str(error))


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def environment_values(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the environment has a variable for. Raises SettingsError that names the variable."""
    on_a_space = {"training": False, "behind_proxy": True}
    values: dict[str, Any] = on_a_space if "SPACE_ID" in environment else {}
    if "SPACES_ZERO_GPU" in environment:  # a clip has a process of its own there, and another would cost GPU time
        values["isolated_decoding"] = False
    for name, field in fields_of(Settings).items():
        for variable in (f"{PREFIX}{name.upper()}", SPACE_VARIABLES.get(name, "")):
            if variable in environment:
                values[name] = field.validate(environment[variable], variable)
                break
    return values
