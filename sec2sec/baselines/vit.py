"""ViT on sound: the MFCC image of the whole clip as one picture (paper §4.3, "ViT").

Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"; ViT-B/16 of transformers with the weights of
google/vit-base-patch16-224-in21k. Faithful: the network, 224×224 pixels, 197 tokens, width 768. Inferred, for the paper
is silent: that the picture is the MFCC image with Δ and ΔΔ as its three channels, that it spans the whole clip whatever
its length, the bilinear resizing, the standardisation by the training set, and one FC layer on the class token. AST
(128 mel bands × 1024 frames) is another system, which the paper does not cite.

B clips, T seconds, A = 40 · 100 audio tokens in a second.
"""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F
from transformers import ViTConfig, ViTModel

from sec2sec.baselines import VIT
from sec2sec.baselines.late_fusion import Branch, LateFusion
from sec2sec.baselines.transformer import ClassToken, published_network
from sec2sec.config import EncoderConfig, ModelConfig

SMALL_CONFIG: dict[str, Any] = {
    "image_size": 64,
    "patch_size": 8,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}


class Sound(Branch):
    """The MFCC image of a clip, resized to a square, through a ViT."""

    def __init__(self, config: ModelConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.grid = encoder.audio_grid
        if config.backbone == "published":
            network = published_network(ViTModel, VIT)
        else:
            settings = ViTConfig(**(SMALL_CONFIG if config.size == "small" else {}))
            network = ViTModel(settings, add_pooling_layer=False)
        self.read = ClassToken(network)
        self.side, self.patch = network.config.image_size, network.config.patch_size
        self.width = network.config.hidden_size

    def forward(self, tokens: Tensor, mask: Tensor, evidence: bool) -> tuple[Tensor, Tensor | None]:
        """Coefficients (B, T, A, 3) → (B, width) and attention to seconds (B, T)."""
        lengths = mask.sum(1)
        vector, weights = self.read(self.picture(tokens, lengths), evidence)
        if weights is None:
            return vector, None
        columns = rearrange(weights, "b (h w) -> b h w", w=self.side // self.patch).sum(1)
        return vector, columns_to_seconds(columns, lengths, mask.shape[1])

    def picture(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Tokens (B, T, A, 3) → (B, 3, side, side): each clip's own seconds stretched to the whole width."""
        bands, steps = self.grid
        images = rearrange(tokens, "b t (k s) c -> b c k (t s)", k=bands)
        out = tokens.new_empty(len(tokens), images.shape[1], self.side, self.side)
        for length in lengths.unique().tolist():
            rows = lengths == length
            image = images[rows][..., : length * steps]
            out[rows] = F.interpolate(image, (self.side, self.side), mode="bilinear", antialias=True)
        return out


def columns_to_seconds(columns: Tensor, lengths: Tensor, seconds: int) -> Tensor:
    """Weights (B, columns) of equal parts of clips of `lengths` s → (B, seconds).

    By how much of a part lies in each second.
    """
    count = columns.shape[1]
    edge = torch.arange(count + 1, device=columns.device) / count * lengths[:, None]  # (B, columns + 1) s
    begin, end = edge[:, :-1, None], edge[:, 1:, None]
    second = torch.arange(seconds, device=columns.device)
    inside = (torch.minimum(end, second + 1) - torch.maximum(begin, second)).clamp_min(0) / (end - begin)
    return torch.einsum("bc,bct->bt", columns, inside.to(columns.dtype))


def build(config: ModelConfig, encoder: EncoderConfig) -> LateFusion:
    """ViT on the sound alone."""
    return LateFusion(config, encoder, {"audio": Sound(config, encoder)})
