"""ViT-ViViT: the class tokens of ViViT (picture) and ViT (sound) side by side, then one FC layer (paper §4.3).

Faithful: "a single FC layer" on both features, 768 + 768. Inferred: all that vit.py and vivit.py infer.
"""

from __future__ import annotations

from sec2sec.baselines.late_fusion import LateFusion
from sec2sec.baselines.vit import Sound
from sec2sec.baselines.vivit import Picture
from sec2sec.config import EncoderConfig, ModelConfig


def build(config: ModelConfig, encoder: EncoderConfig) -> LateFusion:
    """ViViT on the picture, ViT on the sound."""
    return LateFusion(config, encoder, {"video": Picture(config, encoder), "audio": Sound(config, encoder)})
