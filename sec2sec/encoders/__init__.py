"""Tensors of a second → tokens of that second. Two presets behind one interface.

T seconds, M frames in a second, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.config import EncoderConfig
from sec2sec.encoders.compact import CompactAudio, CompactVideo
from sec2sec.encoders.fold import fold
from sec2sec.encoders.paper import EncoderError, load_paper
from sec2sec.features import MfccImage, frame_tensor

if TYPE_CHECKING:
    from sec2sec.encode import Tokens

__all__ = ["EncoderError", "Encoders", "build_encoders"]

CHUNK = 4  # seconds a pass: the maps of more spill out of the cache, of fewer leave cores idle


class Encoders(nn.Module):
    """Both encoders of a preset, from what media yields to tokens."""

    def __init__(self, config: EncoderConfig, video: nn.Module, audio: nn.Module) -> None:
        super().__init__()
        self.config, self.video, self.audio = config, video, audio
        self.mfcc = MfccImage(config.audio)

    def see(self, frames: Tensor) -> Tensor:
        """frames (T, M, 128, 171, 3) uint8 → visual tokens (T, V, C) float32."""
        tokens = torch.cat([self.video(frame_tensor(part)).float() for part in frames.split(CHUNK)])
        return pool(tokens, self.config.maps[0], self.config.video_grid)

    def hear(self, samples: Tensor, image: Tensor | None = None) -> Tensor:
        """samples (T, 16000) in [-1, 1], and their MFCC images where they are made → audio tokens (T, A, C) float32."""
        return self.hear_image(self.mfcc(samples) if image is None else image)

    def hear_image(self, image: Tensor) -> Tensor:
        """MFCC images (T, 3, n_mfcc, steps) → audio tokens (T, A, C) float32."""
        tokens = torch.cat([self.audio(part).float() for part in image.split(CHUNK)])
        return pool(tokens, self.config.maps[1], self.config.audio_grid)

    def whole(self, tokens: Tokens) -> Tokens:
        """What is kept of a whole clip, of the tokens of all of its seconds: these."""
        return tokens

    def folded(self) -> Encoders:
        """The same encoders for inference: batch norms folded into convolutions, the fast memory format."""
        return Encoders(self.config, fold(self.video), fold(self.audio)).eval()


def pool(tokens: Tensor, grid: Sequence[int], coarser: Sequence[int]) -> Tensor:
    """Average tokens (N, V, C) on `grid` over the cells of a coarser grid; cells may overlap, as 7 → 3 must."""
    if tuple(grid) == tuple(coarser):
        return tokens
    maps = tokens.unflatten(1, tuple(grid)).movedim(-1, 1)  # (N, C, *grid)
    average: Callable[..., Tensor] = F.adaptive_avg_pool3d if len(grid) == 3 else F.adaptive_avg_pool2d
    return average(maps, tuple(coarser)).flatten(2).transpose(1, 2)


def build_encoders(config: EncoderConfig, *, pretrained: bool = True, seed: int | None = None) -> Encoders:
    """Encoders of a preset. `paper` comes with its published weights, or raises EncoderError; random only with a seed.

    `compact` has no published weights: a checkpoint brings them, or training does.
    """
    if config.preset == "inputs":
        from sec2sec.encoders.inputs import Inputs  # it extends Encoders

        return Inputs(config)
    if config.preset == "paper":
        return Encoders(config, *load_paper(pretrained=pretrained, seed=seed))
    if seed is not None:
        torch.manual_seed(seed)
    return Encoders(config, CompactVideo(config), CompactAudio(config))
