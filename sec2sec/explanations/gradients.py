"""Integrated gradients (Sundararajan et al. 2017): how the logit grows on the way from the mean to the clip.

On the joint vectors it costs a few runs of the LSTM; on tokens, which tells places and bands apart, it goes through
co-attention as well and is made when asked for. Both work on the shared model without leaving anything on it: autograd
is asked for the gradients of the inputs alone.

T seconds, V visual and A audio tokens in a second, C channels of a token, D width, K targets, N clips in a pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from sec2sec.device import pass_size
from sec2sec.explanations.backward import differentiable, gradients_on
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, all_seconds, clips_per_pass, to_numpy
from sec2sec.explanations.masker import SecondMasker
from sec2sec.explanations.path_integral import integrate_gradients
from sec2sec.explanations.relevance import relevance
from sec2sec.explanations.results import Gradients

PATH_STEPS = 24  # of the path on joint vectors, Gauss-Legendre: the gap is that of single precision
TOKEN_STEPS = 24  # of the path on tokens, each a run of the model and back; the gap is some per cent
MIN_LOGIT_CHANGE = 1e-3  # a smaller one has no relative gap worth telling


@dataclass(frozen=True)
class TokenGradients:
    """Integrated gradients of one target on tokens, in logits, signed, summed over the channels of a token."""

    video: np.ndarray | None  # (T, V); None for a model that does not see
    audio: np.ndarray | None  # (T, A); None for a model that does not hear
    gap: float  # |sum − change of the logit| ÷ |change of the logit|; NaN where the logit hardly changes


def integrated_gradients(masker: SecondMasker, steps: int = PATH_STEPS) -> tuple[Tensor, Tensor]:
    """From every second at the training mean to the clip, on joint vectors → (K, T) in logits, and the gaps (K,).

    A second's values sum over its vector; all seconds' sum to the change of the logit but for the gap, which is told as
    a share of that change; NaN where the logit hardly changes.
    """
    targets = len(masker.targets)
    with gradients_on():
        temporal = differentiable(masker.model.temporal)
        clip, mean = masker.embeddings.both.clone()[None], masker.embeddings.neither.clone()[None]

        def logits(embedding: Tensor) -> Tensor:
            predicted: Tensor = temporal(embedding, all_seconds(embedding))[0]
            return predicted

        (shares,), delta = integrate_gradients(
            logits,
            [clip.repeat(targets, 1, 1)],
            [mean.repeat(targets, 1, 1)],
            torch.arange(targets, device=clip.device),
            steps,
            clips_per_pass(clip),
        )
    by_second = shares.sum(-1)
    return by_second, relative_gap(by_second.sum(1), delta)


def relative_gap(total: Tensor, delta: Tensor) -> Tensor:
    """delta, the sum minus the change of the logit → |delta| ÷ |change|, NaN where that is under MIN_LOGIT_CHANGE."""
    change = (total - delta).abs()
    return torch.where(change < MIN_LOGIT_CHANGE, torch.nan, delta.abs() / change)


def token_gradients(masker: SecondMasker, target: int, steps: int = TOKEN_STEPS) -> TokenGradients:
    """From the training mean to the clip, on tokens, of one target; on demand.

    A pass holds SECONDS_PER_PASS seconds; those of a longer clip are computed again on the way back, so that memory
    does not grow with the clip.
    """
    model = masker.model
    with gradients_on():
        temporal = differentiable(model.temporal)
        seconds, means = masker.seconds, model.references(masker.seconds)
        clip = [tokens.clone()[None] for tokens in masker.tokens.filled(means)]
        size = pass_size(SECONDS_PER_PASS, clip[0].device)
        mean = [tokens.clone()[None] for tokens in means]
        used = [index for index, uses in enumerate((model.sees, model.hears)) if uses]

        def joint_of(video: Tensor, audio: Tensor) -> Tensor:
            return model.encode_second(video, audio, evidence=False)[0]

        def logits(*inputs: Tensor) -> Tensor:
            count = len(inputs[0])
            both = [tokens.expand(count, -1, -1, -1) for tokens in mean]  # what the model does not use may be anything
            for index, tokens in zip(used, inputs, strict=True):
                both[index] = tokens
            flat = [rearrange(tokens, "n t s c -> (n t) s c").split(size) for tokens in both]
            if len(flat[0]) == 1:
                joint = joint_of(flat[0][0], flat[1][0])
            else:
                pieces = [
                    checkpoint(joint_of, v, a, use_reentrant=False, preserve_rng_state=False)  # no dropout: eval mode
                    for v, a in zip(*flat, strict=True)
                ]
                joint = torch.cat(pieces)
            joint = rearrange(joint, "(n t) d -> n t d", n=count)
            predicted: Tensor = temporal(joint, all_seconds(joint))[0]
            return predicted

        shares, delta = integrate_gradients(
            logits,
            [clip[index] for index in used],
            [mean[index] for index in used],
            torch.tensor([target], device=clip[0].device),
            steps,
            size // seconds,
        )
    by_token = {index: values[0].sum(-1) for index, values in zip(used, shares, strict=True)}
    total = torch.stack([values.sum() for values in by_token.values()]).sum()
    arrays = {index: to_numpy(values) for index, values in by_token.items()}
    gap = float(relative_gap(total, delta[0]))
    return TokenGradients(arrays.get(0), arrays.get(1), gap)


def gradient_evidence(masker: SecondMasker) -> list[Gradients]:
    """What gradients say of each target: on seconds by integration, on tokens by relevance where there is any."""
    integrated, gaps = integrated_gradients(masker)
    tokens = relevance(masker)
    return [
        Gradients(
            integrated=to_numpy(integrated[k]),
            gap=float(gaps[k]),
            relevance_video=None if tokens is None else to_numpy(tokens[0][k]),
            relevance_audio=None if tokens is None else to_numpy(tokens[1][k]),
        )
        for k in range(len(masker.targets))
    ]
