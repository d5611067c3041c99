"""The settings of a training, with the paper's defaults where it gives any. Nothing here imports torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sec2sec.config import COMPACT, EncoderConfig, ModelConfig, Preset, SystemName, Temporal
from sec2sec.datasets.groups import DEFAULT_SHARES
from sec2sec.encoder_names import R2PLUS1D, RESNET, check_names
from sec2sec.errors import SettingsError as SettingsError
from sec2sec.fields import Validated, setting

if TYPE_CHECKING:
    from sec2sec.baselines import System

RUN_SCHEMA = "sec2sec.run/1"  # of a run folder's config.json
DATA, MODEL, ENCODERS = "data", "model", "encoders"
OPTIMISATION, STOPPING, OUTPUT = "optimisation", "stopping", "output"
LOSS = "loss"  # of what may choose an epoch, the only figure that is better where it is lower
SELECTABLE = {  # the others, by kind of target: those of SHOWN in sec2sec/metrics.py, which a help need not import
    "binary": ("accuracy", "f1", "balanced_accuracy", "macro_f1", "auroc"),
    "score": ("mean_accuracy", "r2", "pearson", "ccc"),
}


@dataclass(frozen=True)
class TrainConfig(Validated):
    """All that decides what a training ends with, given its data; devices, folders and worker processes do not.

    The sentence of each field is the help of the command line and of the app.
    """

    data: str = setting("", "folder of the data set", DATA, metavar="DIR")
    liris_rule: str = setting(
        "median",
        "LIRIS-ACCEDE: what counts as high (median, mean, or a rating such as 3), or a score (class, rating, rank)",
        DATA,
    )
    split: str = setting(
        "official",
        "LIRIS-ACCEDE: official, disjoint in films, or random-7:1:2-films-leak, which is like the paper's",
        DATA,
    )
    split_seed: int = setting(
        0, "seed of a random split, which stays while `seed` changes: of LIRIS-ACCEDE, or by group", DATA, ge=0
    )
    split_shares: tuple[int, int, int] = setting(
        DEFAULT_SHARES,
        "clips.csv without a column split: shares of clips for training, validation and test, drawn by group; of a "
        "fold, the first two count",
        DATA,
        ge=1,
        le=1000,
    )
    fold: str = setting(
        "",
        "one training of a cross-validation by group: 2/5 is the second of five folds, 2/groups the second group; the "
        "fold is the test, and validation is drawn from the other groups",
        DATA,
        metavar="I/K",
    )
    interview: bool = setting(False, "First Impressions: the interview score is a target as well", DATA)
    targets: tuple[str, ...] = setting((), "targets to learn; empty: all targets of the data set", DATA)
    system: SystemName = setting("sec2sec-sa-ca", "which system of the paper's tables to train", MODEL)
    preset: Preset = setting(
        "compact",
        "paper: encoders R(2+1)D-18 and ResNet-18, other systems in their published size; compact: small ones",
        MODEL,
    )
    temporal: Temporal = setting(
        "attention-lstm",
        "layer over seconds of the Sec2Sec systems: lstm (paper, eq. 3), attention-lstm (paper, §4.4), or "
        "attention-pooling-lstm: the last state has no path of its own, so that the prediction must use the attention",
        MODEL,
    )
    feed_forward: Literal["residual", "linear"] = setting(
        "residual", "FC of the paper's equations: two layers with a residual connection, or one linear layer", MODEL
    )
    width: int = setting(
        0, "width D of the model; 0: 96 in the compact preset, 256 in the paper preset (CMA: 512)", MODEL, ge=0
    )
    layers: int = setting(2, "number of modules of the system CMA", MODEL, ge=1)
    heads: int = setting(4, "number H of attention heads", MODEL, ge=1)
    hidden: int = setting(0, "width of the LSTM's state; 0: the width of the model", MODEL, ge=0)
    init: str = setting(
        "",
        "compact preset: checkpoint whose encoders to start from (empty: the bundled demo), or 'random'; "
        "other systems: 'random' instead of published weights",
        ENCODERS,
        metavar="DIR",
    )
    video_encoder: str = setting(
        "",
        "visual encoder by its name, e.g. timm:tf_efficientnet_lite0; `sec2sec encoders` lists tested names; empty: "
        "the encoder of the preset",
        ENCODERS,
        metavar="NAME",
    )
    audio_encoder: str = setting(
        "",
        "audio encoder by its name, e.g. mfcc-resnet18; empty: the encoder of the preset",
        ENCODERS,
        metavar="NAME",
    )
    frames_per_second: int = setting(
        0, "frames per second of a visual encoder of single pictures; 0: 2", ENCODERS, ge=0, le=30
    )
    encoders: Literal["frozen", "tuned"] = setting(
        "frozen",
        "frozen: learn from cached tokens; tuned: train the encoders as well, from frames (far slower)",
        ENCODERS,
    )
    video_grid: tuple[int, ...] = setting(
        (),
        "grid of visual tokens in a second (time, height, width), e.g. 2,3,3; empty: the grid of the preset",
        ENCODERS,
    )
    audio_grid: tuple[int, ...] = setting(
        (), "grid of audio tokens in a second (bands, times), e.g. 4,2; empty: the grid of the preset", ENCODERS
    )
    rate: float | None = setting(
        None,
        "learning rate of AdamW; default: 1e-4 in the paper preset, 1e-3 in the compact preset",
        OPTIMISATION,
        gt=0,
    )
    encoder_rate: float | None = setting(
        None, "learning rate of tuned encoders; default: 1e-5, or the same rate for random encoders", OPTIMISATION, gt=0
    )
    weight_decay: float = setting(1e-2, "weight decay of AdamW", OPTIMISATION, ge=0)
    warmup: int = setting(
        500,
        "optimiser steps until the full learning rate; never more than a tenth of the longest run",
        OPTIMISATION,
        ge=0,
    )
    clip_norm: float = setting(1.0, "largest norm of the gradient; a longer one is scaled down", OPTIMISATION, gt=0)
    batch: int = setting(32, "clips in an optimiser step of each process", OPTIMISATION, ge=1)
    score_loss: Literal["l1", "smooth_l1", "ccc"] = setting(
        "l1", "loss of targets that are scores; classes are trained with cross-entropy", OPTIMISATION
    )
    class_weights: Literal["none", "balanced"] = setting(
        "none", "balanced: a rare class weighs as much in the loss as a frequent one", OPTIMISATION
    )
    weight_by: str = setting(
        "",
        "column by whose numbers clips weigh in the loss, such as recognised of EmoDB; empty: all alike",
        OPTIMISATION,
        metavar="COLUMN",
    )
    label_smoothing: float = setting(
        0.0, "share by which classes are taught less surely: 1 as 1 - half of it", OPTIMISATION, ge=0, lt=1
    )
    dropout: float = setting(0.3, "share of activations dropped in training", OPTIMISATION, ge=0, lt=1)
    modality_dropout: float = setting(
        0.0, "share of clips whose sound, and as many whose picture, is hidden in training", OPTIMISATION, ge=0, le=0.5
    )
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = setting(
        "auto",
        "precision of training, as Lightning Fabric names it; auto: bf16-mixed on a GPU that computes in it natively, "
        "else 32-true",
        OPTIMISATION,
    )
    seed: int = setting(0, "seed of the initial weights, the order of clips and dropout", OPTIMISATION, ge=0)
    epochs: int = setting(250, "largest number of epochs (paper, §4.2)", STOPPING, ge=1)
    patience: int = setting(
        5, "stop after this number of epochs in a row of which `stop_rule` is true (paper, §4.2)", STOPPING, ge=1
    )
    stop_rule: Literal["rising", "no-improvement"] = setting(
        "rising",
        "rising: the validation loss is above that of the epoch before (paper, §4.2); no-improvement: another epoch is "
        "better",
        STOPPING,
    )
    threshold: Literal["0.5", "validation"] = setting(
        "0.5",
        "prediction above which a class is 1; validation: where the balanced accuracy of the validation clips is "
        "highest, the nearest to 0.5 among equals",
        OUTPUT,
    )
    select_by: tuple[str, ...] = setting(
        (),
        "validation figure that chooses the epoch: loss, or a metric, or one of classes and one of scores as f1,ccc; "
        "mean over targets, then the lower loss, then the earlier epoch (default: accuracy of classes, 1 - mean error "
        "of scores)",
        STOPPING,
    )
    examples: int = setting(
        4, "number of validation clips whose prediction and attention the report of each epoch shows", OUTPUT, ge=0
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", str(self.threshold))  # YAML reads 0.5 as a number
        super().__post_init__()
        self._check_select_by()
        if self.rate is None:
            object.__setattr__(self, "rate", 1e-4 if self.preset == "paper" else 1e-3)
        if self.encoder_rate is None:
            object.__setattr__(self, "encoder_rate", self.rate if self.init == "random" else 1e-5)
        if not self._system.uses_encoder_tokens:
            self._check_inputs()
        elif self.preset == "paper" and self.init:
            raise SettingsError("init is for the compact preset; the paper preset starts from torchvision's weights")
        self._check_encoder_names()
        if self.init == "random" and self.encoders == "frozen":
            raise SettingsError("random encoders must be trained: add --encoders tuned, or start from a checkpoint")
        if self.names_encoders:  # what their maps are is known once their files are read
            check_grids(self.video_grid, self.audio_grid)
        else:
            self.encoder_config()
        self.model_config(("any",))

    def _check_select_by(self) -> None:
        """Refuse a figure that there is not, and two for one kind of target."""
        of_kind = [[name for name in names if name in self.select_by] for names in SELECTABLE.values()]
        if unknown := set(self.select_by) - {LOSS, *(name for names in SELECTABLE.values() for name in names)}:
            there = ", ".join([LOSS, *(name for names in SELECTABLE.values() for name in names)])
            raise SettingsError(f"select_by has {', '.join(sorted(unknown))}; there are {there}")
        if (LOSS in self.select_by and len(self.select_by) > 1) or any(len(names) > 1 for names in of_kind):
            raise SettingsError(
                f"select_by is {', '.join(self.select_by)}; give {LOSS}, or at most one metric of classes and one of "
                "scores"
            )

    def _check_encoder_names(self) -> None:
        """Refuse names that no family has, and names where nothing reads encoders."""
        if self.frames_per_second and ":" not in self.video_encoder:
            raise SettingsError("frames_per_second is for a visual encoder by its name, such as timm:NAME")
        if not self.names_encoders:
            return
        check_names(self.video_encoder, self.audio_encoder)
        if not self._system.uses_encoder_tokens:
            raise SettingsError(f"{self.system} reads no encoder tokens: omit video_encoder and audio_encoder")
        if self.init == "random":
            raise SettingsError("encoders by name start from published weights: omit init 'random'")

    @property
    def names_encoders(self) -> bool:
        """Whether an encoder is chosen by its name, not by the preset."""
        return bool(self.video_encoder or self.audio_encoder)

    @property
    def encoder_names(self) -> tuple[str, str]:
        """The names of the visual and of the audio encoder; an empty one is the preset's."""
        own = (R2PLUS1D, RESNET) if self.preset == "paper" else (COMPACT, COMPACT)
        return self.video_encoder or own[0], self.audio_encoder or own[1]

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
        """The encoders of the preset, where no checkpoint brings them."""
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
    check_grids(video, audio)
    grids: dict[str, Any] = {"video_grid": video or config.video_grid, "audio_grid": audio or config.audio_grid}
    return replace(config, **grids)


def check_grids(video: tuple[int, ...], audio: tuple[int, ...]) -> None:
    """SettingsError where a grid of tokens has other dimensions; an empty grid is none."""
    if len(video) not in (0, 3) or len(audio) not in (0, 2):
        raise SettingsError(f"video_grid takes three numbers and audio_grid two, not {video} and {audio}")


def train_config(values: Mapping[str, Any], source: str = "") -> TrainConfig:
    """Settings from JSON, YAML or the command line. Raises SettingsError that names `source` and the field."""
    return TrainConfig.from_mapping(values, source)


def selection_words(select_by: Sequence[str]) -> str:
    """What chooses the epoch, in words that follow "the best by"."""
    return f"validation {' and '.join(select_by).replace('_', ' ') or 'score'}"


def earlier_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that were written before `split_seed` was one of them: a random split was drawn from `seed` then."""
    return {"split_seed": values.get("seed", 0), **values}


def as_json(config: TrainConfig) -> dict[str, Any]:
    """The settings as JSON has them."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


def read_mapping(path: Path) -> dict[str, Any]:
    """A JSON or YAML file that holds one mapping; of a run folder's config.json, its settings. Raises SettingsError."""
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
    if value.get("schema") == RUN_SCHEMA and isinstance(value.get("config"), dict):  # config.json of a run folder
        return earlier_settings(value["config"])
    return value
