"""Seconds that the model has little to say about: silent, black, frozen, partial, or unlike its training data.

Unlike: the Mahalanobis distance of a second's pooled tokens (their mean, one vector per modality) from the training
seconds, after Lee et al. (2018), with a covariance shrunk after Ledoit & Wolf (2004), and its percentile among training
seconds. Both ends are unlike: in many dimensions hardly any second lies near the centre (Nalisnick et al. 2019), so one
that does is more average than seconds are. The training mean lies there, and is measured the same way.

The statistics travel as training-seconds.safetensors in a checkpoint's folder, with the SHA-256 of the checkpoint that
they belong to, and with a sample of the seconds themselves (training_sample.py). Of a checkpoint without them no second
is said to be unlike.

N training seconds, T seconds, C channels of a token, D width, Q quantiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from sec2sec.checkpoints import Bundle, CheckpointError
from sec2sec.encoders.tokens import Modality, Tokens
from sec2sec.explanations.embeddings import to_numpy
from sec2sec.explanations.features.collect import Measured
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.results import ClipLength, OutOfDistribution, ReferenceDistance
from sec2sec.explanations.training_sample import SAMPLED_SECONDS, SampledSeconds, SecondSampler, joint_vectors
from sec2sec.files import write_atomically
from sec2sec.lengths import LearnedLengths
from sec2sec.model import Model, Sec2Sec

FILE = "training-seconds.safetensors"
OLD_FILE = "familiarity.safetensors"  # its name in older checkpoints
SILENT_PEAK = -60.0  # dBFS; no sample above it
BLACK_SHARE = 0.99  # share of black pixels in the second's brightest frame; ffmpeg's .98 takes title cards for black
FROZEN_CHANGE = 0.001  # mean luma difference that no two neighbouring frames exceed, as in ffmpeg's freezedetect
UNLIKE_PERCENTILE = 99.0  # per cent of the training seconds that lie nearer
AVERAGE_PERCENTILE = 1.0  # the same, and as few
FOLDS = 5  # distances of training seconds are measured by statistics of other clips
MIN_TRAINING_CLIPS = 10  # fewer cannot say which seconds are ordinary
MAX_CHANNELS = 1280  # of a token; wider tokens are the inputs themselves, whose mean says little, at a great price
MAX_CHANNELS_IN_FULL = 1024  # of more, the whitening is kept in half precision: it has the square of them in numbers
QUANTILES = np.linspace(0, 1, 1001)

PARTS = ("mean", "whiten", "quantiles")  # of SecondStatistics, as tensors of the file
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

    def distances_between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Mahalanobis distances of (T, C) from (N, C) → (T, N)."""
        one, other = (some - self.mean) @ self.whiten, (others - self.mean) @ self.whiten
        squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
        distances: np.ndarray = np.sqrt(np.maximum(squares, 0))
        return distances

    def percentile(self, distance: np.ndarray) -> np.ndarray:
        """Share of the training seconds that lie nearer, 0–100: (T,) → (T,)."""
        percent: np.ndarray = 100 * np.interp(distance, self.quantiles, QUANTILES)
        return percent


@dataclass(frozen=True)
class TrainingSeconds:
    """What is known of the seconds that a model learned from."""

    statistics: Mapping[Modality, SecondStatistics] = field(default_factory=dict)  # of pooled tokens, where measured
    joint: SecondStatistics | None = None  # of the joint vectors, D channels; None where they were not measured
    sample: SampledSeconds | None = None  # some of the seconds themselves; None where none were kept

    def nearest(self, tokens: Tokens, count: int) -> np.ndarray | None:
        """Which of the sampled seconds are most like the rest of a clip: (T, count), for each of its seconds.

        Nearest by the mean squared Mahalanobis distance to the clip's other seconds, summed over sound and picture.
        None where there is nothing to compare: a clip of one second, no sample, or no modality in common.
        """
        if self.sample is None or tokens.seconds < 2:
            return None
        own, sampled = pool_seconds(tokens), pool_seconds(self.sample.tokens)
        squares = [
            statistics.distances_between(own[name], sampled[name]) ** 2
            for name, statistics in self.statistics.items()
            if name in own and name in sampled
        ]
        if not squares:
            return None
        total = np.sum(squares, 0)  # (T, N)
        to_the_others = total.sum(0) - total  # the same order as their mean
        return np.argsort(to_the_others, axis=1, kind="stable")[:, :count]


def pool_seconds(tokens: Tokens) -> dict[Modality, np.ndarray]:
    """A clip's seconds as one vector each, (T, C) per modality that it has; of tokens up to MAX_CHANNELS channels."""
    return {
        name: own.float().mean(1).double().cpu().numpy()
        for name, own in tokens.present.items()
        if own.shape[-1] <= MAX_CHANNELS
    }


def measure_training_seconds(
    clips: Iterable[Tokens], model: Model | None = None, sampled: int = SAMPLED_SECONDS
) -> TrainingSeconds:
    """What the training clips look like, and a sample of their seconds; reads them once.

    A modality of fewer than MIN_TRAINING_CLIPS is left out; without any there is no sample. model: of a Sec2Sec system
    the joint vectors are measured as well; another one has no use for a sample. sampled: seconds to keep, 0 for none.
    """
    vectors: dict[Modality, list[np.ndarray]] = {"video": [], "audio": []}
    joint: list[np.ndarray] = []
    sampler = SecondSampler(sampled if model is None or isinstance(model, Sec2Sec) else 0)
    for tokens in clips:
        pooled = pool_seconds(tokens)
        for name, seconds in pooled.items():
            vectors[name].append(seconds.astype(np.float32))
        if pooled.keys() == tokens.present.keys():
            sampler.add(tokens)
        if isinstance(model, Sec2Sec):
            joint.append(joint_vectors_of(model, tokens))
    statistics = {name: second_statistics(own) for name, own in vectors.items() if len(own) >= MIN_TRAINING_CLIPS}
    return TrainingSeconds(
        statistics,
        second_statistics(joint) if len(joint) >= MIN_TRAINING_CLIPS else None,
        SampledSeconds(sampler.sample) if statistics and sampler.sample is not None else None,
    )


def joint_vectors_of(model: Sec2Sec, tokens: Tokens) -> np.ndarray:
    """A clip's joint vectors (T, D), of tokens in any precision and on any device."""
    learning = model.training
    model.eval()
    own = (None if part is None else part.float() for part in (tokens.video, tokens.audio))
    vectors = joint_vectors(model, Tokens(*own).to(model.reference_video.device), tokens.seconds)
    model.train(learning)
    return to_numpy(vectors).astype(np.float32)


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
    from sklearn.covariance import ledoit_wolf  # a second to import

    covariance = ledoit_wolf(seconds.astype(np.float64))[0]
    # channels that never vary would make it singular: a trace of the mean variance keeps them finite
    covariance += 1e-9 * max(np.trace(covariance), 1e-30) / len(covariance) * np.eye(len(covariance))
    return seconds.mean(0, dtype=np.float64), np.linalg.cholesky(np.linalg.inv(covariance))


def save_training_seconds(folder: Path, training: TrainingSeconds, checkpoint: str) -> None:
    """Write them into a checkpoint's folder. checkpoint: its SHA-256. Raises OSError."""
    write_atomically(folder / FILE, as_safetensors(training, checkpoint))


def as_safetensors(training: TrainingSeconds, checkpoint: str) -> bytes:
    """The content of such a file. checkpoint: the SHA-256 of that to which it belongs."""
    measured: dict[str, SecondStatistics] = dict(training.statistics.items())
    if training.joint is not None:
        measured["joint"] = training.joint
    tensors = {f"{name}.{part}": _stored(getattr(own, part)) for name, own in measured.items() for part in PARTS}
    if training.sample is not None:
        tensors |= {f"sample.{name}": own for name, own in training.sample.tokens.present.items()}
    about = {"checkpoint": checkpoint} | {f"{name}.seconds": str(own.seconds) for name, own in measured.items()}
    return save({name: t.contiguous() for name, t in tensors.items()}, metadata=about)


def _stored(values: np.ndarray) -> Tensor:
    """As a file holds them: in single precision, a large matrix in half, which moves distances by a thousandth."""
    halved = values.ndim == 2 and len(values) > MAX_CHANNELS_IN_FULL
    return torch.from_numpy(values.astype(np.float16 if halved else np.float32))


def load_training_seconds(bundle: Bundle) -> TrainingSeconds | None:
    """What is known of the training seconds in a checkpoint's folder; None where there is no such file.

    Read once, and anew where the file has changed, so that what a model makes of the sample stays as well. Raises
    CheckpointError for a file that is damaged, does not fit the encoders or belongs to another checkpoint.
    """
    folder = bundle.folder
    path = next((folder / name for name in (FILE, OLD_FILE) if (folder / name).is_file()), None) if folder else None
    if path is None:
        return None
    about = path.stat()
    version = (path, about.st_mtime_ns, about.st_size)
    known = _loaded.get(bundle.model)
    if known is None or known[0] != version:
        known = _loaded[bundle.model] = (version, _read_training_seconds(path, bundle))
    return known[1]


# by model, as there is one on each device
_loaded: WeakKeyDictionary[Model, tuple[tuple[Path, int, int], TrainingSeconds]] = WeakKeyDictionary()


def _read_training_seconds(path: Path, bundle: Bundle) -> TrainingSeconds:
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again, or delete it") from error
    if about.get("checkpoint") != bundle.summary.sha256:
        raise CheckpointError(f"{path}: belongs to another checkpoint; delete it, or copy the folder again")

    def statistics(name: str, width: int) -> SecondStatistics | None:
        mean, whiten, quantiles = (tensors.get(f"{name}.{part}") for part in PARTS)
        if mean is None or whiten is None or quantiles is None:
            return None
        if (mean.shape, whiten.shape, quantiles.shape) != ((width,), (width, width), QUANTILES.shape):
            raise CheckpointError(f"{path}: does not fit the checkpoint's {width} channels; delete it")
        seconds = int(about.get(f"{name}.seconds", "0"))
        return SecondStatistics(mean.double().numpy(), whiten.double().numpy(), quantiles.double().numpy(), seconds)

    model = bundle.model
    references: dict[Modality, Tensor] = {"video": model.reference_video, "audio": model.reference_audio}
    of_modality = {name: statistics(name, reference.shape[-1]) for name, reference in references.items()}
    sample = {name: own for name in references if (own := tensors.get(f"sample.{name}")) is not None}
    lengths = {len(own) for own in sample.values()}
    if len(lengths) > 1 or 0 in lengths or any(own.shape[1:] != references[name].shape for name, own in sample.items()):
        raise CheckpointError(f"{path}: its sampled seconds do not fit the checkpoint's tokens; delete it")
    return TrainingSeconds(
        {name: own for name, own in of_modality.items() if own is not None},
        statistics("joint", model.config.width) if isinstance(model, Sec2Sec) else None,
        SampledSeconds(Tokens(sample.get("video"), sample.get("audio"))) if sample else None,
    )


def reference_distances(masker: Masker, training: TrainingSeconds | None) -> tuple[ReferenceDistance, ...]:
    """How far the training mean lies from the centre of the training seconds, measured as any second is."""
    if training is None:
        return ()
    distances = []
    pooled = pool_seconds(Tokens(*masker.model.references(1)))
    spaces = [(NAMES[name], own, pooled[name]) for name, own in training.statistics.items() if name in pooled]
    if training.joint is not None and masker.by_second is not None:
        spaces.append(("joint vector", training.joint, to_numpy(masker.by_second.embeddings.neither[:1])))
    for space, statistics, vector in spaces:
        distance = statistics.distance(vector)
        nearest, median = np.interp((0.0, 0.5), QUANTILES, statistics.quantiles)
        share = statistics.percentile(distance)
        distances.append(ReferenceDistance(space, *(float(x) for x in (distance[0], nearest, median, share[0]))))
    return tuple(distances)


def ood_seconds(
    measured: Measured,
    tokens: Tokens,
    training: TrainingSeconds | None = None,
    reads: Sequence[Modality] = tuple(NAMES),
) -> tuple[OutOfDistribution, ...]:
    """What is to be said of a clip's seconds, in their order. A black second is not also called frozen.

    reads: what the model takes in; what it does not cannot be unfamiliar to it.
    """
    seconds = range(len(measured.partial))
    remarks = [remark for second in seconds for remark in _empty_second(measured, second, reads)]
    vectors = pool_seconds(tokens)
    for name, statistics in ({} if training is None else training.statistics).items():
        if name not in vectors or name not in reads:
            continue
        for second, share in enumerate(statistics.percentile(statistics.distance(vectors[name]))):
            if words := unlike_words(NAMES[name], share):
                remarks.append(OutOfDistribution(second, "unlike", words, float(share)))
    return tuple(sorted(remarks, key=lambda remark: remark.second))


def clip_length(seconds: int, learned: LearnedLengths | None) -> ClipLength | None:
    """The length of a clip beside those that the model learned from, in words where it is none of them."""
    if learned is None:
        return None
    shorter, longer = learned.shorter(seconds), learned.longer(seconds)
    words = ""
    if not learned.covers(seconds):
        share, than = (shorter, "longer") if shorter > longer else (longer, "shorter")
        of_all = "all" if share >= 100 else f"{_rounded_down(share)} % of the"
        words = (
            f"{seconds} s is {than} than {of_all} {learned.count} clips that the model learned from ({learned.words})."
        )
    figures = (learned.shortest, learned.longest, learned.count, shorter, longer, learned.window)
    return ClipLength(seconds, *figures, words)


def unlike_words(what: str, share: float) -> str:
    """What is to be said of a second that lies farther than `share` % of the training seconds; mostly nothing."""
    if share >= 100:
        return f"the {what} is less typical than in any training second"
    if share >= UNLIKE_PERCENTILE:
        return f"the {what} is less typical than in {_rounded_down(share)} % of the training seconds"
    if share <= AVERAGE_PERCENTILE:
        return f"the {what} is more average than in {_rounded_down(100 - share)} % of the training seconds"
    return ""


def _rounded_down(share: float) -> str:
    return f"{np.floor(10 * share) / 10:g}"


def _empty_second(measured: Measured, second: int, reads: Sequence[Modality]) -> Iterator[OutOfDistribution]:
    """What a second lacks, whatever the model learned."""
    peak, black, change = measured.peak[second], measured.black[second], measured.stillness[second]
    if "audio" in reads and peak <= SILENT_PEAK:
        yield OutOfDistribution(second, "silent", f"there is no sound above −{-SILENT_PEAK:.0f} dB", float(peak))
    if "video" in reads and black >= BLACK_SHARE:
        yield OutOfDistribution(second, "black", f"{100 * black:.0f} % of the picture is black", 100 * float(black))
    elif "video" in reads and change <= FROZEN_CHANGE:
        yield OutOfDistribution(second, "frozen", "the picture does not move", 100 * float(change))
    if measured.partial[second]:
        yield OutOfDistribution(second, "partial", "it holds less than a whole second", float("nan"))
