"""Small encoders for two CPU cores, trained end to end: the same roles and the same maps as the paper's, 100 × cheaper.

N seconds, M frames in a second, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from sec2sec.config import EncoderConfig
from sec2sec.encoders.base import AudioEncoder, VideoEncoder
from sec2sec.errors import SettingsError

SHRINK = 2  # 112 → 56 pixels: a quarter of the cost; what the cues need survives


def unit_2d(inputs: int, outputs: int, stride: int | tuple[int, int] = 1, groups: int = 1) -> nn.Sequential:
    """3×3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
    )


class TemporalUnit(nn.Module):
    """A residual convolution over time alone, per channel and then across them: the 1-D half of R(2+1)D, made cheap."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.over_time = nn.Sequential(
            nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(True),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor, moments: int) -> Tensor:
        """(N·M, C, h, w) → the same. Places stand side by side, so that a 2-D kernel of 3×1 runs over time."""
        height = x.shape[2]
        maps = rearrange(x, "(n m) c h w -> n c m (h w)", m=moments)
        return rearrange(F.relu(maps + self.over_time(maps)), "n c m (h w) -> (n m) c h w", h=height)


class CompactVideo(VideoEncoder):
    """Frames of a second → (N, V, C): 2-D convolutions a frame, 1-D convolutions over time, a grid of places a moment.

    A fifth and a fourth channel carry the change since the frame before and the brightness: motion is otherwise the
    weakest of the states that a small network learns.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.moments, self.rows, self.columns = config.video_grid
        if config.frames_per_second % self.moments:
            raise SettingsError("frames_per_second must be a multiple of the visual grid's time steps")
        self.stem = unit_2d(5, 24, 2)  # 56 → 28
        self.early = unit_2d(24, 48, 2)  # 28 → 14
        self.early_time = TemporalUnit(48)
        self.middle = unit_2d(48, 64, 2)  # 14 → 7
        self.middle_time = TemporalUnit(64)
        self.leave = nn.Conv2d(64, config.width, 1)

    @staticmethod
    def shrink(frames: Tensor) -> Tensor:
        """(N, 3, M, 112, 112) → (N, 3, M, 56, 56)."""
        return F.avg_pool3d(frames, (1, SHRINK, SHRINK))

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, 3, M, 112, 112), normalised → (N, V, C)."""
        return self.from_small(self.shrink(frames))

    def from_small(self, frames: Tensor) -> Tensor:
        """frames (N, 3, M, 56, 56) → (N, V, C); training starts here, on a cache of small frames."""
        count = frames.shape[2]
        grey = frames.mean(1, keepdim=True)
        before = torch.cat([grey[:, :, :1], grey[:, :, :-1]], 2)
        x = torch.cat([frames, grey, (grey - before).abs()], 1)  # (N, 5, M, 56, 56)
        x = rearrange(x, "n c m h w -> (n m) c h w")
        x = self.early_time(self.early(self.stem(x)), count)  # (N·M, 48, 14, 14)
        x = self.leave(self.middle_time(self.middle(x), count))  # (N·M, C, 7, 7)
        x = F.adaptive_avg_pool2d(x, (self.rows, self.columns))
        x = rearrange(x, "(n m) c h w -> n c m h w", m=count)
        x = F.adaptive_avg_pool3d(x, (self.moments, self.rows, self.columns))
        return rearrange(x, "n c t h w -> n (t h w) c")


class CompactAudio(AudioEncoder):
    """MFCC image of a second → (N, A, C): a small 2-D network, then a grid of coefficient bands and moments.

    mean and std (3, n_mfcc, 1) standardise each coefficient with the training set's statistics: the first MFCC is a
    hundred times the others, and one figure per channel would drown them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.bands, self.moments = config.audio_grid
        self.register_buffer("mean", torch.zeros(3, config.audio.n_mfcc, 1))
        self.register_buffer("std", torch.ones(3, config.audio.n_mfcc, 1))
        self.stem = unit_2d(3, 32, (1, 2))  # 40×101 → 40×51
        self.early = unit_2d(32, 48, 2)  # 20×26
        self.middle = unit_2d(48, 64, (2, 1))  # 10×26
        self.late = unit_2d(64, 64)
        # Pitch and harmony are spread over all coefficients: every cell also hears its moment's whole column.
        self.column = nn.Conv2d(64, 64, (10, 1), bias=False)
        self.column_norm = nn.BatchNorm2d(64)
        self.leave = nn.Conv2d(64, config.width, 1)

    def forward(self, image: Tensor) -> Tensor:
        """image (N, 3, n_mfcc, steps) → (N, A, C), a = band · times + time."""
        x = (image - self.mean) / self.std
        x = self.late(self.middle(self.early(self.stem(x))))  # (N, 64, 10, 26)
        x = F.relu(x + self.column_norm(self.column(x)))
        cells: Tensor = self.leave(F.adaptive_avg_pool2d(x, (self.bands, self.moments)))
        return rearrange(cells, "n c b t -> n (b t) c")
