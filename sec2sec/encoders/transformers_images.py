"""Visual encoders from transformers, `transformers:OWNER/NAME`: networks of single pictures, and of video.

N seconds, M frames in a second, V visual tokens in a second, C channels of a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from einops import rearrange
from torch import Tensor, nn

from sec2sec.config import RESIZE, VideoEncoderConfig
from sec2sec.encoders.base import VideoEncoder, is_carried, round_to_half, settings_of
from sec2sec.encoders.images import FRAMES_PER_SECOND, normalised_crop
from sec2sec.encoders.transformers_files import (
    Kind,
    NetworkFiles,
    network_of,
    published_network,
    random_network,
    read_network,
)

MAX_VIDEO_FRAMES = 16  # of a second, for networks that take any number: V-JEPA 2 learned from about as many
KINDS: Mapping[str, Kind] = {
    "siglip": Kind("SiglipVisionConfig", "SiglipVisionModel", "vision_config"),  # SigLIP 2 of one size is one of them
    "siglip_vision_model": Kind("SiglipVisionConfig", "SiglipVisionModel"),
    "clip": Kind("CLIPVisionConfig", "CLIPVisionModel", "vision_config"),
    "clip_vision_model": Kind("CLIPVisionConfig", "CLIPVisionModel"),
    "dinov2": Kind("Dinov2Config", "Dinov2Model"),
    "vit": Kind("ViTConfig", "ViTModel"),
    "videomae": Kind("VideoMAEConfig", "VideoMAEModel", layout="video"),
    "vjepa2": Kind("VJEPA2Config", "VJEPA2Model", layout="vjepa2"),
}


class TransformersVideo(VideoEncoder):
    """Frames through a network of transformers → (N, V, C); token v = (time · rows + row) · columns + column."""

    def __init__(self, config: VideoEncoderConfig, network: nn.Module, layout: str) -> None:
        super().__init__()
        self.config, self.network, self.layout = config, network, layout
        self.carried = is_carried(network)

    def prepare(self, frames: Tensor) -> Tensor:
        """Decoded frames uint8 (N, M, h, w, 3) → (N, M, 3, crop, crop), normalised as the network learned."""
        return normalised_crop(frames, self.config)

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, M, 3, crop, crop) → (N, V, C)."""
        if self.layout == "vjepa2":
            tokens: Tensor = self.network(pixel_values_videos=frames, skip_predictor=True).last_hidden_state
            return tokens
        if self.layout == "video":
            tokens = self.network(pixel_values=frames).last_hidden_state
            return tokens
        tokens = self.network(pixel_values=frames.flatten(0, 1)).last_hidden_state
        _, rows, columns = self.config.grid
        places = tokens[:, -rows * columns :]  # class token and registers come first
        return rearrange(places, "(n m) v c -> n (m v) c", n=len(frames))


def describe_video(name: str) -> tuple[VideoEncoderConfig, int, int]:
    """What published files say of an encoder, its channels C and frames per second M. Raises EncoderError."""
    found = read_network(name, KINDS)
    try:
        resize, crop = sizes_of(found.preprocessor)
        rate, grid = _rate_and_grid(found.kind, found.config, crop)
        config = VideoEncoderConfig(
            name=f"transformers:{name}",
            architecture=found.architecture,
            revision=found.files.revision,
            sha256=found.files.sha256,
            grid=grid,
            resize=resize,
            crop=crop,
            mean=tuple(found.preprocessor["image_mean"]),
            std=tuple(found.preprocessor["image_std"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise found.files.damaged("preprocessor_config.json", error) from error
    return config, int(found.config.hidden_size), rate


def build_video(config: VideoEncoderConfig, *, weights: bool) -> TransformersVideo:
    """The encoder. weights: the published ones; else random, for a checkpoint to fill. Raises EncoderError."""
    kind, network_config = network_of(config.name, KINDS, settings_of(config))
    if not weights:
        return TransformersVideo(config, _trimmed(random_network(kind, network_config)), kind.layout).eval()
    found: NetworkFiles = read_network(config.name.partition(":")[2], KINDS, config.revision)
    found.files.check(config.sha256, config.revision)
    encoder = TransformersVideo(config, _trimmed(published_network(found)), kind.layout).eval()
    return round_to_half(encoder) if encoder.carried else encoder


def _trimmed(network: nn.Module) -> nn.Module:
    """Without the parts that no token depends on: V-JEPA 2's predictor, the pooling heads of SigLIP and ViT."""
    if hasattr(network, "predictor"):
        network.predictor = nn.Identity()
    if getattr(network, "use_head", False):
        network.use_head = False  # type: ignore[assignment]  # a plain attribute of transformers
        del network.head
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # type: ignore[assignment]
    return network


def _rate_and_grid(kind: Kind, config: Any, crop: int) -> tuple[int, tuple[int, int, int]]:
    """Frames per second M, and (time, height, width) of the map of a second, for pictures of crop × crop pixels."""
    places = crop // int(config.patch_size)
    if kind.layout == "image":
        return FRAMES_PER_SECOND, (FRAMES_PER_SECOND, places, places)
    frames = min(MAX_VIDEO_FRAMES, int(config.frames_per_clip)) if kind.layout == "vjepa2" else int(config.num_frames)
    return frames, (frames // int(config.tubelet_size), places, places)


def sizes_of(preprocessor: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
    """Height and width to which a frame is resized, and the side of the crop in its middle.

    Where the shorter side is scaled, frames of every shape become 4:3, as for the other encoders (RESIZE). Where height
    and width are given, the frame is squeezed into them, as the network learned.
    """
    size = preprocessor["size"]
    size = {"shortest_edge": size} if isinstance(size, int) else size
    shortest = int(size.get("shortest_edge") or 0)
    height, width = (shortest, round(shortest * RESIZE[1] / RESIZE[0])) if shortest else (size["height"], size["width"])
    if not preprocessor.get("do_center_crop", False) and not shortest:
        return (int(height), int(width)), min(int(height), int(width))
    crop = preprocessor.get("crop_size") or height
    crop = int(crop if isinstance(crop, int) else crop["height"])
    return (max(int(height), crop), max(int(width), crop)), crop
