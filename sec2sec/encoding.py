"""Decoded seconds → tokens: the one expensive step of a clip, done once. Everything after it costs milliseconds.

T seconds, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from sec2sec.encoders import Encoders
from sec2sec.encoders.tokens import Tokens
from sec2sec.media import Second

BATCH_SECONDS = 8  # decoded, then encoded: bounds memory, whatever the length of the clip


def batched(seconds: Iterable[Second], size: int = BATCH_SECONDS) -> Iterator[list[Second]]:
    """Seconds in lists of at most `size`; decodes no further ahead than that."""
    iterator = iter(seconds)
    while batch := list(islice(iterator, size)):
        yield batch


@torch.inference_mode()
def encode_seconds(seconds: Sequence[Second], encoders: Encoders, device: torch.device) -> Tokens:
    """Some decoded seconds of one clip → their tokens (float32) and MFCC images, on the device.

    In the precision of the encoders; seconds whose tokens overflow in half precision are encoded again in float32.
    """
    frames = None if seconds[0].frames is None else stack([s.frames for s in seconds]).to(device)
    samples = None if seconds[0].samples is None else stack([s.samples for s in seconds]).to(device)
    tokens = _encode(frames, samples, encoders, device)
    if encoders.precision != torch.float32 and not tokens.finite:
        tokens = _encode(frames, samples, encoders.in_float32(), device)
    return tokens


def encode_clip(
    seconds: Iterable[Second], encoders: Encoders, device: torch.device, size: int = BATCH_SECONDS
) -> Tokens:
    """All decoded seconds of a clip → its tokens, at most `size` seconds at a time."""
    return join_tokens([encode_seconds(batch, encoders, device) for batch in batched(seconds, size)])


def _encode(frames: Tensor | None, samples: Tensor | None, encoders: Encoders, device: torch.device) -> Tokens:
    """frames (T, M, height, width, 3) and samples (T, 16000) on the device → tokens in the encoders' precision."""
    with encoders.autocast(device):
        video = None if frames is None else encoders.encode_video(frames)
        image = None if samples is None else encoders.screen_image(samples)
        audio = None if samples is None else encoders.encode_audio(samples, image)
    return Tokens(video, audio, image)


def stack(arrays: Sequence[np.ndarray | None]) -> Tensor:
    """The same array of every second, one tensor. A clip has a modality in all of its seconds or in none."""
    present = [array for array in arrays if array is not None]
    assert len(present) == len(arrays)
    return torch.from_numpy(np.stack(present))


def join_tokens(parts: Sequence[Tokens]) -> Tokens:
    """The parts of a clip in their order → the clip."""

    def join(name: str) -> Tensor | None:
        tensors = [getattr(part, name) for part in parts]
        return None if tensors[0] is None else torch.cat(tensors)

    return Tokens(join("video"), join("audio"), join("mfcc"))
