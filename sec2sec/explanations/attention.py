"""Where the model looked: co-attention maps of each second, with their entropy. Evidence of a computation, not a cause.

T seconds, H heads, V visual tokens, A audio tokens.
"""

from __future__ import annotations

import math

from torch import Tensor

from sec2sec.baselines import SYSTEMS, System
from sec2sec.explanations.masker import Masker
from sec2sec.explanations.results import CoAttention


def entropy(weights: Tensor) -> Tensor:
    """Shannon entropy of rows that sum to 1, as a share of the uniform row's: (T, H, Q, S) → (T, H), mean over rows.

    1 is uniform: the row prefers nothing. A row of one cell has no choice, and counts as uniform.
    """
    cells = weights.shape[-1]
    if cells == 1:
        return weights.new_ones(weights.shape[:2])
    return -(weights * weights.clamp_min(1e-12).log()).sum(-1).mean(-1) / math.log(cells)


def co_attention(masker: Masker) -> CoAttention:
    """The maps as they are drawn, or the reason why there is nothing to draw."""
    model, tokens, embedded = masker.model, masker.tokens, masker.by_second
    video_from_audio = None if embedded is None else embedded.embeddings.video_from_audio
    audio_from_video = None if embedded is None else embedded.embeddings.audio_from_video
    grids = model.video_grid, model.audio_grid, model.region
    if len(SYSTEMS[model.config.system].reads) == 1:
        return CoAttention(*grids, bands=model.bands, absent=_reads_one(SYSTEMS[model.config.system]))
    if tokens.video is None or tokens.audio is None:
        missing = "sound" if tokens.audio is None else "picture"
        return CoAttention(
            *grids, bands=model.bands, absent=f"The clip has no {missing}, so there is nothing to co-attend to."
        )
    if video_from_audio is None or audio_from_video is None:
        title = SYSTEMS[model.config.system].title
        return CoAttention(
            *grids, bands=model.bands, absent=f"{title} has no co-attention between sound and picture within a second."
        )
    if min(video_from_audio.shape[-1], audio_from_video.shape[-1]) == 1:
        return CoAttention(
            *grids,
            bands=model.bands,
            absent="One token a second on one side: every weight is 1 by construction and says nothing.",
        )
    return CoAttention(
        *grids,
        bands=model.bands,
        video_from_audio=video_from_audio.half().cpu().numpy(),
        audio_from_video=audio_from_video.half().cpu().numpy(),
        entropy_video_from_audio=entropy(video_from_audio.float()).cpu().numpy(),
        entropy_audio_from_video=entropy(audio_from_video.float()).cpu().numpy(),
    )


def _reads_one(system: System) -> str:
    """Why a system of one modality has no maps, and what of a second it does not read."""
    there, missing = ("picture", "sound") if system.sees else ("sound", "picture")
    return (
        f"This model ({system.title}) reads the {there} alone: nothing here is about the {missing}, and it has no "
        "co-attention between the two."
    )
