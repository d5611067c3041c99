"""Seconds that the model has little to say about: silent, black, frozen, partial, or unlike its training data.

Unlike: the Mahalanobis distance of a second's pooled tokens (their mean, one vector per modality) from the training
seconds, after Lee et al. (2018), with a covariance shrunk after Ledoit & Wolf (2004), and its percentile among training
seconds. The statistics travel as training-seconds.safetensors in a checkpoint's folder, with the SHA-256 of the
checkpoint that they belong to. Of a checkpoint without them no second is said to be unlike.

N training seconds, T seconds, C channels of a token, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sec2sec.checkpoints import Bundle, CheckpointError
from sec2sec.encoders.tokens import Modality, Tokens
from sec2sec.explanations.features.collect import Measured
from sec2sec.explanations.results import OutOfDistribution
from sec2sec.files import write_atomically

FILE = "training-seconds.safetensors"
OLD_FILE = "familiarity.safetensors"  # its name in older checkpoints
SILENT_PEAK = -60.0  # dBFS; no sample above it
BLACK_SHARE = 0.99  # share of black pixels in the second's brightest frame; ffmpeg's .98 takes title cards for black
FROZEN_CHANGE = 0.001  # mean luma difference that no two neighbouring frames exceed, as in ffmpeg's freezedetect
UNLIKE_PERCENTILE = 99.0  # per cent of the training seconds that lie nearer
FOLDS = 5  # distances of training seconds are measured by statistics of other clips
MIN_TRAINING_CLIPS = 10  # fewer cannot say which seconds are ordinary
MAX_CHANNELS = 1024  # of a token; wider tokens are the inputs themselves, whose mean says little, at a great price
QUANTILES = np.linspace(0, 1, 1001)

NAMES: dict[Modality, str] = {"video": "picture", "audio": "sound"}


@dataclass(frozen=True)
class SecondStatistics:
    """What training seconds look like in one modality."""

    mean: np.ndarray  # (C,)
    whiten: np.ndarray  # (C, C): |(x − mean) · whiten| is the Mahalanobis distance of x
    quantiles: np.ndarray  # (Q,) of the distance among training seconds, at QUANTILES
    seconds: int  # N

    def distance(self, pooled: np.ndarray) -> np.ndarray:
        """(T, C) → (T,)."""
        distance: np.ndarray = np.linalg.norm((pooled - self.mean) @ self.whiten, axis=1)
        return distance

    def percentile(self, distance: np.ndarray) -> np.ndarray:
        """Share of the training seconds that lie nearer, 0–100: (T,) → (T,)."""
        percent: np.ndarray = 100 * np.interp(distance, self.quantiles, QUANTILES)
        return percent


TrainingSeconds = Mapping[Modality, SecondStatistics]  # of the modalities that the training clips have


def pool_seconds(tokens: Tokens) -> dict[Modality, np.ndarray]:
    """A clip's seconds as one vector each, (T, C) per modality that it has; of tokens up to MAX_CHANNELS channels."""
    return {
        name: own.float().mean(1).double().cpu().numpy()
        for name, own in tokens.present.items()
        if own.shape[-1] <= MAX_CHANNELS
    }


def measure_training_seconds(clips: Iterable[Tokens]) -> dict[Modality, SecondStatistics]:
    """What the training clips look like; reads them once. A modality of fewer than MIN_TRAINING_CLIPS is left out."""
    vectors: dict[Modality, list[np.ndarray]] = {"video": [], "audio": []}
    for tokens in clips:
        for name, seconds in pool_seconds(tokens).items():
            vectors[name].append(seconds.astype(np.float32))
    return {name: second_statistics(own) for name, own in vectors.items() if len(own) >= MIN_TRAINING_CLIPS}


def second_statistics(clips: list[np.ndarray]) -> SecondStatistics:
    """Mean, whitening and quantiles of some clips' seconds, each (T, C).

    A second lies nearer to statistics that it is part of than a new one does, so the quantiles are cross-fitted: each
    fold of clips is measured by the others. Seconds of a clip resemble each other and stay in one fold.
    """
    fold_of = np.random.default_rng(0).permutation(len(clips)) % FOLDS
    distances = []
    for fold in range(FOLDS):
        own = [c for c, f in zip(clips, fold_of, strict=True) if f == fold]
        others = [c for c, f in zip(clips, fold_of, strict=True) if f != fold]
        mean, whiten = centre(np.concatenate(others))
        distances.append(np.linalg.norm((np.concatenate(own) - mean) @ whiten, axis=1))
    seconds = np.concatenate(clips)
    return SecondStatistics(*centre(seconds), np.quantile(np.concatenate(distances), QUANTILES), len(seconds))


def centre(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) → the mean (C,) and the Cholesky factor of the shrunk covariance's inverse (C, C)."""
    from sklearn.covariance import ledoit_wolf  # type: ignore[import-untyped]  # a second to import

    covariance = ledoit_wolf(seconds.astype(np.float64))[0]
    # channels that never vary would make it singular: a trace of the mean variance keeps them finite
    covariance += 1e-9 * max(np.trace(covariance), 1e-30) / len(covariance) * np.eye(len(covariance))
    return seconds.mean(0, dtype=np.float64), np.linalg.cholesky(np.linalg.inv(covariance))


def save_training_seconds(folder: Path, training: TrainingSeconds, checkpoint: str) -> None:
    """Write the statistics into a checkpoint's folder. checkpoint: its SHA-256. Raises OSError."""
    tensors = {
        f"{name}.{field}": torch.from_numpy(getattr(own, field).astype(np.float32))
        for name, own in training.items()
        for field in ("mean", "whiten", "quantiles")
    }
    about = {"checkpoint": checkpoint} | {f"{name}.seconds": str(own.seconds) for name, own in training.items()}
    write_atomically(folder / FILE, save({name: t.contiguous() for name, t in tensors.items()}, metadata=about))


def load_training_seconds(bundle: Bundle) -> dict[Modality, SecondStatistics] | None:
    """The statistics in a checkpoint's folder; None where there are none.

    Raises CheckpointError for a file that is damaged, does not fit the encoders or belongs to another checkpoint.
    """
    folder = bundle.folder
    path = next((folder / name for name in (FILE, OLD_FILE) if (folder / name).is_file()), None) if folder else None
    if path is None:
        return None
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name).double().numpy() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again, or delete it") from error
    if about.get("checkpoint") != bundle.summary.sha256:
        raise CheckpointError(f"{path}: belongs to another checkpoint; delete it, or copy the folder again")
    training: dict[Modality, SecondStatistics] = {}
    for name in NAMES:
        mean, whiten, quantiles = (tensors.get(f"{name}.{field}") for field in ("mean", "whiten", "quantiles"))
        if mean is None or whiten is None or quantiles is None:
            continue
        width = bundle.model.get_buffer(f"reference_{name}").shape[-1]
        if (mean.shape, whiten.shape, quantiles.shape) != ((width,), (width, width), QUANTILES.shape):
            raise CheckpointError(f"{path}: does not fit the checkpoint's {width} channels; delete it")
        training[name] = SecondStatistics(mean, whiten, quantiles, int(about.get(f"{name}.seconds", "0")))
    return training


def ood_seconds(
    measured: Measured, tokens: Tokens, training: TrainingSeconds | None = None
) -> tuple[OutOfDistribution, ...]:
    """What is to be said of a clip's seconds, in their order. A black second is not also called frozen."""
    remarks = [remark for second in range(len(measured.partial)) for remark in _empty_second(measured, second)]
    vectors = pool_seconds(tokens)
    for name, statistics in (training or {}).items():
        if name not in vectors:
            continue
        for second, share in enumerate(statistics.percentile(statistics.distance(vectors[name]))):
            if share >= UNLIKE_PERCENTILE:
                words = f"{NAMES[name]} unlike {np.floor(10 * share) / 10:g} % of the training seconds"
                remarks.append(OutOfDistribution(second, "unlike", words, float(share)))
    return tuple(sorted(remarks, key=lambda remark: remark.second))


def _empty_second(measured: Measured, second: int) -> Iterator[OutOfDistribution]:
    """What a second lacks, whatever the model learned."""
    peak, black, change = measured.peak[second], measured.black[second], measured.stillness[second]
    if peak <= SILENT_PEAK:
        yield OutOfDistribution(second, "silent", f"no sound above −{-SILENT_PEAK:.0f} dB", float(peak))
    if black >= BLACK_SHARE:
        yield OutOfDistribution(second, "black", f"{black:.0%} of the picture is black", 100 * float(black))
    elif change <= FROZEN_CHANGE:
        yield OutOfDistribution(second, "frozen", "the picture does not move", 100 * float(change))
    if measured.partial[second]:
        yield OutOfDistribution(second, "partial", "less than a whole second", float("nan"))
