"""Tensors of a second → tokens of that second. Every encoder stands behind one interface, a file per family.

T seconds, M frames in a second, V visual and A audio tokens in a second, C channels of a token.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from sec2sec.config import EncoderConfig
from sec2sec.device import inference_dtype, pass_size
from sec2sec.encoder_names import R2PLUS1D, RESNET
from sec2sec.encoders.base import AudioEncoder, EncoderError, VideoEncoder
from sec2sec.encoders.compact import CompactAudio, CompactVideo
from sec2sec.encoders.fold import fold
from sec2sec.encoders.named import part_of
from sec2sec.encoders.paper import load_paper, load_paper_audio, load_paper_video
from sec2sec.encoders.tokens import Modality, Tokens
from sec2sec.features import MfccImage, mel_image

__all__ = ["EncoderError", "Encoders", "build_encoders"]

CHUNK_SECONDS = 4  # per pass on a CPU: the maps of more spill out of the cache, of fewer leave cores idle
GPU_CHUNKS = 8  # times as many on a GPU: 32 seconds of R(2+1)D-18 keep it busy in 2 GB


class Encoders(nn.Module):
    """A visual and an audio encoder, from what media yields to tokens."""

    video: VideoEncoder
    audio: AudioEncoder

    def __init__(self, config: EncoderConfig, video: VideoEncoder, audio: AudioEncoder) -> None:
        super().__init__()
        self.config, self.video, self.audio = config, video, audio
        self.mfcc = MfccImage(config.audio)
        self.precision = torch.float32  # of convolutions and linear layers

    def encode_video(self, frames: Tensor) -> Tensor:
        """frames (T, M, *config.frame_size, 3) uint8 → visual tokens (T, V, C) float32."""
        chunks = frames.split(chunk_size(frames.device))
        tokens = torch.cat([self.video(self.video.prepare(chunk)).float() for chunk in chunks])
        return pool(tokens, self.config.maps[0], self.config.video_grid)

    def encode_audio(self, samples: Tensor, image: Tensor | None = None) -> Tensor:
        """samples (T, 16000) in [-1, 1], and their MFCC images where they are made → audio tokens (T, A, C) float32."""
        if self.audio.reads == "samples":
            return self._encode_audio(samples)
        return self.encode_mfcc(self.mfcc(samples) if image is None else image)

    def encode_mfcc(self, image: Tensor) -> Tensor:
        """MFCC images (T, 3, n_mfcc, steps) → audio tokens (T, A, C) float32."""
        return self._encode_audio(image)

    def screen_image(self, samples: Tensor) -> Tensor:
        """samples (T, 16000) → what the screen shows of the sound (T, channels, rows, steps): MFCC, or mel bands."""
        return mel_image(samples) if self.config.bands == "mel" else self.mfcc(samples)

    def _encode_audio(self, sound: Tensor) -> Tensor:
        """What the audio encoder reads of T seconds → audio tokens (T, A, C) float32."""
        tokens = torch.cat([self.audio(chunk).float() for chunk in sound.split(chunk_size(sound.device))])
        return pool(tokens, self.config.maps[1], self.config.audio_grid)

    def carry(self) -> None:
        """From now on a checkpoint holds the weights, wherever they came from: they were tuned."""
        self.video.carried = self.audio.carried = True

    def summarise(self, tokens: Tokens) -> Tokens:
        """What a cache stores of a clip, made of the tokens of all its seconds: these."""
        return tokens

    def folded(self) -> Encoders:
        """The same encoders for inference: batch norms folded into convolutions, the fast memory format."""
        return Encoders(self.config, fold(self.video), fold(self.audio)).eval()

    def for_inference(self, device: torch.device) -> Encoders:
        """A folded copy on `device`, in the precision that it computes in."""
        return self.folded().to(device).in_precision(inference_dtype(device))

    def in_precision(self, dtype: torch.dtype) -> Self:
        """These encoders, whose convolutions and linear layers have their weights cast to `dtype` once, in place.

        They stay in float32 where a weight does not fit. Everything else (norms, statistics, the MFCC) is float32.
        """
        layers = [module for module in self.modules() if isinstance(module, _ConvNd | nn.Linear)]
        weights = [parameter for layer in layers for parameter in layer.parameters()]
        if all(parameter.detach().to(dtype).isfinite().all() for parameter in weights):
            for layer in layers:
                layer.to(dtype)
            self.precision = dtype
        return self

    def in_float32(self) -> Self:
        """A copy that computes in float32, for input that overflows in half precision."""
        wide = copy.deepcopy(self).float()
        wide.precision = torch.float32
        return wide

    def autocast(self, device: torch.device) -> AbstractContextManager[object]:
        """The context to encode in: input of the layers is cast to their precision."""
        return torch.autocast(device.type, self.precision, enabled=self.precision != torch.float32)


def chunk_size(device: torch.device) -> int:
    """Seconds that go through an encoder in one pass."""
    return pass_size(CHUNK_SECONDS, device, GPU_CHUNKS)


def pool(tokens: Tensor, grid: Sequence[int], coarser: Sequence[int]) -> Tensor:
    """Average tokens (N, V, C) on `grid` over the cells of a coarser grid; cells may overlap, as 7 → 3 must."""
    if tuple(grid) == tuple(coarser):
        return tokens
    maps = tokens.unflatten(1, tuple(grid)).movedim(-1, 1)  # (N, C, *grid)
    average: Callable[..., Tensor] = F.adaptive_avg_pool3d if len(grid) == 3 else F.adaptive_avg_pool2d
    return average(maps, tuple(coarser)).flatten(2).transpose(1, 2)


def build_encoders(
    config: EncoderConfig, *, pretrained: bool = True, seed: int | None = None, carried: Collection[Modality] = ()
) -> Encoders:
    """The encoders of a configuration. Published ones come with their weights, or raise EncoderError.

    `compact` has no published weights: a checkpoint brings them, or training does. carried: whose weights are filled in
    afterwards, from a checkpoint that holds them. Random weights of `paper` need a seed.
    """
    if config.preset == "named":
        video, audio = _named_video(config, "video" not in carried), _named_audio(config, "audio" not in carried)
        return Encoders(config, video, audio)
    if config.preset == "inputs":
        from sec2sec.encoders.inputs import RawInputs  # it extends Encoders

        return RawInputs(config)
    if config.preset == "features":
        from sec2sec.encoders.imported import ImportedFeatures

        return ImportedFeatures(config)
    if config.preset == "paper":
        return Encoders(config, *load_paper(pretrained=pretrained, seed=seed))
    if seed is not None:
        torch.manual_seed(seed)
    return Encoders(config, CompactVideo(config), CompactAudio(config))


def _named_video(config: EncoderConfig, weights: bool) -> VideoEncoder:
    """The visual encoder of a named pair."""
    name = config.video_encoder.name
    if name.startswith("transformers:"):
        from sec2sec.encoders import transformers_images

        return transformers_images.build_video(config.video_encoder, weights=weights)
    if name.startswith("timm:"):
        from sec2sec.encoders import timm_images  # timm takes seconds to import

        return timm_images.build_video(config.video_encoder, weights=weights)
    if name == R2PLUS1D:
        return load_paper_video(pretrained=weights)
    return CompactVideo(part_of(config, name)).eval()


def _named_audio(config: EncoderConfig, weights: bool) -> AudioEncoder:
    """The audio encoder of a named pair."""
    name = config.audio_encoder.name
    if name.startswith("transformers:"):
        from sec2sec.encoders import transformers_audio

        return transformers_audio.build_audio(config.audio_encoder, weights=weights)
    if name == RESNET:
        return load_paper_audio(pretrained=weights)
    return CompactAudio(part_of(config, name)).eval()
