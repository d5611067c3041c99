"""Gradient × attention relevance for co-attention, after Chefer, Gur & Wolf (ICCV 2021), eqs. 5, 6 and 8–10.

    eq. 5   Ā = mean over heads of (∇A ⊙ A)⁺                    ∇A: gradient of the target's logit
    eq. 6   R_vv = I + Ā_v, R_aa = I + Ā_a                       after the self-attention of eq. 1
    eq. 8–9 R̄ = I + (R − I) with rows that sum to 1
    eq. 10  R_va = R̄_vvᵀ Ā_va R̄_aa, and the mirror             after co-attention: what picture tokens took from sound

Their eqs. 7 and 11 add nothing here, since nothing has crossed between modalities before. They read the row of a CLS
token; this model reads the mean of its tokens, so the mean over rows is read, of both streams, and the identity is
left out because it is the same for every token. Within a second alone: what crosses seconds is the gradient's.

N seconds in a pass, T seconds, V visual and A audio tokens in a second, S source tokens, H heads, D width, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from sec2sec.device import pass_size
from sec2sec.explanations.backward import gradients_on, joint_slopes
from sec2sec.explanations.embeddings import SECONDS_PER_PASS, SECONDS_PER_PIECE
from sec2sec.explanations.masker import SecondMasker
from sec2sec.model import AttentionBlock, Sec2Sec
from sec2sec.threads import map_on_threads, piece_size


def relevance(masker: SecondMasker, seconds: slice = slice(None)) -> tuple[Tensor, Tensor] | None:
    """Of every target: picture (K, T, V) and sound (K, T, A), ≥ 0. None for a system without co-attention.

    seconds: some of the clip's; T above is their number then.
    """
    model = masker.model
    if model.config.attention != "SA-CA":
        return None
    with gradients_on():
        slopes = joint_slopes(model, masker.embeddings.both.clone())[:, seconds]
        video, audio = (
            own[seconds].clone().requires_grad_() for own in masker.tokens.filled(model.references(masker.seconds))
        )
        size = piece_size(len(video), pass_size(SECONDS_PER_PASS, video.device), SECONDS_PER_PIECE)
        passes = (values.split(size, dim) for values, dim in ((video, 0), (audio, 0), (slopes, 1)))
        relevances = map_on_threads(lambda some: _of_seconds(model, *some), zip(*passes, strict=True))
    return torch.cat([seen for seen, _ in relevances], 1), torch.cat([heard for _, heard in relevances], 1)


def _of_seconds(model: Sec2Sec, video: Tensor, audio: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
    """video (N, V, C), audio (N, A, C), slopes (K, N, D) → picture (K, N, V) and sound (K, N, A)."""
    seen = model.enter_video(video) + model.positions.video()
    heard = model.enter_audio(audio) + model.positions.audio()
    seen, within_video = attend(model.self_video, seen, seen)
    heard, within_audio = attend(model.self_audio, heard, heard)
    joined_seen, video_from_audio = attend(model.second_video, seen, heard)
    joined_heard, audio_from_video = attend(model.second_audio, heard, seen)
    joint = model.combine(torch.cat([joined_seen.mean(1), joined_heard.mean(1)], -1))
    maps = (within_video, within_audio, video_from_audio, audio_from_video)
    gradients = gradients_of_maps(joint, slopes, maps, at_once=joint.is_cuda)
    return propagate(*(positive(*pair) for pair in zip(maps, gradients, strict=True)))


def gradients_of_maps(joint: Tensor, slopes: Tensor, maps: Sequence[Tensor], at_once: bool) -> Sequence[Tensor]:
    """∇A of each map and target, (K, N, H, Q, S); joint (N, D), slopes (K, N, D).

    at_once: one run backwards for all targets. A GPU waits for launches, not for arithmetic; on a CPU it saves nothing,
    and torch imports sympy for it, a third of a second.
    """
    if at_once:
        return torch.autograd.grad(joint, maps, slopes, is_grads_batched=True)
    by_target = [torch.autograd.grad((joint * slope).sum(), maps, retain_graph=True) for slope in slopes]
    return [torch.stack(of_map) for of_map in zip(*by_target, strict=True)]


def attend(block: AttentionBlock, query: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """The block with its weights on the way of the gradient: (N, Q, D), (N, S, D) → (N, Q, D) and (N, H, Q, S).

    torch's own attention returns a copy of the weights, which no gradient passes.
    """
    attention = block.attend
    ask, offer, carry = attention.in_proj_weight.chunk(3)
    ask_bias, offer_bias, carry_bias = attention.in_proj_bias.chunk(3)

    def heads(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return rearrange(F.linear(x, weight, bias), "n s (h d) -> n h s d", h=attention.num_heads)

    queries, keys = heads(query, ask, ask_bias), heads(source, offer, offer_bias)
    weights = (queries @ keys.mT / math.sqrt(attention.head_dim)).softmax(-1)
    heard = attention.out_proj(rearrange(weights @ heads(source, carry, carry_bias), "n h q d -> n q (h d)"))
    return block.feed_forward(block.norm(heard) + query), weights


def positive(weights: Tensor, gradient: Tensor) -> Tensor:
    """Eq. 5: weights (N, H, Q, S), gradient (K, N, H, Q, S) → (K, N, Q, S)."""
    return (gradient * weights).detach().clamp_min(0).mean(-3)


def propagate(
    within_video: Tensor, within_audio: Tensor, from_audio: Tensor, from_video: Tensor
) -> tuple[Tensor, Tensor]:
    """Eqs. 6 and 8–10 and the readout; Ā of (…, V, V), (…, A, A), (…, V, A), (…, A, V) → (…, V), (…, A)."""
    video, audio = normalise(within_video), normalise(within_audio)
    video_by_audio = video.mT @ from_audio @ audio  # (…, V, A)
    audio_by_video = audio.mT @ from_video @ video  # (…, A, V)
    return within_video.mean(-2) + audio_by_video.mean(-2), within_audio.mean(-2) + video_by_audio.mean(-2)


def normalise(within: Tensor) -> Tensor:
    """Eqs. 8–9: Ā (…, S, S) → I and the rows of Ā made to sum to 1; a row of zeros stays one."""
    rows = within.sum(-1, keepdim=True)
    shares = torch.where(rows > 0, within / rows.clamp_min(torch.finfo(rows.dtype).tiny), 0.0)
    return shares + torch.eye(within.shape[-1], dtype=within.dtype, device=within.device)
