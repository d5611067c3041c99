"""Every method of explanation that is compared: f(model, tokens) → a score of each second for each target.

T seconds, K targets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from sec2sec.encode import Tokens
from sec2sec.explanations.effects import from_neighbour
from sec2sec.explanations.gradients import integrated_gradients
from sec2sec.explanations.occlusion import joint_vectors, occlusion
from sec2sec.explanations.relevance import relevance
from sec2sec.model import Sec2Sec

Scores = np.ndarray  # (K, T); the size says how much a second matters; signed where the method says which way it pulls
Method = Callable[[Sec2Sec, Tokens], Scores | None]  # None where the system has no such thing


@torch.inference_mode()
def attention(model: Sec2Sec, tokens: Tokens) -> Scores | None:
    """Attention over seconds, of one run of the model."""
    video, audio = tokens.filled(model)
    mask = video.new_ones((1, len(video)), dtype=torch.bool)
    weights = model(video[None], audio[None], mask, evidence=False).second_weights
    return None if weights is None else weights[0].detach().double().cpu().numpy()


def mean_occlusion(model: Sec2Sec, tokens: Tokens) -> Scores:
    """The prediction minus that with the second at the training mean."""
    return occlusion(model, joint_vectors(model, tokens)).effect.T.double().cpu().numpy()


def neighbour_occlusion(model: Sec2Sec, tokens: Tokens) -> Scores:
    """The prediction minus that with the neighbouring second in the second's place."""
    joints = joint_vectors(model, tokens)
    return np.stack([effect.whole for effect in from_neighbour(model, joints, occlusion(model, joints))])


def path_gradients(model: Sec2Sec, tokens: Tokens) -> Scores:
    """Integrated gradients on joint vectors."""
    return integrated_gradients(model, joint_vectors(model, tokens))[0].double().cpu().numpy()


def summed_relevance(model: Sec2Sec, tokens: Tokens) -> Scores | None:
    """Gradient × attention relevance, summed over the tokens of a second."""
    found = relevance(model, tokens, joint_vectors(model, tokens))
    return None if found is None else (found[0].sum(-1) + found[1].sum(-1)).double().cpu().numpy()


def last_first(model: Sec2Sec, tokens: Tokens) -> Scores:
    """Each second counts more than the one before, whatever the clip holds."""
    return np.tile(np.arange(1.0, len(tokens.filled(model)[0]) + 1), (len(model.config.targets), 1))


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
