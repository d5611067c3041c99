"""Every method of explanation that is compared: f(masked clip) → a score of each second for each target.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sec2sec.explanations.effects import neighbour_effects
from sec2sec.explanations.embeddings import to_numpy
from sec2sec.explanations.gradients import integrated_gradients
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.relevance import relevance

Scores = np.ndarray  # (K, T); the size says how much a second matters; signed where the method says which way it pulls
Method = Callable[[Masker], Scores | None]  # None where the system has no such thing


def attention(masker: Masker) -> Scores | None:
    """Attention over seconds."""
    return masker.occlusion.attention


def mean_occlusion(masker: Masker) -> Scores:
    """The prediction minus that with the second at the training mean."""
    return masker.occlusion.effect


def neighbour_occlusion(masker: Masker) -> Scores | None:
    """The prediction minus that with the neighbouring second in the second's place."""
    by_second = masker.by_second
    return None if by_second is None else np.stack([effect.whole for effect in neighbour_effects(by_second)])


def path_gradients(masker: Masker) -> Scores | None:
    """Integrated gradients on second embeddings."""
    by_second = masker.by_second
    return None if by_second is None else to_numpy(integrated_gradients(by_second)[0])


def summed_relevance(masker: Masker) -> Scores | None:
    """Gradient × attention relevance, summed over the tokens of a second."""
    by_second = masker.by_second
    tokens = None if by_second is None else relevance(by_second)
    return None if tokens is None else to_numpy(tokens[0].sum(-1) + tokens[1].sum(-1))


def last_first(masker: Masker) -> Scores:
    """Each second counts more than the one before, whatever the clip holds."""
    return np.tile(np.arange(1.0, masker.seconds + 1), (len(masker.targets), 1))


METHODS: dict[str, Method] = {
    "attention": attention,
    "occlusion (training mean)": mean_occlusion,
    "occlusion (neighbour)": neighbour_occlusion,
    "integrated gradients": path_gradients,
    "gradient × attention": summed_relevance,
    "last first": last_first,
}
RANDOM = "random"
SIGNED = ("occlusion (training mean)", "occlusion (neighbour)", "integrated gradients")
YARDSTICKS = (RANDOM, "last first")  # not explanations: they cannot win
