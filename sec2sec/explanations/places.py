"""The measured effect of each place of the picture and each band of the sound (occlusion of single tokens), on demand.

The prediction minus the prediction with that one token at the training mean. A token changes its own second alone, so
each variant is one second through co-attention and one run of the LSTM.

V visual and A audio tokens in a second, C channels of a token, T seconds, K targets, N variants in a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, predict_embeddings
from sec2sec.explanations.masker import SecondMasker
from sec2sec.model import Sec2Sec


@dataclass(frozen=True)
class PlaceEffects:
    """The effect of each token of one second, in units of the prediction, signed."""

    second: int
    video: Tensor  # (V, K); 0 where the model does not see
    audio: Tensor  # (A, K); 0 where it does not hear


def place_effects(masker: SecondMasker, seconds: Sequence[int] | None = None) -> Iterator[PlaceEffects]:
    """One second after the other, all if none is named: V + A variants each, some per pass."""
    model, embeddings = masker.model, masker.embeddings
    video, audio = masker.tokens.filled(model.references(masker.seconds))
    prediction = predict_embeddings(model, embeddings.both[None])[0]
    for second in range(masker.seconds) if seconds is None else seconds:
        yield _of_second(model, video[second], audio[second], embeddings.both, second, prediction)


@torch.inference_mode()
def _of_second(
    model: Sec2Sec, video: Tensor, audio: Tensor, joint: Tensor, second: int, prediction: Tensor
) -> PlaceEffects:
    """video (V, C) and audio (A, C) of the second, joint (T, D) of the clip, prediction (K,)."""
    seen, heard = model.self_attend_video(video[None]), model.self_attend_audio(audio[None])

    def effects(replaced: Tensor) -> Tensor:
        """What the second's joint vector becomes, (N, D) → (N, K)."""
        variants = joint.repeat(len(replaced), 1, 1)
        variants[:, second] = replaced
        return prediction - predict_embeddings(model, variants)

    def alike(one: Tensor | None, count: int) -> Tensor | None:
        return None if one is None else one.expand(count, -1, -1)

    of_video, of_audio = [], []
    for variants in one_replaced(video, model.reference_video):
        joined = model.co_attend(model.self_attend_video(variants), alike(heard, len(variants)), evidence=False)[0]
        of_video.append(effects(joined))
    for variants in one_replaced(audio, model.reference_audio):
        joined = model.co_attend(alike(seen, len(variants)), model.self_attend_audio(variants), evidence=False)[0]
        of_audio.append(effects(joined))
    return PlaceEffects(second, torch.cat(of_video), torch.cat(of_audio))


def one_replaced(own: Tensor, mean: Tensor) -> Iterator[Tensor]:
    """own and mean (S, C) → (variants of a pass, S, C): the s-th variant of all has token s at the mean."""
    for places in torch.arange(len(own), device=own.device).split(pass_size(SECONDS_PER_PASS, own.device)):
        variants = own.repeat(len(places), 1, 1)
        variants[torch.arange(len(places), device=own.device), places] = mean[places]
        yield variants
