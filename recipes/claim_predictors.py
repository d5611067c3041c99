"""Predictors whose truth is known, of which claims are made: functions over masks, and the demo on known-truth clips.

T seconds, K targets, N variants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch

from sec2sec.checkpoints import Bundle
from sec2sec.datasets.extract import as_decoded, decode_all
from sec2sec.datasets.known_truth import make_clips
from sec2sec.datasets.known_truth.read import read_planted
from sec2sec.datasets.open import open_data
from sec2sec.encoders.tokens import Tokens
from sec2sec.encoding import encode_clip
from sec2sec.explanations.embeddings import SecondEmbeddings, embed_seconds, to_numpy
from sec2sec.explanations.masker import MaskedPredictor, SecondMasker
from sec2sec.explanations.results import SecondEffects
from sec2sec.model import Sec2Sec
from sec2sec.predictors.claim_witnesses import Modality
from sec2sec.progress import drain

STRUCTURES = (
    "one second",
    "several, one sign",
    "several, opposed",
    "two, both needed",
    "two, either enough",
    "one second, with noise",
    "several, one sign, with noise",
    "nothing but noise",
)
EVIDENCE = 2.5  # logits that the decisive seconds have together
LEAK = 0.03  # logits, standard deviation of all other seconds
NOISE = 0.01  # standard deviation of a prediction, from call to call
REPEATS = 8  # of the unedited clip, from which the noise is estimated, as audit does


SEED = 4300  # of the known-truth clips; the length in s is added
FILMED_TARGETS = ("arousal", "valence")
MODALITIES: tuple[Modality | None, ...] = (None, "audio", "video")


@dataclass(frozen=True)
class Case:
    """One clip, a predictor, and what its predictions rest on."""

    predict: MaskedPredictor
    seconds: int
    strength: np.ndarray  # (K, T) ≥ 0, of each second; 0 where it says nothing
    modality: Sequence[Modality | None]  # of each target; None: of both
    singly: np.ndarray  # (K,) bool: whether the effect of a single second shows that it counts
    noise: np.ndarray | None = None  # (K,) as estimated
    known: np.ndarray | None = None  # (K,) bool: whether the truth is known; None: of all targets
    moving: np.ndarray = field(default_factory=lambda: np.zeros(0, int))  # loudest and most moving second, of film

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the K targets."""
        return tuple(f"target {k}" for k in range(len(self.strength)))

    def effects(self) -> tuple[np.ndarray, np.ndarray, dict[str, SecondEffects]]:
        """Prediction and baseline (K,), and the effects of each target."""
        whole = np.ones((REPEATS if self.noise is not None else 1, self.seconds), bool)
        without = ~np.eye(self.seconds, dtype=bool)
        there = np.ones_like(without)
        prediction, baseline = self.predict(whole, whole).mean(0), self.predict(~whole, ~whole).mean(0)
        of = [
            (prediction - self.predict(*masks)).T for masks in ((without, without), (there, without), (without, there))
        ]
        effects = {
            name: SecondEffects("training mean", both, sound, picture, both - sound - picture)
            for name, both, sound, picture in zip(self.targets, *of, strict=True)
        }
        return prediction, baseline, effects


def made_up(structure: str, seconds: int, targets: int, chance: np.random.Generator) -> Case:
    """A predictor of that structure: a logistic function of what is there, other for each target."""
    own = [_Logit.drawn(structure, seconds, chance) for _ in range(targets)]
    noisy = "noise" in structure

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        logits = np.stack([one.of(picture, sound) for one in own], 1)
        predictions: np.ndarray = 1 / (1 + np.exp(-logits))
        return predictions + NOISE * chance.standard_normal(predictions.shape) if noisy else predictions

    whole = np.ones((REPEATS, seconds), bool)
    noise = predict(whole, whole).std(0, ddof=1) if noisy else None
    strength = np.stack([np.abs(one.weights) * one.decisive for one in own])
    singly = np.array([one.structure != "two, either enough" for one in own])
    return Case(predict, seconds, strength, [one.modality for one in own], singly, noise)


@dataclass(frozen=True)
class _Logit:
    """What one target goes by."""

    structure: str
    weights: np.ndarray  # (T,) of the decisive seconds, signed
    decisive: np.ndarray  # (T,) bool
    leak: np.ndarray  # (2, T) of picture and sound of every second
    modality: Modality | None
    bias: float

    @staticmethod
    def drawn(structure: str, seconds: int, chance: np.random.Generator) -> _Logit:
        several = int(chance.integers(2, max(2, seconds // 10) + 2))
        count = 2 if structure.startswith("two") else several if structure.startswith("several") else 1
        if structure == "nothing but noise":
            count = 0
        decisive = np.zeros(seconds, bool)
        decisive[chance.permutation(seconds)[:count]] = True
        sign = chance.choice([-1.0, 1.0])
        signs = np.full(seconds, sign)
        if "opposed" in structure:
            signs[np.flatnonzero(decisive)[::2]] = -sign
        sizes = 1.0 if structure.startswith("two") else chance.uniform(0.5, 1, seconds)
        weights = EVIDENCE / np.sqrt(max(1, count)) * signs * sizes * decisive
        modality = MODALITIES[int(chance.integers(3))]
        leak = LEAK * chance.standard_normal((2, seconds)) * (count > 0)
        return _Logit(structure, weights, decisive, leak, modality, float(chance.normal(0, 0.5)))

    def of(self, picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        """(N,) the logit of variants (N, T)."""
        there = {"audio": sound, "video": picture}.get(self.modality or "", (picture + sound.astype(float)) / 2)
        known = there[:, self.decisive]
        if self.structure == "two, both needed":
            evidence = self.weights.sum() * known.min(1)
        elif self.structure == "two, either enough":
            evidence = self.weights.sum() * known.max(1)
        else:
            evidence = there @ self.weights
        logits: np.ndarray = self.bias + evidence + picture @ self.leak[0] + sound @ self.leak[1]
        return logits


@dataclass(frozen=True)
class FilmedClip:
    """A known-truth clip, embedded by the demo, and what was planted in it."""

    embeddings: np.ndarray  # (4, T, D) with both modalities, sound alone, picture alone, neither
    strength: np.ndarray  # (K, T) |evidence|
    loudness: np.ndarray  # (T,)
    motion: np.ndarray  # (T,)


def filmed_clips(work: Path, bundle: Bundle, seconds: int, clips: int) -> list[FilmedClip]:
    """Known-truth clips of T seconds, from the cache in `work` or made."""
    path = work / f"claims-{seconds}-{clips}-{bundle.summary.sha256[:12]}.npz"
    if not path.exists():
        folder = work / f"claims-clips-{seconds}"
        drain(make_clips(folder, clips, SEED + seconds, "cluttered", workers=1, lengths=(seconds, seconds)))
        np.savez(
            path,
            **{
                f"{k}.{name}": array
                for k, clip in enumerate(_filmed(folder, bundle))
                for name, array in vars(clip).items()
            },
        )
    with np.load(path) as arrays:
        names = [field.name for field in fields(FilmedClip)]
        return [FilmedClip(*(arrays[f"{k}.{name}"] for name in names)) for k in range(clips)]


@torch.inference_mode()
def _filmed(folder: Path, bundle: Bundle) -> Iterator[FilmedClip]:
    assert isinstance(bundle.model, Sec2Sec)
    planted = read_planted(folder)
    for row, decoded in decode_all(open_data(folder).split("all"), bundle.encoders.config, as_decoded, workers=0):
        assert not isinstance(decoded, str), decoded
        truth = planted[row.id]
        embedded = embed_seconds(bundle.model, encode_clip(decoded, bundle.encoders, bundle.device))
        kinds = (embedded.both, embedded.audio_only, embedded.video_only, embedded.neither)
        yield FilmedClip(
            np.stack([to_numpy(kind) for kind in kinds]),
            np.stack([np.abs(truth.evidence[target]) * truth.decisive for target in FILMED_TARGETS]),
            truth.states["loudness"],
            truth.states["motion"],
        )


def case_of_film(clip: FilmedClip, bundle: Bundle, only: Modality | None) -> Case:
    """The demo on that clip. only: the planted seconds keep this modality alone, so that nothing rests on the other."""
    assert isinstance(bundle.model, Sec2Sec)
    both, sound_only, picture_only, neither = map(torch.from_numpy, clip.embeddings)
    masker = SecondMasker(bundle.model, Tokens(None, None), SecondEmbeddings(both, sound_only, picture_only, neither))
    planted: np.ndarray = clip.strength.sum(0) > 0
    rows = [bundle.model.config.targets.index(target) for target in FILMED_TARGETS]

    def predict(picture: np.ndarray, sound: np.ndarray) -> np.ndarray:
        seen = picture & ~planted if only == "audio" else picture
        heard = sound & ~planted if only == "video" else sound
        return masker.predictor(seen, heard)[:, rows]

    case = Case(predict, both.shape[0], clip.strength, [only] * len(rows), np.ones(len(rows), bool))
    _, _, effects = case.effects()
    # which seconds count was planted, how much each of them counts is the model's own; and the truth about a target is
    # known where what was planted has most of the effect
    size = np.stack([np.abs(effect.whole) for effect in effects.values()])
    known = (size * planted).sum(1) >= size.sum(1) / 2
    strength = size * (clip.strength > 0)
    return replace(case, strength=strength, known=known, moving=_moving(clip, planted))


def _moving(clip: FilmedClip, planted: np.ndarray) -> np.ndarray:
    """The loudest and the most moving second of those in which nothing was planted."""
    return np.array([np.where(planted, -np.inf, state).argmax() for state in (clip.loudness, clip.motion)])
