"""The effect of each second under more than one reference: what counts as "without it" is a choice, and it shows.

Occlusion (Zeiler & Fergus 2014) asks what the prediction would be with something else in the place of a second. The
training mean is one answer; the neighbouring second of the same clip is another, which stays on film that the model
could see. Where the two disagree, the effect depends on the question: the spread is drawn as a whisker.

Each effect is split: its sound alone replaced, its picture alone replaced, and what is left of the whole (interaction).

T seconds, D width, K targets.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.explanations.evidence import SecondEffects
from sec2sec.explanations.occlusion import SECONDS_A_PASS, JointVectors, Occlusion, effects_of
from sec2sec.explanations.variants import Predict
from sec2sec.model import Sec2Sec

TRAINING_MEAN, NEIGHBOUR = "training mean", "neighbouring second"


def split(reference: str, whole: Tensor, audio: Tensor, video: Tensor) -> list[SecondEffects]:
    """Effects (T, K) of one reference → one SecondEffects a target."""
    parts = [part.double().cpu().numpy().T for part in (whole, audio, video)]
    return [SecondEffects(reference, w, a, v, w - a - v) for w, a, v in zip(*parts, strict=True)]


def from_training_mean(found: Occlusion) -> list[SecondEffects]:
    """The effects that occlusion measured, one a target."""
    return split(TRAINING_MEAN, found.effect, found.effect_audio, found.effect_video)


def of_predictor(predict: Predict, seconds: int) -> list[SecondEffects]:
    """The same for any system that answers to variants, K targets: 1 + 3 T variants."""
    whole = np.ones((1, seconds), dtype=bool)
    without = ~np.eye(seconds, dtype=bool)
    here = np.ones_like(without)
    values = predict(np.concatenate([whole, without, here, without]), np.concatenate([whole, without, without, here]))
    effects = torch.from_numpy(values[0] - values[1:].reshape(3, seconds, -1))
    return split(TRAINING_MEAN, *effects)


@torch.inference_mode()
def from_neighbour(model: Sec2Sec, joints: JointVectors, found: Occlusion) -> list[SecondEffects]:
    """The second before stands in for each second (for the first: the second after), one SecondEffects a target.

    A clip of one second has no neighbour: every effect is NaN.
    """
    seconds = len(joints.both)
    if seconds == 1:
        nothing = torch.full_like(found.effect, torch.nan)
        return split(NEIGHBOUR, nothing, nothing, nothing)
    before = neighbours(seconds, found.effect.device)
    sound_before, picture_before = mixed_with_neighbours(model, joints)
    return split(NEIGHBOUR, *effects_of(model, joints.both, joints.both[before], sound_before, picture_before))


def neighbours(seconds: int, device: torch.device) -> Tensor:
    """(T,) the second that stands in for each: the one before, and the one after for the first."""
    before = torch.arange(seconds, device=device) - 1
    before[0] = min(1, seconds - 1)
    return before


def mixed_with_neighbours(model: Sec2Sec, joints: JointVectors) -> tuple[Tensor, Tensor]:
    """Joint vectors (T, D): each picture with the neighbour's sound, and each sound with the neighbour's picture."""
    before = neighbours(len(joints.both), joints.both.device)
    mixed: list[list[Tensor]] = [[], []]

    def at(values: Tensor | None, seconds: Tensor) -> Tensor | None:
        return None if values is None else values[seconds]

    for part in torch.arange(len(before), device=before.device).split(pass_size(SECONDS_A_PASS, before.device)):
        mixed[0].append(model.meet(at(joints.seen, part), at(joints.heard, before[part]), evidence=False)[0])
        mixed[1].append(model.meet(at(joints.seen, before[part]), at(joints.heard, part), evidence=False)[0])
    return torch.cat(mixed[0]), torch.cat(mixed[1])


def spread(effects: tuple[SecondEffects, ...]) -> np.ndarray:
    """(2, T) lowest and highest effect of each second over the references; one that cannot be told is left out."""
    whole = np.stack([effect.whole for effect in effects])
    return np.stack([np.nanmin(whole, 0), np.nanmax(whole, 0)])
