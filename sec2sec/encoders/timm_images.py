"""Visual encoders from timm, `timm:NAME`: the map of each frame before pooling becomes the tokens of its second.

NAME is one of timm's own, or a repository of the Hugging Face Hub in timm's format (config.json, model.safetensors).

N seconds, M frames in a second, V visual tokens in a second, C channels of a token.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import torch
from einops import rearrange
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sec2sec.config import RESIZE, VideoEncoderConfig
from sec2sec.encoders.base import EncoderError, VideoEncoder, is_carried, one_reason, round_to_half, settings_of
from sec2sec.encoders.bundled import find_bundled
from sec2sec.encoders.images import FRAMES_PER_SECOND, normalised_crop
from sec2sec.encoders.published import WEIGHTS, Published, find_published

Layout = Literal["tokens", "channels first", "channels last"]  # of what a network of timm gives

RECIPES = {  # convert weights that a package index has
    "tf_efficientnet_lite0": "recipes.efficientnet_lite0",
    "tf_efficientnet_lite1": "recipes.efficientnet_lite0 --network tf_efficientnet_lite1",
    "tf_efficientnet_lite2": "recipes.efficientnet_lite0 --network tf_efficientnet_lite2",
}


class TimmVideo(VideoEncoder):
    """Frames through a network of timm → (N, V, C); token v = (frame · rows + row) · columns + column."""

    def __init__(self, config: VideoEncoderConfig, network: nn.Module) -> None:
        super().__init__()
        self.config, self.network = config, network
        self.layout: Layout = settings_of(config)["layout"]
        self.carried = is_carried(network)

    def prepare(self, frames: Tensor) -> Tensor:
        """Decoded frames uint8 (N, M, h, w, 3) → (N, M, 3, crop, crop), normalised as the network learned."""
        return normalised_crop(frames, self.config)

    def forward(self, frames: Tensor) -> Tensor:
        """frames (N, M, 3, crop, crop) → (N, V, C)."""
        return rearrange(self.image_tokens(frames.flatten(0, 1)), "(n m) v c -> n (m v) c", m=self.config.grid[0])

    def image_tokens(self, images: Tensor) -> Tensor:
        """images (N·M, 3, crop, crop) → (N·M, rows · columns, C)."""
        _, rows, columns = self.config.grid
        features: Tensor = self.network.forward_features(images)  # type: ignore[operator]  # of every network in timm
        if self.layout == "tokens":  # of a transformer: class token and registers come first
            return features[:, -rows * columns :]
        return rearrange(
            features, "n c h w -> n (h w) c" if self.layout == "channels first" else "n h w c -> n (h w) c"
        )


def describe_video(name: str) -> tuple[VideoEncoderConfig, int, int]:
    """What published files say of an encoder, its channels C and frames per second M. Raises EncoderError."""
    if bundled := find_bundled(f"timm:{name}"):
        _, rows, columns = bundled.config.grid
        return replace(bundled.config, grid=(FRAMES_PER_SECOND, rows, columns)), bundled.width, FRAMES_PER_SECOND
    files = published_files(name)
    document = files.config
    try:
        settings, architecture, arguments = _parsed(document)
        network = _network(architecture, arguments, meta=True)
        layout, width, (rows, columns) = _map_of(network, settings)
        side, resize = _sizes(settings)
        config = VideoEncoderConfig(
            name=f"timm:{name}",
            architecture=json.dumps(
                {"architecture": architecture, "arguments": arguments, "layout": layout}, sort_keys=True
            ),
            revision=files.revision,
            sha256=files.sha256,
            grid=(FRAMES_PER_SECOND, rows, columns),
            resize=resize,
            crop=side,
            mean=tuple(settings["mean"]),
            std=tuple(settings["std"]),
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise files.damaged("config.json", error) from error
    return config, width, FRAMES_PER_SECOND


def build_video(config: VideoEncoderConfig, *, weights: bool) -> TimmVideo:
    """The encoder. weights: the published ones; else random, for a checkpoint to fill. Raises EncoderError."""
    if not weights:
        try:
            about = settings_of(config)
            with torch.random.fork_rng(devices=[]):
                return TimmVideo(config, _network(about["architecture"], about["arguments"])).eval()
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise EncoderError(f"{config.name}: its network cannot be built ({one_reason(error)})") from error
    if bundled := find_bundled(config.name, config.sha256):
        encoder = build_video(config, weights=False)
        encoder.load_state_dict(bundled.weights())
        return encoder
    files = published_files(config.name.partition(":")[2], config.revision)
    files.check(config.sha256, config.revision)
    if files.weights != WEIGHTS:
        raise files.damaged(files.weights, TypeError(f"a network of timm is read from {WEIGHTS} alone"))
    encoder = build_video(config, weights=False)
    try:
        state = load_file(files.folder / files.weights)
        own = {f"network.{name}": tensor for name, tensor in state.items()}
        wanted = encoder.state_dict()
        # of a classifier the file has more; a count of batches is no weight
        if missing := [name for name in wanted if name not in own and not name.endswith("num_batches_tracked")]:
            raise KeyError(f"it lacks {missing[0]} and {len(missing) - 1} more")
        encoder.load_state_dict({name: own.get(name, tensor) for name, tensor in wanted.items()})
    except (KeyError, OSError, RuntimeError, SafetensorError) as error:
        raise files.damaged(files.weights, error) from error
    return round_to_half(encoder) if encoder.carried else encoder


def published_files(name: str, revision: str = "") -> Published:
    """config.json and model.safetensors of a name. Raises EncoderError."""
    repository = name if "/" in name else repository_of(name)
    architecture = name.partition(".")[0]
    recipe = RECIPES.get(architecture, "")
    hint = f"; or convert the weights of a package by `python -m {recipe}`" if recipe else ""
    return find_published(repository, revision=revision, local=architecture if recipe else "", hint=hint)


@lru_cache(maxsize=32)
def repository_of(name: str) -> str:
    """Where timm's weights of a name are on the Hub."""
    import timm

    try:
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except Exception as error:
        near = ", ".join(timm.list_models(f"*{name.partition('.')[0][:12]}*", pretrained=True)[:3])
        raise EncoderError(
            f"timm:{name}: timm {timm.__version__} has no such network ({one_reason(error)})"
            + (f"; it has {near}" if near else "; `sec2sec encoders` lists tested names")
        ) from error
    if config is None or not config.hf_hub_id:
        raise EncoderError(f"timm:{name}: no weights of it are on the Hugging Face Hub; `sec2sec encoders` lists names")
    return str(config.hf_hub_id)


def _parsed(document: Mapping[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """pretrained_cfg, architecture and its arguments, from a config.json in timm's format."""
    settings = dict(document.get("pretrained_cfg") or document)  # older files have it at the top
    return settings, str(document["architecture"]), dict(document.get("model_args") or {})


def _network(architecture: str, arguments: Mapping[str, Any], *, meta: bool = False) -> nn.Module:
    """The network without a classifier; meta: shapes alone. ValueError for a name that timm does not have itself."""
    import timm

    if not timm.is_model(architecture):  # a name may else be a place to read from
        raise ValueError(f"timm {timm.__version__} has no network {architecture!r}")
    with torch.device("meta" if meta else "cpu"):
        network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=0, **arguments)
    return network.eval()


def _map_of(network: nn.Module, settings: Mapping[str, Any]) -> tuple[Layout, int, tuple[int, int]]:
    """Layout, channels and (rows, columns) of the map before pooling, found by passing shapes through the network."""
    with torch.no_grad():
        features = network.forward_features(torch.zeros(1, *settings["input_size"], device="meta"))  # type: ignore[operator]
    if features.ndim == 4:
        _, *sizes = features.shape
        if sizes[0] == network.num_features:
            return "channels first", sizes[0], (sizes[1], sizes[2])
        return "channels last", sizes[2], (sizes[0], sizes[1])
    patches = features.shape[1] - int(getattr(network, "num_prefix_tokens", 0))
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None) or (math.isqrt(patches),) * 2
    if math.prod(grid) != patches:
        raise ValueError(f"its {patches} tokens of a picture are no grid")
    return "tokens", features.shape[2], (int(grid[0]), int(grid[1]))


def _sizes(settings: Mapping[str, Any]) -> tuple[int, tuple[int, int]]:
    """Side of the crop, and height and width to which a frame is resized before it.

    timm scales the shorter side to side / crop_pct and crops the middle; "squash" does not keep the aspect. Frames of
    every shape are resized to 4:3 here, as for the other encoders (RESIZE).
    """
    side = int(settings["input_size"][-1])
    height = max(side, math.floor(side / float(settings.get("crop_pct") or 1.0)))
    squashed = settings.get("crop_mode", "center") == "squash"
    return side, (height, height if squashed else round(height * RESIZE[1] / RESIZE[0]))
