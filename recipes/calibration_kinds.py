"""Attention that is put in the place of a model's own: wrong by construction, or right.

K targets, T seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recipes.calibration_models import place_attention
from sec2sec.explanations.results import Occlusion

SHARE = 0.9  # of the attention, on the second with the least effect
JITTER = 1e-3  # of equal weights, and of those that stand flat in the right order
OWN = "own"
PLACES = ("last second", "first second", "ramp")
RIGHT_BY_HAND = ("oracle", "planted truth")


@dataclass(frozen=True)
class PlantedSeconds:
    """What was planted in a clip: how much of each target in each second (K, T), and which seconds it is (T,)."""

    strength: np.ndarray
    decisive: np.ndarray


def attention_of_each_kind(
    own: Occlusion, planted: PlantedSeconds, another: np.ndarray | None, chance: np.random.Generator
) -> dict[str, Occlusion]:
    """What the model says of the clip, with its attention replaced by that of each kind.

    another: what the same model attends to in another clip of that length, where there was one. Kinds that are made of
    the model's attention keep its attention to average seconds, those of a place have their own, all others none.
    """
    assert own.attention is not None
    attention, size = own.attention, np.abs(own.effect)
    targets, seconds = size.shape
    rank = size.argsort(1).argsort(1)  # 0 for the least effect
    of_own = {
        "permuted": chance.permuted(attention, axis=1),
        "shifted, 1 s earlier": np.roll(attention, -1, 1),
        "shifted, 1 s later": np.roll(attention, 1, 1),
        "reversed in time": attention[:, ::-1],
    } | ({} if another is None else {"another clip's": another})
    of_clip = {
        "reverse of the effect": np.take_along_axis(-np.sort(-attention, 1), rank, 1),
        "Dirichlet": chance.dirichlet(np.ones(seconds), targets),
        "equal ± jitter": normal(1 + JITTER * chance.standard_normal(size.shape)),
        "90 % on the least second": on_the_least(rank),
        "flat to .1 %, in the right order": normal(1 + JITTER * rank / max(1, seconds - 1)),
        "oracle": normal(size + 1e-12),
        "planted truth": normal(planted.strength * planted.decisive + JITTER * chance.random(size.shape)),
    }
    kinds = {name: replace(own, attention=weights) for name, weights in of_own.items()}
    kinds |= {name: replace(own, attention=weights, baseline_attention=None) for name, weights in of_clip.items()}
    for name in PLACES:
        weights = np.tile(place_attention(name, seconds), (targets, 1))
        kinds[f"position alone: {name}"] = replace(own, attention=weights, baseline_attention=weights)
    return kinds | {OWN: own}


def normal(weights: np.ndarray) -> np.ndarray:
    """Rows that sum to 1."""
    shares: np.ndarray = weights / weights.sum(1, keepdims=True)
    return shares


def on_the_least(rank: np.ndarray) -> np.ndarray:
    """(K, T): SHARE on the second of rank 0, the rest of the seconds in the order of their effect."""
    weights: np.ndarray = np.where(rank == 0, SHARE, (1 - SHARE) * normal(rank.astype(np.float64)))
    return weights


def is_used(effect: np.ndarray, decisive: np.ndarray) -> np.ndarray:
    """(K,) bool: whether the planted seconds have most of the effect (K, T), so that they are the truth."""
    size = np.abs(effect)
    used: np.ndarray = size[:, decisive].sum(1) >= size.sum(1) / 2
    return used
