"""What CMA and Co-attention share: the encoder tokens of all seconds side by side, pooled at the end, no LSTM.

B clips, T seconds, V visual and A audio tokens in a second, C channels of a token, D width, K targets.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from sec2sec.config import EncoderConfig, ModelConfig
from sec2sec.model import LastLinear, Model, Output, Positions

Pair = tuple[Tensor, Tensor]  # of the picture (B, T·V, …) and of the sound (B, T·A, …)


class WholeClip(Model):
    """Tokens of the whole clip → `mix` → mean of each modality → concat → FC → prediction.

    A token knows its place in the second as in Sec2Sec, and its second by the sines and cosines of Vaswani et al. 2017.
    """

    def __init__(self, config: ModelConfig, encoder: EncoderConfig) -> None:
        super().__init__(config, encoder.video_grid, encoder.audio_grid, encoder.channels)
        width = config.width
        self.positions = Positions(encoder.video_grid, encoder.audio_grid, width)
        self.enter_video, self.enter_audio = (
            nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width), nn.LayerNorm(width))
            for channels in encoder.channels
        )
        self.combine = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, width), nn.ReLU())
        self.dropout = nn.Dropout(config.dropout)
        self.predict = LastLinear(width, len(config.targets))

    def mix(self, seen: Tensor, heard: Tensor, hidden: Pair, evidence: bool) -> tuple[Pair, Pair | None]:
        """Tokens (B, T·V, D) and (B, T·A, D), True in `hidden` where they are padding → the same after attention.

        And, if evidence, what the picture asked of the sound (B, H, T·V, T·A), and the mirror.
        """
        raise NotImplementedError

    def forward(self, video: Tensor, audio: Tensor, mask: Tensor, evidence: bool = True) -> Output:
        """As every Model's. With evidence, the share of cross-attention that each second received, alike for all
        targets.

        A mean over both directions, all heads and all real queries.
        """
        seconds = mask.shape[1]
        clock = second_clock(seconds, self.config.width, mask.device)[None, :, None]
        seen = rearrange(self.enter_video(video) + self.positions.video() + clock, "b t v d -> b (t v) d")
        heard = rearrange(self.enter_audio(audio) + self.positions.audio() + clock, "b t a d -> b (t a) d")
        real = repeat(mask, "b t -> b (t n)", n=video.shape[2]), repeat(mask, "b t -> b (t n)", n=audio.shape[2])
        (seen, heard), maps = self.mix(seen, heard, (~real[0], ~real[1]), evidence)
        pooled = torch.cat([mean_of_real(seen, real[0]), mean_of_real(heard, real[1])], -1)
        weights = None
        if maps is not None:
            to_sound, to_picture = maps
            received = received_by_second(to_sound, real[0], seconds), received_by_second(to_picture, real[1], seconds)
            weights = repeat((received[0] + received[1]) / 2, "b t -> b k t", k=len(self.config.targets))
        return Output(self.predict(self.dropout(self.combine(pooled))), weights, None, None, None)


def second_clock(seconds: int, width: int, device: torch.device) -> Tensor:
    """(T, D): sines, then cosines of the second's number, at rates from 1 to 1/10000."""
    half = width // 2
    rate = torch.exp(-math.log(10_000.0) * torch.arange(half, device=device) / half)
    angle = torch.arange(seconds, device=device)[:, None] * rate
    return nn.functional.pad(torch.cat([angle.sin(), angle.cos()], -1), (0, width - 2 * half))


def mean_of_real(tokens: Tensor, real: Tensor) -> Tensor:
    """(B, N, D) → (B, D) over the tokens that are no padding."""
    return tokens.masked_fill(~real[..., None], 0.0).sum(1) / real.sum(1, keepdim=True)


def received_by_second(weights: Tensor, real: Tensor, seconds: int) -> Tensor:
    """Weights (B, H, Q, T·S) of queries of which `real` (B, Q) count → (B, T), rows sum to 1."""
    received = torch.einsum("bhqs,bq->bs", weights, real.to(weights.dtype))
    received = received / (real.sum(1, keepdim=True) * weights.shape[1])
    return rearrange(received, "b (t s) -> b t s", t=seconds).sum(-1)
