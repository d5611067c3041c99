"""What a training starts from: a data set that can be learned from, encoders, and how loud its sound is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sec2sec import DEMO
from sec2sec.baselines import SYSTEMS, build_system
from sec2sec.checkpoints import checkpoint_name, load_encoders
from sec2sec.config import COMPACT, AudioConfig, AudioEncoderConfig, EncoderConfig, ModelConfig, VideoEncoderConfig
from sec2sec.datasets.cache import TokenCache, read_tokens
from sec2sec.datasets.extract import decode_all
from sec2sec.datasets.feature_table import modalities_of
from sec2sec.datasets.open import open_data
from sec2sec.datasets.table import SPLITS, DataError, FeatureSource, Row, Table
from sec2sec.encoder_names import RESNET
from sec2sec.encoders import Encoders, build_encoders
from sec2sec.encoders.named import named_config
from sec2sec.encoding import encode_clip, stack
from sec2sec.features import MfccImage
from sec2sec.hub.download import checkpoint_folder
from sec2sec.media import Second
from sec2sec.metrics import TrainingLabels
from sec2sec.model import Model
from sec2sec.training.batches import Clips, cached_clips, clip_weight
from sec2sec.training.loop import mix_seeds
from sec2sec.training.settings import SELECTABLE, SettingsError, TrainConfig, regridded

NEED_LABELS_THAT_VARY = ("auroc", "r2", "pearson", "ccc")  # metrics that are undefined without
MEASURED_CLIPS = 200  # of the training, for the statistics of sound; evenly spread over the table


def load_data(config: TrainConfig, open_table: Callable[..., Table] = open_data) -> tuple[Table, tuple[str, ...]]:
    """The table and the targets that these settings ask for. Raises DataError or SettingsError.

    open_table: open_data, or what reads as it does within other limits.
    """
    if not config.data:
        raise SettingsError("data is missing: give the folder of a data set")
    table = open_table(
        config.data,
        liris_rule=config.liris_rule,
        split=config.split,
        split_seed=config.split_seed,
        split_shares=config.split_shares,
        fold=config.fold,
        interview=config.interview,
    )
    check_features(config, table)
    targets = config.targets or table.targets
    if unknown := [name for name in targets if name not in table.targets]:
        raise DataError(
            f"{table.directory}: no target is called {', '.join(unknown)}; "
            f"there are {', '.join(table.targets) or 'none'}"
        )
    for row in table.rows if config.weight_by else ():
        clip_weight(row, config.weight_by)
    if not targets:
        raise DataError(f"{table.directory}: its table has no target to learn; add a column with a number a clip")
    return table, targets


def check_features(config: TrainConfig, table: Table) -> None:
    """Raise SettingsError where a table of features is not what the settings are for."""
    if table.features is None:
        return
    where, system = f"{table.directory}: holds features", SYSTEMS[config.system]
    if not system.uses_encoder_tokens:
        others = ", ".join(name for name, other in SYSTEMS.items() if other.uses_encoder_tokens)
        raise SettingsError(
            f"{where}, and {system.title} reads clips itself; the systems that read tokens are {others}"
        )
    if config.init or config.video_grid or config.audio_grid or config.encoders == "tuned":
        raise SettingsError(f"{where}, which bring no encoders; leave out init, encoders, video_grid and audio_grid")
    has = modalities_of(table)
    for reads, modality, other in ((system.sees, "video", "audio"), (system.hears, "audio", "video")):
        if reads and modality not in has:
            own = "sec2sec-audio" if other == "audio" else "sec2sec-vision"
            raise SettingsError(f"{where} of {other} alone, and {system.title} reads {modality} as well; choose {own}")


def training_labels(table: Table, targets: Sequence[str], rows: Sequence[Row]) -> dict[str, TrainingLabels]:
    """What is known of each target from the usable `rows`. Raises DataError where there is nothing to learn."""
    for split in ("train", "validation"):
        if not any(row.split == split for row in rows):
            there = any(row.split == split for row in table.rows)
            why = "none of its clips can be used" if there else "it is empty"
            raise DataError(f"{table.directory}: the split {split!r} cannot be used: {why}; training needs it")
    labels: dict[str, TrainingLabels] = {}
    for name in targets:
        values, validation = (
            np.array([row.targets[name] for row in rows if row.split == split and name in row.targets])
            for split in ("train", "validation")
        )
        if len(values) == 0 or len(validation) == 0:
            split = "validation" if len(values) else "train"
            raise DataError(f"{table.directory}: no clip of the split {split!r} has a label for {name}")
        if len(np.unique(values)) == 1:
            raise DataError(
                f"{table.directory}: {name} is {values[0]:g} for every training clip; there is nothing to tell apart"
            )
        labels[name] = TrainingLabels.of(table.kinds[name], values)
    return labels


def check_selection(config: TrainConfig, labels: Mapping[str, TrainingLabels], validation: Sequence[Row]) -> None:
    """SettingsError where the figure that is to choose the epoch is undefined. validation: the usable clips."""
    for metric in config.select_by:
        kind = next((kind for kind, names in SELECTABLE.items() if metric in names), None)
        targets = [name for name, target in labels.items() if target.kind == kind]
        if kind is not None and not targets:
            words = "classes, and no target is a class" if kind == "binary" else "scores, and no target is a score"
            raise SettingsError(f"select_by is {metric}, a figure of {words}; choose another")
        for name in targets if metric in NEED_LABELS_THAT_VARY else ():
            if len({row.targets[name] for row in validation if name in row.targets}) < 2:
                raise SettingsError(
                    f"select_by is {metric}, and {name} is the same for every validation clip, so that the figure is "
                    "undefined; choose another figure, or another split"
                )


@dataclass(frozen=True)
class StartingNetworks:
    """Encoders and model before any training, in eval mode."""

    encoders: Encoders
    origin: str  # of the encoders, in words
    model: Model


def starting_networks(
    config: TrainConfig,
    targets: tuple[str, ...],
    rows: Sequence[Row],
    workers: int,
    features: FeatureSource | None = None,
) -> StartingNetworks:
    """What a training starts from. Weights that are missing are found missing before any clip is decoded.

    rows: the training clips, whose sound sets the statistics where no checkpoint brings any. features: what they are
    instead of clips.
    Raises SettingsError, CheckpointError or EncoderError.
    """
    if features is None:
        encoders, origin, has_statistics = _starting_encoders(config)
    else:
        encoders, origin, has_statistics = build_encoders(features.encoder), f"features of {features.name}", True
    torch.manual_seed(mix_seeds(config.seed))
    model = starting_model(config, targets, encoders.config)
    if not has_statistics:
        _set_sound_statistics(encoders, rows, workers)
    return StartingNetworks(encoders.eval(), origin, model)


def _starting_encoders(config: TrainConfig) -> tuple[Encoders, str, bool]:
    """Encoders, where they come from, and whether they know how loud sound is."""
    if config.names_encoders:
        return _encoders_by_name(config)
    system = SYSTEMS[config.system]
    if system.uses_encoder_tokens and config.preset == "compact" and config.init != "random":
        folder = checkpoint_folder(config.init or DEMO)
        encoders = load_encoders(folder)
        if encoders.config.preset == "features":
            raise SettingsError(f"{config.init}: reads features of another program and has no encoders; choose another")
        if encoders.config.preset != "compact":
            raise SettingsError(f"{config.init}: holds encoders of the paper preset; choose --preset paper")
        trained_on = json.loads((folder / "config.json").read_text())["trained_on"]
        return regrid(encoders, config), f"the checkpoint {checkpoint_name(folder)} ({trained_on.rstrip('.')})", True
    encoders = build_encoders(config.encoder_config(), seed=config.seed if config.init == "random" else None)
    published = "torchvision's weights (Kinetics-400 and ImageNet)"
    if not system.uses_encoder_tokens:
        published = system.published if config.preset == "paper" else "random weights"
    origin = "random weights" if config.init == "random" else published
    return encoders, origin, encoders.config.sound == "mel"  # whose scale is published


def _encoders_by_name(config: TrainConfig) -> tuple[Encoders, str, bool]:
    """The same, for encoders that are chosen by their names."""
    video, audio = config.encoder_names
    described = regridded(named_config(video, audio, config.frames_per_second), config.video_grid, config.audio_grid)
    encoders = build_encoders(described)
    origins = [origin_of(described.video_encoder), origin_of(described.audio_encoder)]
    if COMPACT in (video, audio):
        folder = checkpoint_folder(config.init or DEMO)
        start = load_encoders(folder)
        for index, (name, modality) in enumerate(((video, "video"), (audio, "audio"))):
            if name != COMPACT:
                continue
            own = getattr(start, modality)
            if type(own) is not type(getattr(encoders, modality)):
                raise SettingsError(f"{config.init}: its {modality} encoder is not the compact one; choose another")
            getattr(encoders, modality).load_state_dict(own.state_dict())
            origins[index] = f"{COMPACT} of the checkpoint {checkpoint_name(folder)}"
    return encoders, f"{origins[0]} for the picture, {origins[1]} for the sound", audio != RESNET


def origin_of(encoder: VideoEncoderConfig | AudioEncoderConfig) -> str:
    """A published encoder in words."""
    return f"{encoder.name} ({encoder.revision})" if encoder.revision else encoder.name


def _set_sound_statistics(encoders: Encoders, rows: Sequence[Row], workers: int) -> None:
    """Standardise by the sound of the training clips."""
    mean, std = measure_sound(rows, encoders.config.audio, workers)
    with torch.no_grad():
        for name, values in (("mean", mean), ("std", std)):
            buffer = encoders.audio.get_buffer(name)
            # the paper's encoder has one figure per channel, the compact one a figure per coefficient
            buffer.copy_(values if buffer.ndim == 3 else values.mean((1, 2)))


def starting_model(config: TrainConfig, targets: tuple[str, ...], encoder: EncoderConfig) -> Model:
    """The system before any training: random weights, but for a backbone's. Raises EncoderError."""
    own: ModelConfig = config.model_config(targets, encoder.width)
    if not (SYSTEMS[config.system].backbone and config.preset == "paper" and config.init != "random"):
        return build_system(own, encoder)
    model = build_system(replace(own, backbone="published"), encoder)
    if config.encoders == "tuned":  # it starts there and moves away, so the checkpoint keeps it
        model.config = own
        model.requires_grad_(True)
    return model


def regrid(encoders: Encoders, config: TrainConfig) -> Encoders:
    """The same weights with other grids of tokens, where the settings ask for some."""
    encoder: EncoderConfig = regridded(encoders.config, config.video_grid, config.audio_grid)
    if encoder == encoders.config:
        return encoders
    other = build_encoders(encoder)
    other.load_state_dict(encoders.state_dict())
    return other.eval()


def measure_sound(rows: Sequence[Row], config: AudioConfig, workers: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each coefficient of the MFCC image, (3, C, 1) each, over some of the clips."""
    some, few = spread_over(rows), EncoderConfig(frames_per_second=1)
    sums = torch.zeros(3, 3, config.n_mfcc, dtype=torch.float64)
    for _, clip_sums in decode_all(some, few, partial(sound_sums, config=config), workers=min(workers, len(some))):
        if isinstance(clip_sums, Tensor):
            sums += clip_sums
    count, total, squares = sums
    if not bool(count.any()):
        return torch.zeros(3, config.n_mfcc, 1), torch.ones(3, config.n_mfcc, 1)  # a data set without sound
    mean = total / count
    std = (squares / count - mean**2).clamp_min(0).sqrt().clamp_min(1e-3)
    return mean[..., None].float(), std[..., None].float()


def spread_over(rows: Sequence[Row]) -> list[Row]:
    """At most MEASURED_CLIPS of the rows, evenly spread."""
    count = min(len(rows), MEASURED_CLIPS)
    return [rows[i * len(rows) // count] for i in range(count)]


def measure_references(model: Model, rows: Sequence[Row], encoders: Encoders, workers: int) -> None:
    """Set what stands in for what is taken away to the mean second of some of the clips, decoded for this alone.

    For frozen backbones, of which the token cache keeps summaries and no inputs.
    """
    some = spread_over(rows)
    decoded = decode_all(some, encoders.config, partial(token_sums, encoders=encoders), workers=min(workers, len(some)))
    _set_means(model, (sums for _, sums in decoded if isinstance(sums, dict)))


def token_sums(seconds: list[Second], encoders: Encoders) -> dict[str, tuple[int, Tensor]]:
    """In a worker: how many seconds a clip has, and the sum of its tokens, by modality."""
    tokens = encode_clip(seconds, encoders, torch.device("cpu"))
    return {name: (len(own), own.double().sum(0)) for name, own in tokens.present.items()}


def _set_means(model: Model, clips: Iterable[Mapping[str, tuple[int, Tensor]]]) -> None:
    """clips: of each its number of seconds and the sum of its tokens, by modality."""
    sums: dict[str, Tensor] = {}
    counts: Counter[str] = Counter()
    for clip in clips:
        for name, (count, total) in clip.items():
            sums[name] = sums.get(name, 0) + total
            counts[name] += count
    with torch.no_grad():
        for name, total in sums.items():
            model.get_buffer(f"reference_{name}").copy_(total / counts[name])


def sound_sums(seconds: list[Second], config: AudioConfig) -> Any:
    """In a worker: the number of a clip's MFCC frames, their sum and sum of squares (3, 3, C); None without sound."""
    if seconds[0].samples is None:
        return None
    image = MfccImage(config)(stack([s.samples for s in seconds])).double()
    return torch.stack([torch.ones_like(image).sum((0, 3)), image.sum((0, 3)), image.square().sum((0, 3))])


def split_clips(
    table: Table, targets: Sequence[str], cache: TokenCache, sha256: Mapping[str, str], weight_by: str = ""
) -> dict[str, Clips]:
    """The clips of each split that have tokens; sha256: of each usable clip, by id. weight_by: as of TrainConfig."""
    lengths = {name: seconds for name, sha in sha256.items() if (seconds := cache.seconds(sha)) is not None}
    files = {name: cache.path(sha256[name]) for name in lengths}
    return {split: cached_clips(table.split(split), targets, files, lengths, weight_by) for split in SPLITS}


def set_references(model: Model, training: Clips, config: EncoderConfig) -> None:
    """The mean token of all training seconds at each place: what stands in for what is taken away."""
    tokens = (read_tokens(file, config) for file in training.files)
    _set_means(
        model,
        (
            {name: (len(own), own.float().sum(0).double()) for name, own in clip.present.items()}
            for clip in tokens
            if clip is not None
        ),
    )
