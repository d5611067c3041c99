"""The effect of each second under more than one reference: what counts as "without it" is a choice, and it shows.

Occlusion (Zeiler & Fergus 2014) asks what the prediction would be with something else in the place of a second. The
training mean is one answer; the neighbouring second of the same clip is another, which stays on film that the model
could see. Real seconds of training clips are a third, which has neither the mean's place, where no second lies, nor the
clip's own story: drawn at random (the marginal expectation, as of SHAP: Lundberg & Lee 2017), or those nearest to the
rest of the clip, which is nearer to what could have stood there. Where references disagree, the effect depends on the
question: the spread is drawn as a whisker.

Each effect is split: its sound alone replaced, its picture alone replaced, and what is left of the whole (interaction).
Of training seconds the whole alone is measured: the split would take a co-attention for each pair of own and sampled
second.

T seconds, N sampled seconds, S of them in the place of a second, D width, K targets.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, effects_of
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.out_of_distribution import TrainingSeconds
from sec2sec.explanations.results import Occlusion, SecondEffects

TRAINING_MEAN, NEIGHBOUR = "training mean", "neighbouring second"
RANDOM_SECONDS, SIMILAR_SECONDS = "random training seconds", "similar training seconds"
MAX_RANDOM, MAX_SIMILAR = 16, 8  # in the place of each second
MAX_CELLS = 960  # seconds of the clip × seconds in the place of each: of a longer clip fewer stand there ...
MIN_IN_PLACE = 2  # ... but as many as this


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


@torch.inference_mode()
def training_second_effects(masker: SecondMasker, training: TrainingSeconds | None) -> list[list[SecondEffects]]:
    """Real training seconds stand in for each second: references × targets. Empty where the checkpoint has no sample.

    The effect is the prediction minus the mean of the predictions, so it stays in units of the prediction. First the
    same random seconds in every place; then, in each place, those nearest to the clip's other seconds, as far as
    they can be told (TrainingSeconds.nearest). A modality that the clip lacks stays away.
    """
    if training is None or training.sample is None:
        return []
    own = masker.embeddings.both
    sampled = training.sample.embedded(masker.model, masker.tokens.present)
    most = max(MIN_IN_PLACE, MAX_CELLS // masker.seconds)
    replacements = {RANDOM_SECONDS: sampled[: min(MAX_RANDOM, most), None].expand(-1, masker.seconds, -1)}
    nearest = training.nearest(masker.tokens, min(MAX_SIMILAR, most))
    if nearest is not None:
        replacements[SIMILAR_SECONDS] = sampled[torch.from_numpy(nearest.T.copy()).to(own.device)]  # (S, T, D)
    changes = iter(effects_of(masker.model, own, *(one for several in replacements.values() for one in several)))
    references = []
    for reference, several in replacements.items():
        whole = np.mean([next(changes) for _ in several], 0)
        unknown = np.full_like(whole, np.nan)
        references.append(as_second_effects(reference, whole, unknown, unknown))
    return references
