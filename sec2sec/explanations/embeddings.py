"""Second embeddings: the vector that co-attention makes of each second, with its own tokens and without some of them.

Co-attention works within a second, so a second that is replaced changes its own embedding alone: every question
about a clip afterwards is runs of the LSTM over these vectors.

N variants of a clip, T seconds, V visual and A audio tokens in a second, D width, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sec2sec.device import pass_size
from sec2sec.encoders.tokens import Tokens
from sec2sec.model import Sec2Sec
from sec2sec.threads import map_on_threads, piece_size

SECONDS_PER_PASS = 32  # of co-attention on a CPU: bounds memory on long clips
CELLS_PER_PASS = 1 << 15  # clips × seconds of LSTM in one pass on a CPU
SECONDS_PER_PIECE, CLIPS_PER_PIECE = 8, 96  # of passes that are shared by threads


@dataclass(frozen=True)
class SecondEmbeddings:
    """The embedding of each second with both modalities, one, or none; each (T, D). And the maps of `both`.

    attended_video (T, V, D), attended_audio (T, A, D): after eq. 1, for whoever joins them anew; None for a modality
    that the model does not use, and where nobody will.
    """

    both: Tensor
    audio_only: Tensor
    video_only: Tensor
    neither: Tensor
    video_from_audio: Tensor | None = None
    audio_from_video: Tensor | None = None
    attended_video: Tensor | None = None
    attended_audio: Tensor | None = None

    def part(self, first: int, end: int) -> SecondEmbeddings:
        """Some seconds of the clip: what is within a second does not depend on the others."""
        here: dict[str, Any] = {}
        for field in fields(self):
            values = getattr(self, field.name)
            here[field.name] = None if values is None else values[first:end]
        return SecondEmbeddings(**here)


@torch.inference_mode()
def embed_seconds(model: Sec2Sec, tokens: Tokens) -> SecondEmbeddings:
    """Every second through co-attention four times: with its own tokens, and with one or both at the training mean."""
    video, audio = tokens.filled(model.references(tokens.seconds))
    mean_video, mean_audio = model.references(1)
    # every second shares the attended mean: it is computed once
    attended_mean_video, attended_mean_audio = model.self_attend_video(mean_video), model.self_attend_audio(mean_audio)

    def repeat(vectors: Tensor | None, seconds: int) -> Tensor | None:
        return None if vectors is None else vectors.expand(seconds, -1, -1)

    def embed(seconds: tuple[Tensor, Tensor]) -> tuple[Tensor | None, ...]:
        """Joint vectors with both, with sound, with picture; the maps; after eq. 1."""
        attended_video, attended_audio = model.self_attend_video(seconds[0]), model.self_attend_audio(seconds[1])
        both, video_from_audio, audio_from_video = model.co_attend(attended_video, attended_audio, evidence=True)
        audio_only = model.co_attend(repeat(attended_mean_video, len(both)), attended_audio, evidence=False)[0]
        video_only = model.co_attend(attended_video, repeat(attended_mean_audio, len(both)), evidence=False)[0]
        return both, audio_only, video_only, video_from_audio, audio_from_video, attended_video, attended_audio

    size = piece_size(len(video), pass_size(SECONDS_PER_PASS, video.device), SECONDS_PER_PIECE)
    passes = map_on_threads(embed, zip(video.split(size), audio.split(size), strict=True))
    neither = model.co_attend(attended_mean_video, attended_mean_audio, evidence=False)[0].expand(len(video), -1)
    both, audio_only, video_only, *within = (_joined(pieces) for pieces in zip(*passes, strict=True))
    assert both is not None
    assert audio_only is not None
    assert video_only is not None
    return SecondEmbeddings(both, audio_only, video_only, neither, *within)


def _joined(pieces: Sequence[Tensor | None]) -> Tensor | None:
    """The pieces of a clip in their order; None where the model has no such thing."""
    present = [piece for piece in pieces if piece is not None]
    return torch.cat(present) if present else None


def clips_per_pass(embedding: Tensor) -> int:
    """How many clips as long as these, (N, T, …), go through the LSTM in one pass."""
    return max(1, pass_size(CELLS_PER_PASS, embedding.device) // embedding.shape[1])


@torch.inference_mode()
def predict_embeddings(model: Sec2Sec, embedding: Tensor) -> Tensor:
    """Variants of one clip, (N, T, D) → predictions (N, K), in passes that fit the memory."""
    size = piece_size(len(embedding), clips_per_pass(embedding), CLIPS_PER_PIECE)

    def predict(some: Tensor) -> Tensor:
        predictions: Tensor = model.temporal(some, all_seconds(some))[0].sigmoid()
        return predictions

    return torch.cat(map_on_threads(predict, embedding.split(size)))


@torch.inference_mode()
def effects_of(model: Sec2Sec, embedding: Tensor, *replacements: Tensor) -> list[np.ndarray]:
    """Prediction minus the prediction with each second replaced: embedding, replacements (T, D) each → (K, T) each."""
    stacked = torch.cat(replacements)
    count = len(stacked) + 1
    size = clips_per_pass(embedding[None])
    passes = [range(first, min(first + size, count)) for first in range(0, count, size)]
    predictions = torch.cat([predict_embeddings(model, with_one_replaced(embedding, stacked, rows)) for rows in passes])
    return [to_numpy(changes.T) for changes in (predictions[-1] - predictions[:-1]).split(len(embedding))]


def with_one_replaced(embedding: Tensor, replacements: Tensor, rows: range) -> Tensor:
    """The clip once for each of `rows`, with one second replaced; the row after the last is the clip as it is.

    embedding (T, D), replacements (S · T, D): of every second in turn, and of every second again → (N, T, D).
    """
    variants = embedding.repeat(len(rows), 1, 1)
    numbers = torch.arange(rows.start, min(rows.stop, len(replacements)), device=embedding.device)
    variants[torch.arange(len(numbers), device=embedding.device), numbers % len(embedding)] = replacements[numbers]
    return variants


def all_seconds(embedding: Tensor) -> Tensor:
    """The mask (N, T) of clips (N, T, …) without padding."""
    return torch.ones(embedding.shape[:2], dtype=torch.bool, device=embedding.device)


def to_numpy(values: Tensor) -> np.ndarray:
    """float64 on the CPU, as every result is."""
    array: np.ndarray = values.detach().double().cpu().numpy()
    return array
