"""The settings of a training, with the paper's defaults where it gives any. Nothing here imports torch."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from sec2sec.baselines import SYSTEMS
from sec2sec.config import EncoderConfig, ModelConfig, Preset, SystemName, Temporal
from sec2sec.errors import SettingsError as SettingsError

# How `--help` groups the settings; each is in one group
GROUPS: Mapping[str, tuple[str, ...]] = {
    "data": ("data", "liris_rule", "split", "interview", "targets"),
    "model": ("system", "preset", "temporal", "feed_forward", "width", "layers", "heads", "hidden"),
    "encoders": ("init", "encoders", "video_grid", "audio_grid"),
    "optimisation": (
        *("rate", "encoder_rate", "weight_decay", "warmup", "clip_norm", "batch", "epochs", "patience"),
        *("score_loss", "dropout", "modality_dropout", "seed"),
    ),
    "output": ("examples",),
}
METAVARS: Mapping[Any, str] = {str: "TEXT", int: "N", float: "X", bool: "yes|no", "data": "DIR", "init": "DIR"}


@dataclass(frozen=True)
class TrainConfig:
    """All that decides what a training ends with, given its data; devices, folders and worker processes do not.

    The sentence beside each field is the help of the command line and of the app.
    """

    data: Annotated[str, "folder of the data set"] = ""
    liris_rule: Annotated[str, "LIRIS-ACCEDE: what counts as high (median, mean, class, or a rating such as 3)"] = (
        "median"
    )
    split: Annotated[
        str, "LIRIS-ACCEDE: official, disjoint in films, or random-7:1:2-films-leak, the paper-like one"
    ] = "official"
    interview: Annotated[bool, "First Impressions: the interview score is a target too"] = False
    targets: Annotated[tuple[str, ...], "targets to learn; empty: all targets of the data set"] = ()
    system: Annotated[SystemName, "which system of the paper's tables to train"] = "sec2sec-sa-ca"
    preset: Annotated[
        Preset, "paper: encoders R(2+1)D-18 and ResNet-18, other systems in their published size; compact: small ones"
    ] = "compact"
    init: Annotated[
        str,
        "compact preset: a checkpoint whose encoders to start from (empty: the bundled demo), or 'random'; "
        "other systems: 'random' instead of published weights",
    ] = ""
    encoders: Annotated[
        Literal["frozen", "tuned"],
        "frozen: learn from cached tokens; tuned: train the encoders too, from frames (far slower: small batches)",
    ] = "frozen"
    video_grid: Annotated[
        tuple[int, ...],
        "grid of visual tokens in a second (time, height, width); empty: as the encoders give them; 2,3,3 pools those "
        "of the paper preset",
    ] = ()
    audio_grid: Annotated[
        tuple[int, ...],
        "grid of audio tokens in a second (bands, times); empty: as the encoders give them; 4,2 pools those of the "
        "paper preset",
    ] = ()
    temporal: Annotated[
        Temporal, "layer over seconds of the Sec2Sec systems: lstm (paper, eq. 3) or attention-lstm (paper, §4.4)"
    ] = "attention-lstm"
    feed_forward: Annotated[
        Literal["residual", "linear"],
        "FC of the paper's equations: two layers with a residual connection, or one linear layer",
    ] = "residual"
    width: Annotated[int, "width D of the model; 0: 96 in the compact preset, 256 in the paper preset (CMA: 512)"] = 0
    layers: Annotated[int, "number of modules of the system CMA"] = 2
    heads: Annotated[int, "number H of attention heads"] = 4
    hidden: Annotated[int, "width of the LSTM's state; 0: the width of the model"] = 0
    dropout: Annotated[float, "share of activations dropped in training"] = 0.3
    modality_dropout: Annotated[
        float, "share of clips whose sound, and as many whose picture, is hidden in training"
    ] = 0.0
    rate: Annotated[
        float | None, "learning rate of AdamW; default: 1e-4 in the paper preset, 1e-3 in the compact preset"
    ] = None
    encoder_rate: Annotated[
        float | None,
        "learning rate of tuned encoders; default: 1e-5, or the full rate where they start from random weights",
    ] = None
    weight_decay: Annotated[float, "weight decay of AdamW"] = 1e-2
    warmup: Annotated[
        int, "optimiser steps until the full learning rate; never more than a tenth of the longest run"
    ] = 500
    clip_norm: Annotated[float, "largest norm of the gradient; a longer one is scaled down"] = 1.0
    batch: Annotated[int, "clips in an optimiser step of each process"] = 32
    epochs: Annotated[int, "largest number of epochs (paper, §4.2)"] = 250
    patience: Annotated[int, "stop after this number of consecutive epochs of rising validation loss (paper, §4.2)"] = 5
    score_loss: Annotated[
        Literal["l1", "smooth_l1"], "loss of targets that are scores; classes are trained with cross-entropy"
    ] = "l1"
    seed: Annotated[int, "seed of the initial weights, the order of clips and dropout"] = 0
    examples: Annotated[
        int, "number of validation clips whose prediction and attention the report of each epoch shows"
    ] = 4

    def __post_init__(self) -> None:
        hints = get_type_hints(TrainConfig)
        for each in fields(self):
            _check_type(each.name, getattr(self, each.name), hints[each.name])
        if self.rate is None:
            object.__setattr__(self, "rate", 1e-4 if self.preset == "paper" else 1e-3)
        if self.encoder_rate is None:
            object.__setattr__(self, "encoder_rate", self.rate if self.init == "random" else 1e-5)
        for name in ("rate", "encoder_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("weight_decay", "warmup", "seed", "examples", "width", "hidden"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("batch", "epochs", "patience", "heads", "layers"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.modality_dropout <= 0.5:
            raise SettingsError(f"modality_dropout must be from 0 to 0.5, not {self.modality_dropout}")
        if SYSTEMS[self.system].uses_encoder_tokens:
            if self.preset == "paper" and self.init:
                raise SettingsError(
                    "init is for the compact preset; the paper preset starts from torchvision's weights"
                )
        else:
            self._check_inputs()
        if self.init == "random" and self.encoders == "frozen":
            raise SettingsError(
                "encoders of init 'random' know nothing: add --encoders tuned, or start from a checkpoint"
            )
        self.encoder_config()
        self.model_config(("any",))

    def _check_inputs(self) -> None:
        """Refuse what makes no sense for a system without encoders."""
        if self.video_grid or self.audio_grid:
            raise SettingsError(f"{self.system} reads no encoder tokens: leave video_grid and audio_grid away")
        if self.preset == "compact" and (self.init or self.encoders == "tuned"):
            raise SettingsError(
                f"the small {self.system} has no encoders and learns whole: leave init and encoders away"
            )
        if self.init not in ("", "random"):
            raise SettingsError(f"{self.system} starts from published weights, or from init 'random'")
        if self.preset == "paper" and self.encoders == "frozen" and self.modality_dropout:
            raise SettingsError("modality_dropout needs --encoders tuned here: frozen backbones see each clip once")

    def encoder_config(self) -> EncoderConfig:
        """The encoders that these settings ask for, where no checkpoint brings them."""
        return regridded(SYSTEMS[self.system].encoder_config(self.preset), self.video_grid, self.audio_grid)

    def model_config(self, targets: tuple[str, ...], input_width: int = 1) -> ModelConfig:
        """Everything right of the tokens."""
        published = 512 if self.system == "cma" else 256
        width = self.width or (published if self.preset == "paper" else 96)
        return ModelConfig(
            targets=targets,
            system=self.system,
            temporal=self.temporal,
            input_width=input_width,
            width=width,
            heads=self.heads,
            hidden=self.hidden or width,
            dropout=self.dropout,
            feed_forward=self.feed_forward,
            layers=self.layers,
            size="published" if self.preset == "paper" else "small",
        )


def regridded(config: EncoderConfig, video: tuple[int, ...], audio: tuple[int, ...]) -> EncoderConfig:
    """The same encoders with other grids of tokens; an empty grid leaves what is there."""
    if len(video) not in (0, 3) or len(audio) not in (0, 2):
        raise SettingsError(f"video_grid takes three numbers and audio_grid two, not {video} and {audio}")
    grids: dict[str, Any] = {"video_grid": video or config.video_grid, "audio_grid": audio or config.audio_grid}
    return replace(config, **grids)


def _check_type(name: str, value: Any, hint: Any) -> None:
    """Refuse a value of another kind, in words; the dataclass itself would take anything."""
    choices = get_args(hint)
    if hint == float | None:
        hint = float
        if value is None:
            return
    if hint is float:
        ok, wanted = isinstance(value, int | float) and not isinstance(value, bool) and value == value, "a number"
    elif hint is int:
        ok, wanted = isinstance(value, int) and not isinstance(value, bool), "a whole number"
    elif hint is bool:
        ok, wanted = isinstance(value, bool), "true or false"
    elif hint is str:
        ok, wanted = isinstance(value, str), "text"
    elif choices and choices[-1] is Ellipsis:
        ok = isinstance(value, tuple) and all(type(each) is choices[0] for each in value)
        wanted = f"a list of {'names' if choices[0] is str else 'whole numbers'}"
    else:
        ok, wanted = value in choices, " or ".join(choices)
    if not ok:
        raise SettingsError(f"{name} must be {wanted}, not {value!r}")


def train_config(values: Mapping[str, Any], source: str = "") -> TrainConfig:
    """Settings from JSON, YAML or the command line. Raises SettingsError that names `source` and the field."""
    known = {each.name for each in fields(TrainConfig)}
    where = f"{source}: " if source else ""
    if unknown := sorted(set(values) - known):
        raise SettingsError(f"{where}no setting is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    hints = get_type_hints(TrainConfig)
    try:
        return TrainConfig(**{name: _from_text(value, hints[name]) for name, value in values.items()})
    except SettingsError as error:
        raise SettingsError(f"{where}{error}") from None


def _from_text(value: Any, hint: Any) -> Any:
    """What a file says, as the dataclass wants it: lists become tuples, and YAML takes 1e-4 for text."""
    if isinstance(value, list):
        return tuple(value)
    if hint in (float, float | None) and isinstance(value, str):
        with suppress(ValueError):
            return float(value)
    return value


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The settings as JSON has them."""
    return json.loads(json.dumps(asdict(config)))


def read_mapping(path: Path) -> dict[str, Any]:
    """A JSON or YAML file that holds one mapping. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    try:
        if path.suffix == ".json":
            value = json.loads(text)
        else:
            import yaml

            value = yaml.safe_load(text)
    except Exception as error:  # json's and yaml's own errors
        raise SettingsError(f"{path}: is neither JSON nor YAML ({' '.join(str(error).split())})") from error
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise SettingsError(f"{path}: expected names with values, found {type(value).__name__}")
    return value


def add_flags(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> dict[str, argparse._ArgumentGroup]:
    """One option a setting, in the groups that are returned; an option that is left out is absent from the result.

    without: settings that get no option.
    """
    hints = get_type_hints(TrainConfig, include_extras=True)
    groups = {title: parser.add_argument_group(title) for title in GROUPS}
    for title, names in GROUPS.items():
        for name in names:
            if name in without:
                continue
            kind, text = get_args(hints[name])
            kind = float if kind == float | None else kind
            choices = get_args(kind)
            many = bool(choices) and choices[-1] is Ellipsis
            default = getattr(TrainConfig, name)
            groups[title].add_argument(
                f"--{name.replace('_', '-')}",
                dest=name,
                default=argparse.SUPPRESS,
                metavar=None if choices and not many else "A,B" if many else METAVARS.get(name, METAVARS[kind]),
                choices=choices if choices and not many else None,
                type=partial(_flag, many=many, kind=choices[0] if many else str if choices else kind),
                help=text + (f" (default: {default})" if default not in ("", (), 0, False, None) else ""),
            )
    return groups


def settings_among(options: argparse.Namespace) -> dict[str, Any]:
    """The settings among a command's options, by name."""
    return {each.name: getattr(options, each.name) for each in fields(TrainConfig) if hasattr(options, each.name)}


def _flag(text: str, many: bool, kind: type) -> Any:
    """The value of an option: a list where commas part it, yes or no, a number or text."""
    if many:
        return tuple(kind(each.strip()) for each in text.split(",") if each.strip())
    if kind is bool:
        if text not in ("yes", "no"):
            raise argparse.ArgumentTypeError(f"expected yes or no, not {text!r}")
        return text == "yes"
    return kind(text)
