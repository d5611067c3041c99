"""Seconds that the model has little to say about: silent, black, frozen, partial, or unlike its training data.

Unlike: the Mahalanobis distance of a second's pooled tokens (their mean, one vector a modality) from the training
seconds, after Lee et al. (2018), with a covariance shrunk after Ledoit & Wolf (2004), and its percentile among training
seconds. The statistics travel as familiarity.safetensors in a checkpoint's folder; a checkpoint without them is used as
before, and nothing is then said to be unlike. It holds the SHA-256 of the checkpoint that it belongs to.

N training seconds, T seconds, C channels of a token, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sec2sec.checkpoints import Bundle, CheckpointError
from sec2sec.encoders.tokens import Tokens
from sec2sec.explanations.features.collect import Measured
from sec2sec.explanations.results import OutOfDistribution
from sec2sec.files import write_atomically

FILE = "familiarity.safetensors"
SILENT = -60.0  # dBFS; no sample above it
BLACK = 0.99  # share of black pixels in the second's brightest frame; ffmpeg's .98 takes title cards for black
FROZEN = 0.001  # mean luma difference that no two neighbouring frames exceed, as in ffmpeg's freezedetect
UNLIKE = 99.0  # per cent of the training seconds that lie nearer
FOLDS = 5  # distances of training seconds are measured by statistics of other clips
FEWEST = 10  # training clips; fewer cannot say what is usual
WIDEST = 1024  # channels; wider tokens are the inputs themselves, whose mean says little, at a great price
QUANTILES = np.linspace(0, 1, 1001)

Modality = Literal["video", "audio"]
NAMES: dict[Modality, str] = {"video": "picture", "audio": "sound"}


@dataclass(frozen=True)
class Usual:
    """What training seconds look like in one modality."""

    mean: np.ndarray  # (C,)
    whiten: np.ndarray  # (C, C): |(x − mean) · whiten| is the Mahalanobis distance of x
    quantiles: np.ndarray  # (Q,) of the distance among training seconds, at QUANTILES
    seconds: int  # N

    def distance(self, pooled: np.ndarray) -> np.ndarray:
        """(T, C) → (T,)."""
        return np.linalg.norm((pooled - self.mean) @ self.whiten, axis=1)

    def percentile(self, distance: np.ndarray) -> np.ndarray:
        """Share of the training seconds that lie nearer, 0–100: (T,) → (T,)."""
        return 100 * np.interp(distance, self.quantiles, QUANTILES)


Familiarity = Mapping[Modality, Usual]  # of the modalities that the training clips have


def pooled(tokens: Tokens) -> dict[Modality, np.ndarray]:
    """A clip's seconds as one vector each, (T, C) a modality that it has; of tokens up to WIDEST channels."""
    parts: dict[Modality, Tensor | None] = {"video": tokens.video, "audio": tokens.audio}
    return {
        name: part.float().mean(1).double().cpu().numpy()
        for name, part in parts.items()
        if part is not None and part.shape[-1] <= WIDEST
    }


def familiarity_statistics(clips: Iterable[Tokens]) -> dict[Modality, Usual]:
    """What the training clips look like; reads them once. A modality with fewer than FEWEST clips is left out."""
    found: dict[Modality, list[np.ndarray]] = {"video": [], "audio": []}
    for tokens in clips:
        for name, seconds in pooled(tokens).items():
            found[name].append(seconds.astype(np.float32))
    return {name: usual(parts) for name, parts in found.items() if len(parts) >= FEWEST}


def usual(clips: list[np.ndarray]) -> Usual:
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
    return Usual(*centre(seconds), np.quantile(np.concatenate(distances), QUANTILES), len(seconds))


def centre(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) → the mean (C,) and the Cholesky factor of the shrunk covariance's inverse (C, C)."""
    from sklearn.covariance import ledoit_wolf  # type: ignore[import-untyped]  # a second to import

    covariance = ledoit_wolf(seconds.astype(np.float64))[0]
    # channels that never vary would make it singular: a trace of the mean variance keeps them finite
    covariance += 1e-9 * max(np.trace(covariance), 1e-30) / len(covariance) * np.eye(len(covariance))
    return seconds.mean(0, dtype=np.float64), np.linalg.cholesky(np.linalg.inv(covariance))


def save_familiarity(folder: Path, familiarity: Familiarity, checkpoint: str) -> None:
    """Write the statistics into a checkpoint's folder. checkpoint: its SHA-256. Raises OSError."""
    tensors = {
        f"{name}.{field}": torch.from_numpy(getattr(one, field).astype(np.float32))
        for name, one in familiarity.items()
        for field in ("mean", "whiten", "quantiles")
    }
    about = {"checkpoint": checkpoint} | {f"{name}.seconds": str(one.seconds) for name, one in familiarity.items()}
    write_atomically(folder / FILE, save({name: t.contiguous() for name, t in tensors.items()}, metadata=about))


def load_familiarity(bundle: Bundle) -> dict[Modality, Usual] | None:
    """The statistics in a checkpoint's folder; None where there are none.

    Raises CheckpointError for a file that is damaged, does not fit the encoders or belongs to another checkpoint.
    """
    if bundle.folder is None or not (path := bundle.folder / FILE).is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name).double().numpy() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again, or delete it") from error
    if about.get("checkpoint") != bundle.summary.sha256:
        raise CheckpointError(f"{path}: belongs to another checkpoint; delete it, or copy the folder again")
    found: dict[Modality, Usual] = {}
    for name in NAMES:
        mean, whiten, quantiles = (tensors.get(f"{name}.{field}") for field in ("mean", "whiten", "quantiles"))
        if mean is None or whiten is None or quantiles is None:
            continue
        width = bundle.model.get_buffer(f"reference_{name}").shape[-1]
        if (mean.shape, whiten.shape, quantiles.shape) != ((width,), (width, width), QUANTILES.shape):
            raise CheckpointError(f"{path}: does not fit the checkpoint's {width} channels; delete it")
        found[name] = Usual(mean, whiten, quantiles, int(about.get(f"{name}.seconds", "0")))
    return found


def ood_seconds(
    measured: Measured, tokens: Tokens, familiarity: Familiarity | None = None
) -> tuple[OutOfDistribution, ...]:
    """What is to be said of a clip's seconds, in their order. A black second is not also called frozen."""
    found: list[OutOfDistribution] = []
    for second in range(len(measured.partial)):
        peak, black, change = measured.peak[second], measured.black[second], measured.stillness[second]
        if peak <= SILENT:
            found.append(
                OutOfDistribution(second, "silent", f"no sound above {SILENT:.0f} dB".replace("-", "−"), float(peak))
            )
        if black >= BLACK:
            found.append(OutOfDistribution(second, "black", f"{black:.0%} of the picture is black", 100 * float(black)))
        elif change <= FROZEN:
            found.append(OutOfDistribution(second, "frozen", "the picture does not move", 100 * float(change)))
        if measured.partial[second]:
            found.append(OutOfDistribution(second, "partial", "less than a whole second", float("nan")))
    vectors = pooled(tokens)
    for name, one in (familiarity or {}).items():
        if name not in vectors:
            continue
        for second, share in enumerate(one.percentile(one.distance(vectors[name]))):
            if share >= UNLIKE:
                words = f"{NAMES[name]} unlike {np.floor(10 * share) / 10:g} % of the training seconds"
                found.append(OutOfDistribution(second, "unlike", words, float(share)))
    return tuple(sorted(found, key=lambda one: one.second))
