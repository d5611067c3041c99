"""The settings of a training, with the paper's defaults where it gives any. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from sec2sec.config import EncoderConfig, ModelConfig, Preset, SystemName, Temporal
from sec2sec.errors import SettingsError as SettingsError
from sec2sec.fields import Setting, Validated

if TYPE_CHECKING:
    from sec2sec.baselines import System

DATA, MODEL, ENCODERS = "data", "model", "encoders"
OPTIMISATION, STOPPING, OUTPUT = "optimisation", "stopping", "output"


@dataclass(frozen=True)
class TrainConfig(Validated):
    """All that decides what a training ends with, given its data; devices, folders and worker processes do not.

    The sentence of each field is the help of the command line and of the app.
    """

    data: Annotated[str, Setting("folder of the data set", DATA, metavar="DIR")] = ""
    liris_rule: Annotated[
        str, Setting("LIRIS-ACCEDE: what counts as high (median, mean, class, or a rating such as 3)", DATA)
    ] = "median"
    split: Annotated[
        str,
        Setting(
            "LIRIS-ACCEDE: official, disjoint in films, or random-7:1:2-films-leak, which is like the paper's", DATA
        ),
    ] = "official"
    interview: Annotated[bool, Setting("First Impressions: the interview score is a target as well", DATA)] = False
    targets: Annotated[tuple[str, ...], Setting("targets to learn; empty: all targets of the data set", DATA)] = ()
    system: Annotated[SystemName, Setting("which system of the paper's tables to train", MODEL)] = "sec2sec-sa-ca"
    preset: Annotated[
        Preset,
        Setting(
            "paper: encoders R(2+1)D-18 and ResNet-18, other systems in their published size; compact: small ones",
            MODEL,
        ),
    ] = "compact"
    temporal: Annotated[
        Temporal,
        Setting(
            "layer over seconds of the Sec2Sec systems: lstm (paper, eq. 3) or attention-lstm (paper, §4.4)", MODEL
        ),
    ] = "attention-lstm"
    feed_forward: Annotated[
        Literal["residual", "linear"],
        Setting("FC of the paper's equations: two layers with a residual connection, or one linear layer", MODEL),
    ] = "residual"
    width: Annotated[
        int,
        Setting("width D of the model; 0: 96 in the compact preset, 256 in the paper preset (CMA: 512)", MODEL, ge=0),
    ] = 0
    layers: Annotated[int, Setting("number of modules of the system CMA", MODEL, ge=1)] = 2
    heads: Annotated[int, Setting("number H of attention heads", MODEL, ge=1)] = 4
    hidden: Annotated[int, Setting("width of the LSTM's state; 0: the width of the model", MODEL, ge=0)] = 0
    init: Annotated[
        str,
        Setting(
            "compact preset: a checkpoint whose encoders to start from (empty: the bundled demo), or 'random'; "
            "other systems: 'random' instead of published weights",
            ENCODERS,
            metavar="DIR",
        ),
    ] = ""
    encoders: Annotated[
        Literal["frozen", "tuned"],
        Setting(
            "frozen: learn from cached tokens; tuned: train the encoders too, from frames (far slower: small batches)",
            ENCODERS,
        ),
    ] = "frozen"
    video_grid: Annotated[
        tuple[int, ...],
        Setting(
            "grid of visual tokens in a second (time, height, width); empty: as the encoders give them; 2,3,3 pools "
            "those of the paper preset",
            ENCODERS,
        ),
    ] = ()
    audio_grid: Annotated[
        tuple[int, ...],
        Setting(
            "grid of audio tokens in a second (bands, times); empty: as the encoders give them; 4,2 pools those of the "
            "paper preset",
            ENCODERS,
        ),
    ] = ()
    rate: Annotated[
        float | None,
        Setting(
            "learning rate of AdamW; default: 1e-4 in the paper preset, 1e-3 in the compact preset", OPTIMISATION, gt=0
        ),
    ] = None
    encoder_rate: Annotated[
        float | None,
        Setting(
            "learning rate of tuned encoders; default: 1e-5, or that of the rest where they start from random weights",
            OPTIMISATION,
            gt=0,
        ),
    ] = None
    weight_decay: Annotated[float, Setting("weight decay of AdamW", OPTIMISATION, ge=0)] = 1e-2
    warmup: Annotated[
        int,
        Setting(
            "optimiser steps until the full learning rate; never more than a tenth of the longest run",
            OPTIMISATION,
            ge=0,
        ),
    ] = 500
    clip_norm: Annotated[
        float, Setting("largest norm of the gradient; a longer one is scaled down", OPTIMISATION, gt=0)
    ] = 1.0
    batch: Annotated[int, Setting("clips in an optimiser step of each process", OPTIMISATION, ge=1)] = 32
    score_loss: Annotated[
        Literal["l1", "smooth_l1"],
        Setting("loss of targets that are scores; classes are trained with cross-entropy", OPTIMISATION),
    ] = "l1"
    dropout: Annotated[float, Setting("share of activations dropped in training", OPTIMISATION, ge=0, lt=1)] = 0.3
    modality_dropout: Annotated[
        float,
        Setting(
            "share of clips whose sound, and as many whose picture, is hidden in training", OPTIMISATION, ge=0, le=0.5
        ),
    ] = 0.0
    seed: Annotated[int, Setting("seed of the initial weights, the order of clips and dropout", OPTIMISATION, ge=0)] = 0
    epochs: Annotated[int, Setting("largest number of epochs (paper, §4.2)", STOPPING, ge=1)] = 250
    patience: Annotated[
        int,
        Setting("stop after this number of consecutive epochs of rising validation loss (paper, §4.2)", STOPPING, ge=1),
    ] = 5
    examples: Annotated[
        int,
        Setting(
            "number of validation clips whose prediction and attention the report of each epoch shows", OUTPUT, ge=0
        ),
    ] = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rate is None:
            object.__setattr__(self, "rate", 1e-4 if self.preset == "paper" else 1e-3)
        if self.encoder_rate is None:
            object.__setattr__(self, "encoder_rate", self.rate if self.init == "random" else 1e-5)
        if not self._system.uses_encoder_tokens:
            self._check_inputs()
        elif self.preset == "paper" and self.init:
            raise SettingsError("init is for the compact preset; the paper preset starts from torchvision's weights")
        if self.init == "random" and self.encoders == "frozen":
            raise SettingsError("random encoders must be trained: add --encoders tuned, or start from a checkpoint")
        self.encoder_config()
        self.model_config(("any",))

    @property
    def _system(self) -> System:
        from sec2sec.baselines import SYSTEMS  # a help needs the names alone

        return SYSTEMS[self.system]

    def _check_inputs(self) -> None:
        """Refuse what makes no sense for a system without encoders."""
        if self.video_grid or self.audio_grid:
            raise SettingsError(f"{self.system} reads no encoder tokens: omit video_grid and audio_grid")
        if self.preset == "compact" and (self.init or self.encoders == "tuned"):
            raise SettingsError(
                f"the small {self.system} has no encoders and is trained as a whole: omit init and encoders"
            )
        if self.init not in ("", "random"):
            raise SettingsError(f"{self.system} starts from published weights, or from init 'random'")
        if self.preset == "paper" and self.encoders == "frozen" and self.modality_dropout:
            raise SettingsError("modality_dropout needs --encoders tuned here: frozen backbones see each clip once")

    def encoder_config(self) -> EncoderConfig:
        """The encoders that these settings ask for, where no checkpoint brings them."""
        return regridded(self._system.encoder_config(self.preset), self.video_grid, self.audio_grid)

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


def train_config(values: Mapping[str, Any], source: str = "") -> TrainConfig:
    """Settings from JSON, YAML or the command line. Raises SettingsError that names `source` and the field."""
    return TrainConfig.from_mapping(values, source)


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The settings as JSON has them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


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
