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
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, effects_of
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.results import Occlusion, SecondEffects

TRAINING_MEAN, NEIGHBOUR = "training mean", "neighbouring second"


def as_second_effects(reference: str, whole: np.ndarray, audio: np.ndarray, video: np.ndarray) -> list[SecondEffects]:
    """Effects (K, T) under one reference → one SecondEffects per target."""
    return [SecondEffects(reference, w, a, v, w - a - v) for w, a, v in zip(whole, audio, video, strict=True)]


def mean_reference_effects(occlusion: Occlusion) -> list[SecondEffects]:
    """The effects that occlusion measured, one SecondEffects per target."""
    return as_second_effects(TRAINING_MEAN, occlusion.effect, occlusion.effect_audio, occlusion.effect_video)


@torch.inference_mode()
def neighbour_effects(masker: SecondMasker) -> list[SecondEffects]:
    """The second before stands in for each second (for the first: the second after), one SecondEffects per target.

    A clip of one second has no neighbour: every effect is NaN.
    """
    if masker.seconds == 1:
        nothing = np.full((len(masker.targets), 1), np.nan)
        return as_second_effects(NEIGHBOUR, nothing, nothing, nothing)
    model, embeddings = masker.model, masker.embeddings
    before = neighbours(masker.seconds, embeddings.both.device)
    mixed = mixed_with_neighbours(masker)
    return as_second_effects(NEIGHBOUR, *effects_of(model, embeddings.both, embeddings.both[before], *mixed))


def neighbours(seconds: int, device: torch.device) -> Tensor:
    """(T,) the second that stands in for each: the one before, and the one after for the first."""
    before = torch.arange(seconds, device=device) - 1
    before[0] = min(1, seconds - 1)
    return before


def mixed_with_neighbours(masker: SecondMasker) -> tuple[Tensor, Tensor]:
    """Embeddings (T, D): each picture with the neighbour's sound, and each sound with the neighbour's picture."""
    model, embeddings = masker.model, masker.embeddings
    before = neighbours(masker.seconds, embeddings.both.device)
    mixed: list[list[Tensor]] = [[], []]

    def at(values: Tensor | None, seconds: Tensor) -> Tensor | None:
        return None if values is None else values[seconds]

    seconds = torch.arange(len(before), device=before.device)
    for own in seconds.split(pass_size(SECONDS_PER_PASS, before.device)):
        for passes, picture, sound in ((mixed[0], own, before[own]), (mixed[1], before[own], own)):
            video, audio = at(embeddings.attended_video, picture), at(embeddings.attended_audio, sound)
            passes.append(model.co_attend(video, audio, evidence=False)[0])
    return torch.cat(mixed[0]), torch.cat(mixed[1])
