"""What encoders of single pictures share: the crop in the middle of a frame, normalised as a network learned."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor

from sec2sec.config import VideoEncoderConfig

FRAMES_PER_SECOND = 2  # a network of single pictures has no rate; at this one a second with a cut shows both shots


def normalised_crop(frames: Tensor, config: VideoEncoderConfig) -> Tensor:
    """Resized frames uint8 (N, M, h, w, 3) → float32 (N, M, 3, crop, crop), (x / 255 − mean) / std."""
    assert (frames.dtype, *frames.shape[2:]) == (torch.uint8, *config.resize, 3), (frames.dtype, frames.shape)
    left, top, _, _ = config.region
    first_row, first_column = round(top * config.resize[0]), round(left * config.resize[1])
    crop = frames[:, :, first_row : first_row + config.crop, first_column : first_column + config.crop]
    std = torch.tensor(config.std, device=frames.device)
    mean = torch.tensor(config.mean, device=frames.device)
    normal = crop.float().mul_(1 / (255 * std)).sub_(mean / std)
    return rearrange(normal, "n m h w c -> n m c h w")
