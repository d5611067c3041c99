"""ViViT on the picture: 32 frames spread over the clip (paper §4.3, "ViViT").

Arnab et al. 2021, "ViViT: A Video Vision Transformer"; ViViT-B 16×2 of transformers, which is the model with joint
attention over space and time, with the weights of google/vivit-b-16x2-kinetics400. Faithful: the network, 32 frames of
224×224, tubelets of 2×16×16, 3137 tokens, width 768. Inferred: that it is the joint and not the factorised model
(unstated in the paper), that the frames are spread over the whole clip (transformers' example takes them from a random
part of it), pixels in [-1, 1], the part of the picture that all systems here see, whose aspect is not kept, and one FC
layer on the class token. The small size looks 4 times per second at tubelets of 4 frames.

B clips, T seconds, M frames in a second.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange, repeat
from torch import Tensor
from transformers import VivitConfig, VivitModel

from sec2sec.baselines import VIVIT
from sec2sec.baselines.late_fusion import Branch, LateFusion
from sec2sec.baselines.transformer import ClassToken, published_network
from sec2sec.config import EncoderConfig, ModelConfig

SMALL_CONFIG: dict[str, Any] = {
    "image_size": 32,
    "num_frames": 32,
    "tubelet_size": (4, 8, 8),
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}


class Picture(Branch):
    """Frames spread over a clip, through a ViViT."""

    def __init__(self, config: ModelConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.grid = encoder.video_grid
        if config.backbone == "published":
            network = published_network(VivitModel, VIVIT)
        else:
            settings = VivitConfig(**(SMALL_CONFIG if config.size == "small" else {}))
            network = VivitModel(settings, add_pooling_layer=False)
            torch.nn.init.normal_(network.embeddings.cls_token, std=0.02)  # transformers leaves both at 0
            torch.nn.init.normal_(network.embeddings.position_embeddings, std=0.02)
        self.read = ClassToken(network)
        self.frames, self.tubelet = network.config.num_frames, network.config.tubelet_size[0]
        self.width = network.config.hidden_size

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, Tensor | None]:
        """Pixels (B, T, V, 3) → (B, width) and attention to seconds (B, T)."""
        chosen = spread(mask.sum(1) * self.grid[0], self.frames)
        vector, weights = self.read(frames_at(tokens, self.grid, chosen), evidence)
        if weights is None:
            return vector, None
        moments = rearrange(weights, "b (t p) -> b t p", t=self.frames // self.tubelet).sum(-1)
        by_frame = repeat(moments / self.tubelet, "b t -> b (t f)", f=self.tubelet)
        seconds = by_frame.new_zeros(mask.shape)
        return vector, seconds.scatter_add(1, chosen // self.grid[0], by_frame)


def spread(available: Tensor, count: int) -> Tensor:
    """Indices (B, count) of frames in the middle of `count` equal parts of clips of `available` (B,) frames."""
    centres = (torch.arange(count, device=available.device) + 0.5) / count
    return (centres * available[:, None]).long()


def frames_at(tokens: Tensor, grid: tuple[int, int, int], chosen: Tensor) -> Tensor:
    """Pixels (B, T, V, 3) of frames `chosen` (B, F), counted from the clip's begin → (B, F, 3, height, width)."""
    moments, height, width = grid
    frames = rearrange(tokens, "b t (m p) c -> b (t m) p c", m=moments)
    pixels = frames[torch.arange(len(frames), device=frames.device)[:, None], chosen]
    return rearrange(pixels, "b f (h w) c -> b f c h w", h=height, w=width)


def build(config: ModelConfig, encoder: EncoderConfig) -> LateFusion:
    """ViViT on the picture alone."""
    return LateFusion(config, encoder, {"video": Picture(config, encoder)})
